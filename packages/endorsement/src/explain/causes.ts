/** Why two runs of one contract give different values: guesses, each with the evidence that the values themselves give. */

export type CauseName =
  | "ledger height"
  | "version"
  | "order"
  | "time"
  | "randomness"
  | "floating point"
  | "place"
  | "memory"
  | "package";

export type Cause = { readonly cause: CauseName; readonly words: string };

export type Pair = { readonly first: unknown; readonly second: unknown };

/** Who ran it: what a value may betray. */
export type RunBy = { readonly mspId: string; readonly address: string };

const DAY_MS = 86_400_000;
const YEAR_2000_MS = 946_684_800_000;
const YEAR_2100_MS = 4_102_444_800_000;
const NEARLY_EQUAL = 1e-9;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Sixteen or more characters of one alphabet, as identifiers and keys are written. */
const RANDOM_TEXT = /^(?:[0-9a-f]{16,}|[A-Za-z0-9+/_-]{16,}={0,2})$/i;

/** What a pair of values that differ points to; undefined when it could be anything. */
export function causeOf({ first, second }: Pair, one: RunBy, other: RunBy): Cause | undefined {
  return (
    placeCause(first, second, one, other) ??
    timeCause(first, second) ??
    floatCause(first, second) ??
    randomCause(first, second) ??
    memoryCause(first, second)
  );
}

function placeCause(first: unknown, second: unknown, one: RunBy, other: RunBy): Cause | undefined {
  if (typeof first !== "string" || typeof second !== "string") return undefined;
  const traces = (by: RunBy) =>
    [by.mspId, by.address, by.address.split(":")[0] ?? ""].filter((text) => text.length > 2);
  const own = traces(one).find(
    (trace, index) => first.includes(trace) && second.includes(traces(other)[index] ?? trace),
  );
  if (own === undefined || one.mspId === other.mspId) return undefined;
  return {
    cause: "place",
    words: `each run wrote where it ran ("${own}"): a contract must not write its peer's organisation or address; ask for the client's instead`,
  };
}

const TIME_OF_DAY = /^\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AP]M)?$/i;

function timeCause(first: unknown, second: unknown): Cause | undefined {
  if (isTimeOfDay(first) && isTimeOfDay(second)) {
    return {
      cause: "time",
      words: "both are times of day: take the transaction's time (ctx.stub.getTxTimestamp) in place of the clock",
    };
  }
  const [a, b] = [timeOf(first), timeOf(second)];
  if (a === undefined || b === undefined || Math.abs(a - b) > DAY_MS) return undefined;
  return {
    cause: "time",
    words: `both are times, ${Math.abs(a - b)} ms apart: take the transaction's time (ctx.stub.getTxTimestamp) in place of the clock`,
  };
}

function isTimeOfDay(value: unknown): boolean {
  return typeof value === "string" && TIME_OF_DAY.test(value);
}

/** Milliseconds since 1970 of a text or number that is a time of this century. */
function timeOf(value: unknown): number | undefined {
  if (typeof value === "number") {
    if (value > YEAR_2000_MS && value < YEAR_2100_MS) return value;
    const isSeconds = value > YEAR_2000_MS / 1000 && value < YEAR_2100_MS / 1000;
    return isSeconds ? value * 1000 : undefined;
  }
  if (typeof value !== "string" || !/\d{4}/.test(value) || value.length > 100 || /^\d+$/.test(value)) return undefined;
  if (!/^\d{4}-\d\d-\d\d|^[A-Z][a-z]{2}[, ]/.test(value)) return undefined;
  const time = Date.parse(value);
  return Number.isNaN(time) || time < YEAR_2000_MS || time > YEAR_2100_MS ? undefined : time;
}

function floatCause(first: unknown, second: unknown): Cause | undefined {
  if (typeof first !== "number" || typeof second !== "number") return undefined;
  const size = Math.max(Math.abs(first), Math.abs(second));
  if (size === 0 || Math.abs(first - second) / size > NEARLY_EQUAL) return undefined;
  return {
    cause: "floating point",
    words:
      "the numbers are equal but for their last digits: sums of floating-point numbers depend on their order; compute with whole numbers",
  };
}

function randomCause(first: unknown, second: unknown): Cause | undefined {
  const words =
    "the values look random: derive what must be unique from the transaction's id (ctx.stub.getTxID), or pass it as an argument";
  if (typeof first === "number" && typeof second === "number") {
    const isDrawn = (value: number) => value > 0 && value < 1 && String(value).length > 8;
    return isDrawn(first) && isDrawn(second) ? { cause: "randomness", words } : undefined;
  }
  if (typeof first !== "string" || typeof second !== "string" || first.length !== second.length) return undefined;
  const isDrawn = (text: string) =>
    UUID.test(text) || (RANDOM_TEXT.test(text) && /\d/.test(text) && /[a-z]/i.test(text));
  return isDrawn(first) && isDrawn(second) ? { cause: "randomness", words } : undefined;
}

function memoryCause(first: unknown, second: unknown): Cause | undefined {
  if (!Number.isInteger(first) || !Number.isInteger(second)) return undefined;
  return {
    cause: "memory",
    words:
      "the numbers differ although the same was read: what a contract keeps in memory between calls is not the same on every peer; keep it on the ledger",
  };
}
