/**
 * Puts the plain values of private writes beside their hashes, where this peer has them.
 *
 * Endorsers leave private write sets somewhere until the block comes. A collection's set is taken when its SHA-256 is
 * the one in the transaction; what is missing stays missing, and reads of it are refused until it is there. Taken sets
 * are also kept by block and transaction, for those who may read them with the block.
 *
 * Source: hyperledger/fabric, core/ledger/pvtdatapolicy and core/ledger/kvledger/kv_ledger.go (the hash),
 * gossip/privdata/coordinator.go (which collections a peer keeps).
 */
import { bytesKey, NO_BYTES, sha256 } from "@hansa/primitives";
import { decode, encode, kvrwset, rwset, TxValidationCode } from "@hansa/wire";
import { privateNamespace } from "./keys.js";
import type { ValidatedTransaction } from "./mvcc.js";
import type { HashedCollection } from "./rwset.js";
import type { StateBatch, StateReader, Version } from "./state.js";

export type PrivateWrites = {
  /** Encoded `rwset.TxPvtReadWriteSet`s that simulations of this transaction left, any number. */
  readonly find: (txId: string) => readonly Uint8Array[];
  /** Whether this peer's organisation is a member of the collection, by the state before the block. */
  readonly holds: (state: StateReader, namespace: string, collection: string) => boolean;
};

const KEPT = "$private";
const DIGITS = 14;

/** To be called after the commit hash is taken: private values are no part of it. @param codes final */
export function applyPrivateWrites(
  blockNumber: number,
  transactions: readonly ValidatedTransaction[],
  codes: Uint8Array,
  batch: StateBatch,
  state: StateReader,
  source: PrivateWrites,
): void {
  for (const [txIndex, { txId, rwset: results }] of transactions.entries()) {
    if (codes[txIndex] !== TxValidationCode.VALID || results === undefined) continue;
    const version: Version = { blockNumber, txIndex };
    const taken: rwset.INsPvtReadWriteSet[] = [];
    let candidates: Map<string, Uint8Array> | undefined;
    for (const { namespace, collections } of results.namespaces) {
      const collectionPvtRwset: rwset.ICollectionPvtReadWriteSet[] = [];
      for (const collection of collections) {
        if (collection.privateHash.length === 0 || !source.holds(state, namespace, collection.name)) continue;
        candidates ??= setsByPlace(source.find(txId));
        const plain = candidates.get(placeOf(namespace, collection.name, collection.privateHash));
        if (plain === undefined) continue;
        applySet(namespace, collection, plain, version, batch);
        collectionPvtRwset.push({ collectionName: collection.name, rwset: plain });
      }
      if (collectionPvtRwset.length > 0) taken.push({ namespace, collectionPvtRwset });
    }
    if (taken.length > 0) {
      const value = encode(rwset.TxPvtReadWriteSet, { nsPvtRwset: taken });
      batch.set(KEPT, keptKey(blockNumber, txIndex), { value, version });
    }
  }
}

/** Encoded `rwset.TxPvtReadWriteSet` of a block's transactions that this peer has, by index of the transaction. */
export async function privateWritesOf(state: StateReader, blockNumber: number): Promise<Map<number, Uint8Array>> {
  const found = new Map<number, Uint8Array>();
  const cursor = state.range(KEPT, `${padded(blockNumber)}/`, `${padded(blockNumber)}0`);
  try {
    for (let page = await cursor.next(100); page.length > 0; page = await cursor.next(100)) {
      for (const { key, value } of page) found.set(Number.parseInt(key.slice(DIGITS + 1), 16), value);
    }
  } finally {
    await cursor.close();
  }
  return found;
}

function setsByPlace(candidates: readonly Uint8Array[]): Map<string, Uint8Array> {
  const sets = new Map<string, Uint8Array>();
  for (const bytes of candidates) {
    for (const { namespace, collectionPvtRwset } of decode(rwset.TxPvtReadWriteSet, bytes, "rwset.TxPvtReadWriteSet")
      .nsPvtRwset) {
      for (const { collectionName, rwset: plain } of collectionPvtRwset ?? []) {
        const bytesOfSet = plain ?? NO_BYTES;
        sets.set(placeOf(namespace ?? "", collectionName ?? "", sha256(bytesOfSet)), bytesOfSet);
      }
    }
  }
  return sets;
}

function placeOf(namespace: string, collection: string, hash: Uint8Array): string {
  return `${namespace}\0${collection}\0${bytesKey(hash)}`;
}

function applySet(
  namespace: string,
  collection: HashedCollection,
  plain: Uint8Array,
  version: Version,
  batch: StateBatch,
): void {
  const name = privateNamespace(namespace, collection.name);
  for (const { key, isDelete, value } of decode(kvrwset.KVRWSet, plain, "kvrwset.KVRWSet").writes) {
    batch.set(name, key ?? "", { value: isDelete ? undefined : (value ?? NO_BYTES), version });
  }
}

function keptKey(blockNumber: number, txIndex: number): string {
  return `${padded(blockNumber)}/${padded(txIndex)}`;
}

function padded(number: number): string {
  return number.toString(16).padStart(DIGITS, "0");
}
