/**
 * Policy texts: AND('Org1MSP.peer', OR('Org2MSP.member', 'Org3MSP.admin')), OutOf(2, …).
 *
 * The order of principals in the result is Fabric's: of one gate, inner gates come first and its own principals
 * after them, and a principal that is named twice stands there twice. Lifecycle commands compare policies byte by
 * byte, so a text must give the same bytes from every tool.
 * Source: hyperledger/fabric, common/policydsl/policyparser.go.
 */
import type { common } from "@hansa/wire";
import { MspError } from "./error.js";
import { describePrincipal, ROLE_NAMES, type RoleName, rolePrincipal } from "./principal.js";

const PRINCIPAL = /^([A-Za-z0-9.-]+)\.(admin|member|client|peer|orderer)$/;
const TOKEN = /\s*(?:([A-Za-z_][A-Za-z0-9_]*)|(-?\d+(?:\.\d+)?)|'([^']*)'|"([^"]*)"|([(),]))/y;
const MAX_DEPTH = 64;
const MAX_LENGTH = 65_536;

type Token = { kind: "name" | "number" | "text" | "mark" | "end"; text: string; at: number };

type Gate = "and" | "or" | "outof";

const GATES: ReadonlyMap<string, Gate> = new Map([
  ...["And", "and", "AND"].map((name) => [name, "and"] as const),
  ...["Or", "or", "OR"].map((name) => [name, "or"] as const),
  ...["OutOf", "outof", "OUTOF"].map((name) => [name, "outof"] as const),
]);

/** @throws MspError INVALID_POLICY, naming the position (from 1) and what belongs there */
export function parsePolicy(text: string): common.ISignaturePolicyEnvelope {
  const fail = (at: number, fact: string): never => {
    throw new MspError("INVALID_POLICY", `policy "${shorten(text)}", position ${at + 1}: ${fact}`, {
      nextStep: "Write it like OR('Org1MSP.member', AND('Org2MSP.peer', 'Org3MSP.peer')) or OutOf(2, …).",
    });
  };
  if (text.length > MAX_LENGTH) fail(0, `it is longer than ${MAX_LENGTH} characters`);
  const tokens = tokenize(text, fail);
  const identities: common.IMSPPrincipal[] = [];
  let next = 0;
  const peek = (): Token => tokens[next] as Token;
  const take = (): Token => tokens[next++] as Token;
  const expect = (mark: string): Token => {
    const token = take();
    if (token.kind !== "mark" || token.text !== mark) fail(token.at, `"${mark}" belongs here`);
    return token;
  };

  const gate = (depth: number): common.ISignaturePolicy => {
    const name = take();
    const kind = name.kind === "name" ? GATES.get(name.text) : undefined;
    if (kind === undefined) {
      return fail(name.at, `${describe(name)} is no gate; AND, OR and OutOf are`);
    }
    if (depth > MAX_DEPTH) fail(name.at, `gates are nested deeper than ${MAX_DEPTH}`);
    expect("(");
    let threshold: Token | undefined;
    if (kind === "outof") {
      threshold = take();
      if (!/^\d+(\.0+)?$/.test(threshold.text)) fail(threshold.at, "OutOf begins with a number: how many must sign");
      if (peek().text === ",") take();
    }
    // Inner gates are worked out first; the gate's own principals get their numbers after those.
    const rules: (common.ISignaturePolicy | Token)[] = [];
    while (!(peek().kind === "mark" && peek().text === ")")) {
      if (rules.length > 0) expect(",");
      rules.push(peek().kind === "text" ? take() : gate(depth + 1));
    }
    const close = expect(")");
    if (rules.length === 0) fail(close.at, `${name.text} names nobody`);
    const n = kind === "and" ? rules.length : kind === "or" ? 1 : Number(threshold?.text);
    if (n > rules.length + 1) {
      fail(threshold?.at ?? name.at, `invalid t-out-of-n predicate, t ${n}, n ${rules.length}`);
    }
    return {
      nOutOf: {
        n,
        rules: rules.map((rule) => {
          if (!("kind" in rule)) return rule;
          const match = PRINCIPAL.exec(rule.text);
          if (match === null) {
            return fail(
              rule.at,
              `'${shorten(rule.text)}' is not MSPID.role, with the role one of ${ROLE_NAMES.join(", ")}`,
            );
          }
          identities.push(rolePrincipal(match[1] as string, match[2] as RoleName));
          return { signedBy: identities.length - 1 };
        }),
      },
    };
  };

  const rule = gate(1);
  const rest = peek();
  if (rest.kind !== "end") fail(rest.at, `${describe(rest)} stands after the end`);
  return { version: 0, rule, identities };
}

function tokenize(text: string, fail: (at: number, fact: string) => never): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  let at = 0;
  while (at < end) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) {
      const start = at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0);
      return fail(start, `unrecognized token '${text[start]}' in policy string`);
    }
    const [whole, name, number, single, double, mark] = match;
    const start = at + whole.length - whole.trimStart().length;
    if (name !== undefined) tokens.push({ kind: "name", text: name, at: start });
    else if (number !== undefined) tokens.push({ kind: "number", text: number, at: start });
    else if (mark !== undefined) tokens.push({ kind: "mark", text: mark, at: start });
    else tokens.push({ kind: "text", text: single ?? double ?? "", at: start });
    at = TOKEN.lastIndex;
  }
  tokens.push({ kind: "end", text: "", at: end });
  return tokens;
}

function describe(token: Token): string {
  return token.kind === "end" ? "the end of the text" : `'${shorten(token.text)}'`;
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/**
 * The text of a policy. Parses back to the same meaning when all principals are roles; others appear as a
 * description in the place of MSPID.role. Never throws.
 */
export function formatPolicy(envelope: common.ISignaturePolicyEnvelope): string {
  const identities = envelope.identities ?? [];
  const format = (rule: common.ISignaturePolicy | null | undefined, depth: number): string => {
    if (!rule || depth > MAX_DEPTH) return "'?'";
    if (rule.nOutOf) {
      const { n, rules } = rule.nOutOf;
      const parts = (rules ?? []).map((each) => format(each, depth + 1)).join(", ");
      const count = rules?.length ?? 0;
      if (count > 0 && n === 1) return `OR(${parts})`;
      if (count > 0 && n === count) return `AND(${parts})`;
      return parts === "" ? `OutOf(${n ?? 0})` : `OutOf(${n ?? 0}, ${parts})`;
    }
    const principal = identities[rule.signedBy ?? 0];
    return principal === undefined ? "'?'" : `'${describePrincipal(principal)}'`;
  };
  return format(envelope.rule, 1);
}

/** n of the members must sign, each in this role. Members in sorted order, as Fabric's own tools write it. */
export function signedByOutOf(n: number, role: RoleName, mspIds: readonly string[]): common.ISignaturePolicyEnvelope {
  const sorted = [...mspIds].sort();
  return {
    version: 0,
    rule: { nOutOf: { n, rules: sorted.map((_, index) => ({ signedBy: index })) } },
    identities: sorted.map((mspId) => rolePrincipal(mspId, role)),
  };
}
