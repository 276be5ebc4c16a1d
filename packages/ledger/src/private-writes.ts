/**
 * Puts the plain values of private writes beside their hashes, where this peer has them.
 *
 * Endorsers leave private write sets somewhere until the block comes. A collection's set is taken when its SHA-256 is
 * the one in the transaction; what is missing stays missing, and reads of it are refused until it is there. Taken sets
 * are also kept by block and transaction, valid or not, for those who may read them with the block. They are made
 * durable before the block is: nobody else may have them, and the block makes the endorsers forget them.
 *
 * Source: hyperledger/fabric, core/ledger/kvledger/kv_ledger.go and txmgmt/validation/batch_preparer.go,
 * gossip/privdata/coordinator.go (which collections a peer keeps).
 */
import { bytesKey, equalBytes, NO_BYTES, sha256 } from "@hansa/primitives";
import { decode, encode, kvrwset, rwset, TxValidationCode } from "@hansa/wire";
import { compareKeys, hashedNamespace, hashKey, privateNamespace } from "./keys.js";
import type { ValidatedTransaction } from "./mvcc.js";
import type { HashedCollection } from "./rwset.js";
import { StateBatch, type StateEntry, type StateReader, type Version } from "./state.js";
import { sameVersion } from "./version.js";

export type PrivateWrites = {
  /** Encoded `rwset.TxPvtReadWriteSet`s that simulations of this transaction left, any number. */
  readonly find: (txId: string) => readonly Uint8Array[];
  /** Whether this peer's organisation is a member of the collection, by the state before the block. */
  readonly holds: (state: StateReader, namespace: string, collection: string) => boolean;
};

/** One collection's private write set, an encoded `kvrwset.KVRWSet`. */
export type TakenSet = { readonly namespace: string; readonly collection: string; readonly plain: Uint8Array };

/** By index of the transaction. */
export type TakenSets = ReadonlyMap<number, readonly TakenSet[]>;

/** Namespace of the sets that are kept by block: no block leads to them. */
export const KEPT_PRIVATE = "$private";
const KEPT = KEPT_PRIVATE;
const DIGITS = 14;
const PAGE = 100;

/** The sets that belong to these transactions and are this peer's to keep. */
export function takePrivateSets(
  transactions: readonly ValidatedTransaction[],
  state: StateReader,
  { find, holds }: PrivateWrites,
): TakenSets {
  const taken = new Map<number, readonly TakenSet[]>();
  for (const [txIndex, { txId, rwset: results }] of transactions.entries()) {
    const sets: TakenSet[] = [];
    let candidates: Map<string, Uint8Array> | undefined;
    for (const { namespace, collections } of results?.namespaces ?? []) {
      for (const { name, privateHash } of collections) {
        if (privateHash.length === 0 || !holds(state, namespace, name)) continue;
        candidates ??= setsByPlace(find(txId));
        const plain = candidates.get(placeOf(namespace, name, privateHash));
        if (plain !== undefined && readPlain(plain) !== undefined) sets.push({ namespace, collection: name, plain });
      }
    }
    if (sets.length > 0) taken.set(txIndex, sets);
  }
  return taken;
}

/** A private set that is this peer's to keep, and what the block says of it. */
export type WantedSet = {
  readonly txIndex: number;
  readonly txId: string;
  readonly namespace: string;
  readonly collection: string;
  readonly written: HashedCollection;
};

/** Sets of valid transactions that are this peer's to keep and are not there. */
export function wantedSets(
  transactions: readonly ValidatedTransaction[],
  state: StateReader,
  { find, holds }: PrivateWrites,
): WantedSet[] {
  const wanted: WantedSet[] = [];
  for (const [txIndex, { txId, code, rwset: results }] of transactions.entries()) {
    if (code !== TxValidationCode.VALID || results === undefined) continue;
    let candidates: Map<string, Uint8Array> | undefined;
    for (const { namespace, collections } of results.namespaces) {
      for (const written of collections) {
        const { name, privateHash } = written;
        if (privateHash.length === 0 || !holds(state, namespace, name)) continue;
        candidates ??= setsByPlace(find(txId));
        if (!candidates.has(placeOf(namespace, name, privateHash)))
          wanted.push({ txIndex, txId, namespace, collection: name, written });
      }
    }
  }
  return wanted;
}

/**
 * What given bytes are of a set: all of it; writes of it, of which a purge may have taken others out since; or something
 * else.
 */
export function compareSet(plain: Uint8Array, { privateHash, writes }: HashedCollection): "whole" | "part" | "other" {
  const set = readPlain(plain);
  if (set === undefined) return "other";
  if (equalBytes(sha256(plain), privateHash)) return "whole";
  const isPart = set.writes.every(({ key, value, isDelete }) => {
    const hash = hashKey(key ?? "");
    const expected = writes.find((write) => write.key === hash);
    if (expected === undefined || expected.isDelete !== (isDelete ?? false)) return false;
    return expected.isDelete || equalBytes(sha256(value ?? NO_BYTES), expected.valueHash);
  });
  return isPart ? "part" : "other";
}

/** The writes that keep the sets; they belong to no block yet. */
export function keepingBatch(blockNumber: number, taken: TakenSets): StateBatch {
  const batch = new StateBatch();
  for (const [txIndex, sets] of taken) keep(batch, blockNumber, txIndex, sets);
  return batch;
}

/** What `keepingBatch` kept of a block. */
export async function keptSets(state: StateReader, blockNumber: number): Promise<TakenSets> {
  const taken = new Map<number, readonly TakenSet[]>();
  for await (const { key, value } of keptEntries(state, blockNumber)) taken.set(txIndexOf(key), readSets(value));
  return taken;
}

/**
 * Applies the sets of valid transactions. To be called after the commit hash is taken: private values are no part of
 * it.
 * @param codes final
 */
export function applyPrivateSets(
  blockNumber: number,
  codes: Uint8Array,
  taken: TakenSets,
  batch: StateBatch,
  state: StateReader,
): void {
  const renewed: [namespace: string, collection: string, key: string][] = [];
  for (const [txIndex, sets] of taken) {
    if (codes[txIndex] !== TxValidationCode.VALID) continue;
    const version: Version = { blockNumber, txIndex };
    for (const { namespace, collection, plain } of sets) {
      const { writes, metadataWrites } = decode(kvrwset.KVRWSet, plain, "kvrwset.KVRWSet");
      const place = privateNamespace(namespace, collection);
      for (const { key, isDelete, value } of writes) {
        const isGone = isDelete || value === undefined || value === null || value.length === 0;
        batch.set(place, key ?? "", { value: isGone ? undefined : value, version });
      }
      for (const { key } of metadataWrites) renewed.push([namespace, collection, key ?? ""]);
    }
  }
  for (const [namespace, collection, key] of renewed) renewVersion(namespace, collection, key, batch, state);
}

/** Metadata lives with the hashed key: when that alone was written, the plain value follows to the new version. */
function renewVersion(namespace: string, collection: string, key: string, batch: StateBatch, state: StateReader): void {
  const hashed = batch.get(hashedNamespace(namespace, collection), hashKey(key));
  if (hashed?.value === undefined) return;
  const place = privateNamespace(namespace, collection);
  const latest = batch.get(place, key) ?? state.get(place, key);
  if (latest?.value === undefined || sameVersion(latest.version, hashed.version)) return;
  if (!equalBytes(sha256(latest.value), hashed.value)) return;
  batch.set(place, key, { value: latest.value, version: hashed.version });
}

/** Encoded `rwset.TxPvtReadWriteSet` of a block's transactions that this peer has, by index of the transaction. */
export async function privateWritesOf(state: StateReader, blockNumber: number): Promise<Map<number, Uint8Array>> {
  const found = new Map<number, Uint8Array>();
  for await (const { key, value } of keptEntries(state, blockNumber)) found.set(txIndexOf(key), value);
  return found;
}

/** Keeps one more set beside those that are kept of a transaction. */
export function keepSet(batch: StateBatch, state: StateReader, version: Version, set: TakenSet): void {
  const { blockNumber, txIndex } = version;
  const key = keptKey(blockNumber, txIndex);
  const kept = batch.get(KEPT, key) ?? state.get(KEPT, key);
  const others = readSets(kept?.value ?? NO_BYTES).filter(
    ({ namespace, collection }) => namespace !== set.namespace || collection !== set.collection,
  );
  const sets = [...others, set].sort((a, b) => compareKeys(a.namespace, b.namespace));
  keep(batch, blockNumber, txIndex, sets);
}

/**
 * Forgets parts of kept sets.
 * @param blockNumber of the sets; undefined: of all blocks
 * @param change what is left of a set; undefined: nothing
 */
export async function changeKeptSets(
  state: StateReader,
  batch: StateBatch,
  blockNumber: number | undefined,
  change: (set: TakenSet, version: Version) => TakenSet | undefined,
): Promise<void> {
  for await (const entry of keptEntries(state, blockNumber)) {
    const { key, version } = entry;
    const { value } = batch.get(KEPT, key) ?? entry;
    if (value === undefined) continue;
    const sets = readSets(value);
    const left = sets.flatMap((set) => change(set, version) ?? []);
    if (left.length === sets.length && left.every((set, index) => set === sets[index])) continue;
    if (left.length === 0) batch.set(KEPT, key, { value: undefined, version });
    else batch.set(KEPT, key, { value: encodeSets(left), version });
  }
}

async function* keptEntries(state: StateReader, blockNumber: number | undefined): AsyncGenerator<StateEntry> {
  const cursor =
    blockNumber === undefined
      ? state.range(KEPT, "", "")
      : state.range(KEPT, `${padded(blockNumber)}/`, `${padded(blockNumber)}0`);
  try {
    for (let page = await cursor.next(PAGE); page.length > 0; page = await cursor.next(PAGE)) yield* page;
  } finally {
    await cursor.close();
  }
}

function keep(batch: StateBatch, blockNumber: number, txIndex: number, sets: readonly TakenSet[]): void {
  batch.set(KEPT, keptKey(blockNumber, txIndex), { value: encodeSets(sets), version: { blockNumber, txIndex } });
}

/** `rwset.TxPvtReadWriteSet` of sets that come namespace by namespace, as in the transaction. */
export function encodeSets(sets: readonly TakenSet[]): Uint8Array {
  const nsPvtRwset: { namespace: string; collectionPvtRwset: rwset.ICollectionPvtReadWriteSet[] }[] = [];
  for (const { namespace, collection, plain } of sets) {
    let last = nsPvtRwset.at(-1);
    if (last?.namespace !== namespace) {
      last = { namespace, collectionPvtRwset: [] };
      nsPvtRwset.push(last);
    }
    last.collectionPvtRwset.push({ collectionName: collection, rwset: plain });
  }
  return encode(rwset.TxPvtReadWriteSet, { nsPvtRwset });
}

/** The sets of an encoded `rwset.TxPvtReadWriteSet`. @throws when it is none */
export function readSets(bytes: Uint8Array): TakenSet[] {
  const { nsPvtRwset } = decode(rwset.TxPvtReadWriteSet, bytes, "rwset.TxPvtReadWriteSet");
  return nsPvtRwset.flatMap(({ namespace, collectionPvtRwset }) =>
    (collectionPvtRwset ?? []).map(({ collectionName, rwset: plain }) => ({
      namespace: namespace ?? "",
      collection: collectionName ?? "",
      plain: plain ?? NO_BYTES,
    })),
  );
}

/** Others may have left anything. */
function setsByPlace(candidates: readonly Uint8Array[]): Map<string, Uint8Array> {
  const sets = new Map<string, Uint8Array>();
  for (const bytes of candidates) {
    for (const { namespace, collection, plain } of readable(() => readSets(bytes)) ?? []) {
      sets.set(placeOf(namespace, collection, sha256(plain)), plain);
    }
  }
  return sets;
}

/** What a set's bytes say; undefined where they say nothing. An endorser may sign the hash of anything. */
export function readPlain(plain: Uint8Array): kvrwset.KVRWSet | undefined {
  return readable(() => decode(kvrwset.KVRWSet, plain, "kvrwset.KVRWSet"));
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function placeOf(namespace: string, collection: string, hash: Uint8Array): string {
  return `${namespace}\0${collection}\0${bytesKey(hash)}`;
}

function keptKey(blockNumber: number, txIndex: number): string {
  return `${padded(blockNumber)}/${padded(txIndex)}`;
}

function txIndexOf(key: string): number {
  return Number.parseInt(key.slice(DIGITS + 1), 16);
}

function padded(number: number): string {
  return number.toString(16).padStart(DIGITS, "0");
}
