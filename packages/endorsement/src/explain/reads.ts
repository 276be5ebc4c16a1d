/**
 * Which read of a transaction did not hold any more, and whose doing that was. The rules are those of the ledger's
 * validation; what stands here finds the culprit in the stored blocks.
 */
import {
  type Change,
  hashedNamespace,
  type KvRead,
  type NamespaceRwSet,
  type ParsedRwSet,
  type Past,
  type RangeQuery,
  type StateReader,
  sameVersion,
  type Version,
} from "@hansa/ledger";
import type { RangeConflict, ReadConflict, ShownKey, TransactionRef } from "./explanation.js";
import { keyText, type PrivateKeys, publicKeyOf } from "./shown.js";
import { placeOf } from "./transaction.js";

/** How many conflicts are told one by one. */
const MAX_TOLD = 5;
/** How many reads that look suspicious are followed into the blocks. */
const MAX_FOLLOWED = 200;
/** How far back a range is followed when the transaction read nothing that says how much its endorsers had seen. */
const RANGE_BLOCKS = 200;

export type ReadContext = {
  readonly at: Version;
  readonly rwset: ParsedRwSet;
  /** As it is now. */
  readonly state: StateReader;
  readonly past: Past;
  /** Keys that the reader may see, of the explained block and of others. */
  readonly keysOf: (blockNumber: number) => Promise<PrivateKeys>;
  readonly refOf: (version: Version) => Promise<TransactionRef | undefined>;
};

export type ReadConflicts = {
  readonly told: readonly ReadConflict[];
  /** Further ones. */
  readonly more: number;
};

type Suspect = { readonly set: NamespaceRwSet; readonly collection: string; readonly read: KvRead };

/** The reads that conflict, in the order in which the ledger looks at them. */
export async function readConflicts(context: ReadContext): Promise<ReadConflicts> {
  const sure: [Suspect, Outcome][] = [];
  const unsure: [Suspect, Outcome][] = [];
  const absentAfter = newestSeen(context.rwset) ?? Math.max(-1, context.at.blockNumber - RANGE_BLOCKS);
  let followed = 0;
  for (const suspect of suspects(context)) {
    if (followed++ >= MAX_FOLLOWED) break;
    const outcome = await outcomeOf(context, suspect, absentAfter);
    if (outcome !== undefined) (outcome === "unknown" ? unsure : sure).push([suspect, outcome]);
  }
  const found = sure.length > 0 ? sure : unsure;
  const told: ReadConflict[] = [];
  for (const [suspect, outcome] of found.slice(0, MAX_TOLD)) told.push(await conflictOf(context, suspect, outcome));
  return { told, more: found.length - told.length };
}

/** Reads whose key is at another version by now. A key that nobody changed since cannot have conflicted. */
function* suspects({ rwset, state }: ReadContext): Generator<Suspect> {
  for (const set of rwset.namespaces) {
    for (const read of set.reads) {
      if (!sameVersion(state.get(set.namespace, read.key)?.version, read.version)) yield { set, collection: "", read };
    }
    for (const { name, reads } of set.collections) {
      const place = hashedNamespace(set.namespace, name);
      for (const read of reads) {
        if (!sameVersion(state.get(place, read.key)?.version, read.version)) yield { set, collection: name, read };
      }
    }
  }
}

type Outcome = Change | "unknown" | "expired" | "made up";

/**
 * What the transaction's turn found in place of what was read; undefined when it found the same.
 * @param absentAfter the newest block that the endorsers had surely seen: what was not there then came later
 */
async function outcomeOf(
  { at, state, past }: ReadContext,
  { set, collection, read }: Suspect,
  absentAfter: number,
): Promise<Outcome | undefined> {
  const place = collection === "" ? set.namespace : hashedNamespace(set.namespace, collection);
  const after = read.version === undefined ? absentAfter : read.version.blockNumber - 1;
  const now = state.get(place, read.key)?.version;
  // What is there now and was written before the transaction was there at its turn as well.
  const floor = now !== undefined && isBefore(now, at) ? Math.max(after, now.blockNumber - 1) : after;
  const last = await past.lastChange(place, read.key, at, floor);
  if (last.kind !== "found") {
    if (read.version === undefined) return undefined;
    return last.kind === "none" ? "made up" : "unknown";
  }
  const { change } = last;
  const isOnlyPolicy = change.kind === "metadata" && read.version === undefined;
  if (isOnlyPolicy && !(await past.wasThere(place, read.key, at, floor))) return undefined;
  const found = change.kind === "delete" ? undefined : change.version;
  if (!sameVersion(found, read.version)) return change;
  // Written as read, and gone without a transaction: private data that has lived its time.
  return collection !== "" && now === undefined ? "expired" : undefined;
}

function isBefore(one: Version, other: Version): boolean {
  return one.blockNumber < other.blockNumber || (one.blockNumber === other.blockNumber && one.txIndex < other.txIndex);
}

async function conflictOf(context: ReadContext, suspect: Suspect, outcome: Outcome): Promise<ReadConflict> {
  const { at, keysOf, refOf } = context;
  const { set, collection, read } = suspect;
  const change = typeof outcome === "string" ? undefined : outcome;
  const writes =
    collection === "" ? set.writes : (set.collections.find(({ name }) => name === collection)?.writes ?? []);
  let shown: ShownKey = publicKeyOf(set.namespace, read.key);
  if (collection !== "") {
    shown = (await keysOf(at.blockNumber)).shown(set.namespace, collection, read.key);
    const elsewhere = change?.version.blockNumber ?? read.version?.blockNumber;
    if (shown.key === undefined && elsewhere !== undefined) {
      shown = (await keysOf(elsewhere)).shown(set.namespace, collection, read.key);
    }
  }
  return {
    ...shown,
    kind: "read conflict",
    read: placeOf(read.version),
    found: change === undefined || change.kind === "delete" ? undefined : placeOf(change.version),
    change: change === undefined ? (outcome as Exclude<Outcome, Change>) : WORDS[change.kind],
    by: change === undefined ? undefined : await refOf(change.version),
    sameBlock: change?.version.blockNumber === at.blockNumber,
    writesIt: writes.some(({ key }) => key === read.key),
  };
}

const WORDS = { write: "written", delete: "deleted", metadata: "policy changed" } as const;

/** The first range whose results have changed; undefined when none is found. */
export async function rangeConflict(context: ReadContext): Promise<RangeConflict | undefined> {
  const seen = newestSeen(context.rwset);
  const after = seen ?? Math.max(-1, context.at.blockNumber - RANGE_BLOCKS);
  let first: RangeConflict | undefined;
  for (const set of context.rwset.namespaces) {
    for (const query of set.rangeQueries) {
      const found = await conflictOfRange(context, set.namespace, query, after);
      if (found?.first !== undefined) return found;
      first ??= found;
    }
  }
  return first;
}

async function conflictOfRange(
  { at, past, refOf }: ReadContext,
  namespace: string,
  query: RangeQuery,
  after: number,
): Promise<RangeConflict | undefined> {
  const range = { startKey: query.startKey, endKey: query.endKey, withEnd: !query.itrExhausted };
  const { changes, complete } = await past.changesInRange(namespace, range, at, after);
  const isRaw = query.merkle === undefined;
  const expected = new Map(query.rawReads.map(({ key, version }) => [key, version]));
  // Of hashes nothing can be told but what changed last.
  const candidates = isRaw ? changes : changes.toSorted(([, a], [, b]) => (isBefore(a.version, b.version) ? 1 : -1));
  const differing = candidates.find(([key, { kind, version }]) => {
    if (!isRaw) return true;
    if (kind === "write") return !sameVersion(expected.get(key), version);
    return kind === "delete" ? expected.has(key) : expected.has(key) && !sameVersion(expected.get(key), version);
  });
  const told = {
    kind: "range conflict",
    namespace,
    startKey: endText(query.startKey),
    endKey: endText(query.endKey),
    isCertain: isRaw && complete,
  } as const;
  if (differing === undefined) return complete && isRaw ? undefined : { ...told, first: undefined };
  const [key, change] = differing;
  return {
    ...told,
    first: {
      ...publicKeyOf(namespace, key),
      read: placeOf(expected.get(key)),
      found: change.kind === "delete" ? undefined : placeOf(change.version),
      change: WORDS[change.kind],
      by: await refOf(change.version),
      sameBlock: change.version.blockNumber === at.blockNumber,
    },
  };
}

/** Ends of a range of composite keys hold characters that nobody can see. */
function endText(key: string): string {
  if (key === "" || key === "\u0001") return "";
  return keyText(key.replace(/\u{10ffff}$/u, ""));
}

/** The newest block that the endorsers had surely seen; undefined when the transaction read nothing that exists. */
function newestSeen({ namespaces }: ParsedRwSet): number | undefined {
  let newest: number | undefined;
  const note = ({ version }: KvRead) => {
    if (version !== undefined && version.blockNumber > (newest ?? -1)) newest = version.blockNumber;
  };
  for (const { reads, rangeQueries, collections } of namespaces) {
    reads.forEach(note);
    for (const { rawReads } of rangeQueries) rawReads.forEach(note);
    for (const { reads: hashed } of collections) hashed.forEach(note);
  }
  return newest;
}
