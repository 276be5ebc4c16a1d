/**
 * How the results of two endorsers differ, key by key and inside JSON values, and what that points to.
 *
 * Versions read tell apart a peer that is behind from a contract that does not decide by its arguments and the ledger
 * alone.
 */
import { type KvRead, MalformedMessage, type NamespaceRwSet, parseTxRwSet, sameVersion } from "@hansa/ledger";
import { equalBytes, NO_BYTES, toHex } from "@hansa/primitives";
import { decode, protos, WireError } from "@hansa/wire";
import { type Cause, causeOf, type Pair, type RunBy } from "./causes.js";
import { cut, keyText } from "./shown.js";
import { differenceOf, leafText } from "./value-difference.js";

export type EndorserAnswer = RunBy & {
  /** Bytes of protos.ProposalResponsePayload. */
  readonly payload: Uint8Array;
};

export type Difference = {
  readonly where: "version" | "read" | "range" | "write" | "policy" | "private data" | "event" | "response";
  /** Which key, collection or event, and the place inside its value; empty where there is only one. */
  readonly what: string;
  readonly first: string;
  readonly second: string;
};

export type Mismatch = {
  readonly differences: readonly Difference[];
  /** Further ones. */
  readonly more: number;
  /** The likeliest first. */
  readonly causes: readonly Cause[];
};

const MAX_DIFFERENCES = 8;
const MAX_TOLD_KEYS = 2_000;
const SHORT_HASH = 12;
/** The whole text; error details travel in HTTP headers, of which clients take 8 KiB. */
const MAX_TEXT = 1_800;

/** Undefined when one of the answers cannot be read, or they do not differ in what they did. */
export function mismatchOf(first: EndorserAnswer, second: EndorserAnswer): Mismatch | undefined {
  try {
    const found = new Findings(first, second);
    found.compare(actionOf(first.payload), actionOf(second.payload));
    return found.count === 0 ? undefined : found.result();
  } catch (error) {
    if (error instanceof MalformedMessage || error instanceof WireError) return undefined;
    throw error;
  }
}

/** For people, in a few lines. */
export function mismatchText(first: RunBy, second: RunBy, { differences, more, causes }: Mismatch): string {
  const name = ({ mspId, address }: RunBy) => `${address} (${mspId})`;
  const lines = [`${name(first)} and ${name(second)} computed different results, each pair in that order:`];
  for (const { where, what, first: a, second: b } of differences) {
    lines.push(`  ${where}${what === "" ? "" : ` of ${what}`}: ${a} / ${b}`);
  }
  if (more > 0) lines.push(`  and ${more} more`);
  for (const { cause, words } of causes) lines.push(`Likely cause, ${cause}: ${words}.`);
  return cut(lines.join("\n"), MAX_TEXT);
}

function actionOf(payload: Uint8Array): protos.ChaincodeAction {
  const { extension } = decode(protos.ProposalResponsePayload, payload, "ProposalResponsePayload");
  return decode(protos.ChaincodeAction, extension, "ChaincodeAction");
}

class Findings {
  readonly #one: RunBy;
  readonly #other: RunBy;
  readonly #differences: Difference[] = [];
  readonly #causes = new Map<string, Cause>();
  #readsDiffer = false;
  #lost = 0;

  constructor(one: RunBy, other: RunBy) {
    this.#one = one;
    this.#other = other;
  }

  get count(): number {
    return this.#differences.length + this.#lost;
  }

  result(): Mismatch {
    // Who reads other versions must come to other values; nothing further follows from those.
    const found = [...this.#causes.values()];
    const causes = this.#readsDiffer
      ? found.filter(({ cause }) => cause === "ledger height" || cause === "version")
      : found;
    if (causes.length === 0) {
      causes.push({
        cause: "package",
        words:
          "nothing in the values says why: compare the installed packages of both peers, and look for what the contract takes from elsewhere than its arguments and the ledger",
      });
    }
    return { differences: this.#differences, more: this.#lost, causes };
  }

  compare(a: protos.ChaincodeAction, b: protos.ChaincodeAction): void {
    const [v1, v2] = [a.chaincodeId?.version ?? "", b.chaincodeId?.version ?? ""];
    if (v1 !== v2) {
      this.#add("version", "", JSON.stringify(cut(v1, 40)), JSON.stringify(cut(v2, 40)));
      this.#blame({
        cause: "version",
        words: "they run different versions of the chaincode's definition; try again when both have the same",
      });
    }
    const [left, right] = [parseTxRwSet(a.results), parseTxRwSet(b.results)];
    const empty = { reads: [], rangeQueries: [], writes: [], metadataWrites: [], collections: [] };
    for (const [namespace, one, other] of paired(left.namespaces, right.namespaces, (set) => set.namespace)) {
      this.#compareSets(namespace, one ?? { namespace, ...empty }, other ?? { namespace, ...empty });
    }
    if (!equalBytes(a.events, b.events)) this.#compareEvents(a.events, b.events);
    this.#compareResponses(a.response, b.response);
  }

  #compareSets(namespace: string, one: NamespaceRwSet, other: NamespaceRwSet): void {
    const named = (key: string) => `key ${keyText(key)} in ${namespace}`;
    for (const [key, x, y] of paired(one.reads, other.reads, (read) => read.key)) {
      if (x !== undefined && y !== undefined && sameVersion(x.version, y.version)) continue;
      this.#add("read", named(key), readText(x), readText(y));
      if (x !== undefined && y !== undefined) this.#noteHeight(x, y);
    }
    for (let index = 0; index < Math.max(one.rangeQueries.length, other.rangeQueries.length); index++) {
      const [x, y] = [one.rangeQueries[index], other.rangeQueries[index]];
      if (JSON.stringify(x) === JSON.stringify(y)) continue;
      const ends = x ?? y;
      this.#add(
        "range",
        `${keyText(ends?.startKey ?? "")} to ${keyText(ends?.endKey ?? "")} in ${namespace}`,
        rangeText(x),
        rangeText(y),
      );
      if (x?.startKey !== y?.startKey || x?.endKey !== y?.endKey) continue;
      this.#readsDiffer = true;
      this.#blame({
        cause: "ledger height",
        words:
          "they found other results in the same range: one of them had not committed yet what the other had; try again",
      });
    }
    this.#compareWrites(named, one.writes, other.writes);
    for (const [key, x, y] of paired(one.metadataWrites, other.metadataWrites, (write) => write.key)) {
      if (JSON.stringify(x) !== JSON.stringify(y)) this.#add("policy", named(key), present(x), present(y));
    }
    for (const [name, x, y] of paired(one.collections, other.collections, (collection) => collection.name)) {
      const [h1, h2] = [x?.privateHash ?? NO_BYTES, y?.privateHash ?? NO_BYTES];
      if (equalBytes(h1, h2) && x?.writes.length === y?.writes.length) {
        for (const [, r1, r2] of paired(x?.reads ?? [], y?.reads ?? [], (read) => read.key)) {
          if (r1 !== undefined && r2 !== undefined && sameVersion(r1.version, r2.version)) continue;
          this.#add("read", `a private key of ${name} in ${namespace}`, readText(r1), readText(r2));
          if (r1 !== undefined && r2 !== undefined) this.#noteHeight(r1, r2);
        }
        continue;
      }
      this.#add("private data", `collection ${name} in ${namespace}`, hashText(h1), hashText(h2));
    }
  }

  #compareWrites(named: (key: string) => string, one: NamespaceRwSet["writes"], other: NamespaceRwSet["writes"]): void {
    const alone: [string[], string[]] = [[], []];
    for (const [key, x, y] of paired(one, other, (write) => write.key)) {
      if (x === undefined || y === undefined) {
        this.#add(
          "write",
          named(key),
          x === undefined ? "not written" : "written",
          y === undefined ? "not written" : "written",
        );
        alone[x === undefined ? 1 : 0].push(key);
        continue;
      }
      if (x.isDelete === y.isDelete && equalBytes(x.value, y.value)) continue;
      if (x.isDelete || y.isDelete) {
        this.#add("write", named(key), x.isDelete ? "deleted" : "written", y.isDelete ? "deleted" : "written");
      } else this.#compareValues("write", named(key), x.value, y.value);
    }
    // Keys of which each run wrote its own: the keys themselves are the values that differ.
    for (const [index, first] of alone[0].entries()) {
      const second = alone[1][index];
      if (second !== undefined) this.#weigh({ first: lastPart(first), second: lastPart(second) });
    }
  }

  #compareEvents(a: Uint8Array, b: Uint8Array): void {
    const [x, y] = [a, b].map((bytes) =>
      bytes.length === 0 ? undefined : decode(protos.ChaincodeEvent, bytes, "event"),
    );
    if (x === undefined || y === undefined || x.eventName !== y.eventName) {
      const name = (event: protos.ChaincodeEvent | undefined) =>
        event === undefined ? "none" : cut(event.eventName, 60);
      this.#add("event", "", name(x), name(y));
    } else this.#compareValues("event", cut(x.eventName, 60), x.payload, y.payload);
  }

  #compareResponses(a: protos.IResponse | null | undefined, b: protos.IResponse | null | undefined): void {
    if ((a?.status ?? 0) !== (b?.status ?? 0))
      this.#add("response", "", `status ${a?.status ?? 0}`, `status ${b?.status ?? 0}`);
    const [m1, m2] = [a?.message ?? "", b?.message ?? ""];
    if (m1 !== m2) this.#add("response", "its message", leafText(m1), leafText(m2));
    const [p1, p2] = [a?.payload ?? NO_BYTES, b?.payload ?? NO_BYTES];
    if (!equalBytes(p1, p2)) this.#compareValues("response", "", p1, p2);
  }

  #compareValues(where: Difference["where"], what: string, a: Uint8Array, b: Uint8Array): void {
    const difference = differenceOf(a, b);
    if (difference.kind === "order") {
      const place = difference.path === "" ? "" : ` (${difference.path})`;
      this.#add(where, what, `the same ${difference.of}${place}`, "in another order");
      this.#blame({
        cause: "order",
        words: `the values hold the same ${difference.of} in another order: sort them before they are written (sort-keys-recursive does it for JSON)`,
      });
      return;
    }
    for (const { path, first, second } of difference.leaves) {
      const place = [path, what].filter((text) => text !== "").join(" of ");
      this.#add(where, place, leafText(first), leafText(second));
      this.#weigh({ first, second });
    }
    this.#lost += difference.more;
  }

  #noteHeight(x: KvRead, y: KvRead): void {
    this.#readsDiffer = true;
    const [a, b] = [x.version?.blockNumber ?? -1, y.version?.blockNumber ?? -1];
    const behind =
      a < b || (a === b && (x.version?.txIndex ?? -1) < (y.version?.txIndex ?? -1)) ? this.#one : this.#other;
    this.#blame({
      cause: "ledger height",
      words: `${behind.address} had not committed yet what the other had read; try again, or look at that peer if it stays behind`,
    });
  }

  #weigh(pair: Pair): void {
    const cause = causeOf(pair, this.#one, this.#other);
    if (cause !== undefined) this.#blame(cause);
  }

  #blame(cause: Cause): void {
    if (!this.#causes.has(cause.cause)) this.#causes.set(cause.cause, cause);
  }

  #add(where: Difference["where"], what: string, first: string, second: string): void {
    if (this.#differences.length < MAX_DIFFERENCES) this.#differences.push({ where, what, first, second });
    else this.#lost++;
  }
}

/** Items of both sides by key, those of the first in front; a bounded number. */
function paired<T>(
  one: readonly T[],
  other: readonly T[],
  keyOf: (item: T) => string,
): [string, T | undefined, T | undefined][] {
  const left = new Map(one.map((item) => [keyOf(item), item]));
  const right = new Map(other.map((item) => [keyOf(item), item]));
  return [...new Set([...left.keys(), ...right.keys()])]
    .slice(0, MAX_TOLD_KEYS)
    .map((key) => [key, left.get(key), right.get(key)]);
}

function readText(read: KvRead | undefined): string {
  if (read === undefined) return "not read";
  return read.version === undefined
    ? "not there"
    : `block ${read.version.blockNumber}, transaction ${read.version.txIndex}`;
}

function rangeText(range: NamespaceRwSet["rangeQueries"][number] | undefined): string {
  if (range === undefined) return "not read";
  return range.merkle === undefined ? `${range.rawReads.length} results` : "many results";
}

function hashText(hash: Uint8Array): string {
  return hash.length === 0 ? "nothing" : `SHA-256 ${toHex(hash).slice(0, SHORT_HASH)}…`;
}

function present(item: unknown): string {
  return item === undefined ? "not set" : "set";
}

/** The last attribute of a composite key, or what follows the last separator: where contracts put what is unique. */
function lastPart(key: string): unknown {
  const parts = key.replaceAll("\u0000", "/").split(/[/:#|]+/);
  const last = parts.findLast((part) => part !== "") ?? key;
  return /^\d+(\.\d+)?$/.test(last) ? Number(last) : last;
}
