/**
 * Private data that this peer has not: bookkeeping of the ledger, one entry for each transaction and collection.
 *
 * - `$missing`: what this peer's organisation may have, newest block first, as that is wanted most.
 * - `$not-held`: what it may not have, by collection: when a later definition makes it a member, it may. All that a
 *   snapshot has the hashes of stands here, too.
 *
 * Source: hyperledger/fabric, core/ledger/pvtdatastorage (missing data, eligible and ineligible),
 * gossip/privdata/reconcile.go, core/ledger/kvledger/hash_verification.
 */
import { equalBytes, NO_BYTES, sha256 } from "@hansa/primitives";
import { encode, kvrwset, TxValidationCode } from "@hansa/wire";
import { hashedNamespace, hashKey, privateNamespace } from "./keys.js";
import type { ValidatedTransaction } from "./mvcc.js";
import { compareSet, keepSet, type PrivateWrites, readPlain, type TakenSets } from "./private-writes.js";
import { isPurged } from "./purge.js";
import type { HashedCollection } from "./rwset.js";
import { StateBatch, type StateEntry, type StateReader, type Version } from "./state.js";
import { compareVersions, sameVersion } from "./version.js";

export const MISSING = "$missing";
const NOT_HELD = "$not-held";

const NEWEST = 2 ** 53 - 1;
const DIGITS = 14;
const PAGE = 100;
/** Source: hyperledger/fabric, core/chaincode/implicitcollection/name.go. They belong to one organisation for ever. */
const IMPLICIT = "_implicit_org_";

export type MissingSet = {
  readonly blockNumber: number;
  readonly txIndex: number;
  readonly namespace: string;
  readonly collection: string;
};

/** Notes that this peer does not have a set, of a collection that is its own to keep or not, or may become so. */
export function markMissing(
  batch: StateBatch,
  version: Version,
  namespace: string,
  collection: string,
  isHeld: boolean,
): void {
  const set: MissingSet = { ...version, namespace, collection };
  if (isHeld) batch.set(MISSING, keyOf(set), { value: NO_BYTES, version });
  else batch.set(NOT_HELD, notHeldKey(set), { value: NO_BYTES, version });
}

/** Notes which private sets of a block's valid transactions this peer does not have. */
export function noteUntaken(
  batch: StateBatch,
  blockNumber: number,
  transactions: readonly ValidatedTransaction[],
  codes: Uint8Array,
  taken: TakenSets,
  { state, holds }: { readonly state: StateReader; readonly holds: PrivateWrites["holds"] },
): void {
  for (const [txIndex, { rwset }] of transactions.entries()) {
    if (codes[txIndex] !== TxValidationCode.VALID) continue;
    const has = taken.get(txIndex) ?? [];
    for (const { namespace, collections } of rwset?.namespaces ?? []) {
      for (const { name, privateHash } of collections) {
        if (privateHash.length === 0) continue;
        if (has.some((set) => set.namespace === namespace && set.collection === name)) continue;
        const isHeld = holds(state, namespace, name);
        if (isHeld || !name.startsWith(IMPLICIT)) markMissing(batch, { blockNumber, txIndex }, namespace, name, isHeld);
      }
    }
  }
}

/** Forgets what is missing of a block's sets of one collection, when they expire. */
export async function forgetMissing(
  state: StateReader,
  batch: StateBatch,
  blockNumber: number,
  namespace: string,
  collection: string,
): Promise<void> {
  const block = digits(NEWEST - blockNumber);
  const version: Version = { blockNumber, txIndex: 0 };
  for await (const { key } of entries(state, MISSING, `${block}/`, `${block}0`)) {
    const set = readKey(key);
    if (set.namespace === namespace && set.collection === collection)
      batch.set(MISSING, key, { value: undefined, version });
  }
  const place = `${namespace}/${collection}/${block}`;
  for await (const { key } of entries(state, NOT_HELD, `${place}/`, `${place}0`))
    batch.set(NOT_HELD, key, { value: undefined, version });
}

/**
 * What is missing and may be asked for now: first what was this peer's to keep from the start, newest block first, then
 * what has become so since.
 */
export async function* missingSets(state: StateReader, holds: PrivateWrites["holds"]): AsyncGenerator<MissingSet> {
  for await (const { key } of entries(state, MISSING, "", "")) {
    const set = readKey(key);
    if (holds(state, set.namespace, set.collection)) yield set;
  }
  for (let from = ""; ; ) {
    const [first] = await firstOf(state, from);
    if (first === undefined) return;
    const { namespace, collection } = readNotHeldKey(first.key);
    const end = `${namespace}/${collection}0`;
    if (holds(state, namespace, collection))
      for await (const { key } of entries(state, NOT_HELD, first.key, end)) yield readNotHeldKey(key);
    from = end;
  }
}

/**
 * - `filled`: taken.
 * - `part`: right as far as it goes, without writes that count no more; the whole may be had elsewhere.
 * - `refused`: not what the transaction wrote.
 */
export type FillOutcome = "filled" | "part" | "refused";

/**
 * Takes what somebody gave of a set that is missing. Values come into the state where they are still the latest; the
 * set is kept with its block, without what has been purged since.
 * @param plain the encoded kvrwset.KVRWSet
 * @param written what the block says of the set; undefined where only a snapshot stands for the block: then what the
 *   state has the hash of counts, at the version at which the set wrote it
 */
export function fillMissing(
  state: StateReader,
  missing: MissingSet,
  plain: Uint8Array,
  written: HashedCollection | undefined,
  takesPart: boolean,
): { readonly outcome: FillOutcome; readonly batch?: StateBatch } {
  const set = readPlain(plain);
  if (set === undefined) return { outcome: "refused" };
  const { blockNumber, txIndex, namespace, collection } = missing;
  const version: Version = { blockNumber, txIndex };
  const hashedOf = (key: string) => state.get(hashedNamespace(namespace, collection), hashKey(key));
  let writes = set.writes;
  if (written === undefined) {
    writes = writes.filter(({ key, value }) => {
      const hashed = hashedOf(key ?? "");
      return value && hashed && sameVersion(hashed.version, version) && equalBytes(sha256(value), hashed.value);
    });
    if (writes.length === 0) return { outcome: "refused" };
  } else if (compareSet(plain, written) !== "whole") {
    if (compareSet(plain, written) === "other" || !isEnough(state, missing, writes, written))
      return { outcome: "refused" };
    if (!takesPart) return { outcome: "part" };
  }
  const batch = new StateBatch();
  const left = writes.filter(({ key }) => !isPurged(state, namespace, collection, hashKey(key ?? ""), version));
  for (const { key, value, isDelete } of left) {
    const hashed = hashedOf(key ?? "");
    if (isDelete || !value || hashed === undefined || compareVersions(hashed.version, version) < 0) continue;
    // Where only metadata was written since, the value is still the latest, at the later version.
    if (!equalBytes(sha256(value), hashed.value)) continue;
    batch.set(privateNamespace(namespace, collection), key ?? "", { value, version: hashed.version });
  }
  const kept = left.length === set.writes.length ? plain : encode(kvrwset.KVRWSet, { ...set, writes: left });
  keepSet(batch, state, version, { namespace, collection, plain: kept });
  batch.set(MISSING, keyOf(missing), { value: undefined, version });
  batch.set(NOT_HELD, notHeldKey(missing), { value: undefined, version });
  return { outcome: "filled", batch };
}

/** Whether the writes of the set that are not there count no more: purged, expired or overwritten. */
function isEnough(
  state: StateReader,
  { blockNumber, txIndex, namespace, collection }: MissingSet,
  writes: readonly kvrwset.IKVWrite[],
  written: HashedCollection,
): boolean {
  const given = new Set(writes.map(({ key }) => hashKey(key ?? "")));
  return written.writes.every(({ key }) => {
    if (given.has(key)) return true;
    const hashed = state.get(hashedNamespace(namespace, collection), key);
    return hashed === undefined || !sameVersion(hashed.version, { blockNumber, txIndex });
  });
}

async function* entries(state: StateReader, place: string, from: string, to: string): AsyncGenerator<StateEntry> {
  const cursor = state.range(place, from, to);
  try {
    for (let page = await cursor.next(PAGE); page.length > 0; page = await cursor.next(PAGE)) yield* page;
  } finally {
    await cursor.close();
  }
}

async function firstOf(state: StateReader, from: string): Promise<readonly StateEntry[]> {
  const cursor = state.range(NOT_HELD, from, "");
  try {
    return await cursor.next(1);
  } finally {
    await cursor.close();
  }
}

function keyOf({ blockNumber, txIndex, namespace, collection }: MissingSet): string {
  return `${digits(NEWEST - blockNumber)}/${digits(txIndex)}/${namespace}/${collection}`;
}

function readKey(key: string): MissingSet {
  const [block = "", transaction = "", namespace = "", ...rest] = key.split("/");
  return {
    blockNumber: NEWEST - Number.parseInt(block, 16),
    txIndex: Number.parseInt(transaction, 16),
    namespace,
    collection: rest.join("/"),
  };
}

function notHeldKey({ blockNumber, txIndex, namespace, collection }: MissingSet): string {
  return `${namespace}/${collection}/${digits(NEWEST - blockNumber)}/${digits(txIndex)}`;
}

/** Names of chaincodes and of explicit collections hold no slash. */
function readNotHeldKey(key: string): MissingSet {
  const [namespace = "", collection = "", block = "", transaction = ""] = key.split("/");
  return {
    namespace,
    collection,
    blockNumber: NEWEST - Number.parseInt(block, 16),
    txIndex: Number.parseInt(transaction, 16),
  };
}

function digits(value: number): string {
  return value.toString(16).padStart(DIGITS, "0");
}
