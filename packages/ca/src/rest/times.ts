/** Times as fabric-ca's queries write them. Source: hyperledger/fabric-ca, lib/server/certificaterequest. */
import { Code, RestError } from "./answers.js";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^([+-])((?:\d+(?:\.\d+)?(?:ms|[smhd]))+)$/i;

/**
 * A day, a time with its zone, or a distance from now such as -30d or +1h30m. Undefined for "".
 * @throws RestError 400
 */
export function timeOf(text: string, nowMs: number, what: string): number | undefined {
  if (text === "") return undefined;
  const bad = (fact: string) =>
    new RestError(400, Code.gettingCert, `Invalid Request: Invalid '${what}' value: ${fact}: "${text.slice(0, 64)}"`);
  // A plus sign that was not escaped arrives as a blank.
  const written = text.startsWith(" ") ? `+${text.slice(1)}` : text;
  if (/^[+-]/.test(written)) {
    const [, sign, parts = ""] = DURATION.exec(written) ?? [];
    if (sign === undefined) throw bad("Failed to parse duration");
    const distanceMs = [...parts.toLowerCase().matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)].reduce(
      (sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit ?? ""] ?? 0),
      0,
    );
    return sign === "-" ? nowMs - distanceMs : nowMs + distanceMs;
  }
  const ms = Date.parse(written.includes("T") ? written : `${written}T00:00:00Z`);
  if (Number.isNaN(ms)) throw bad("Failed to parse time based on RFC3339");
  return ms;
}
