/**
 * A purge takes a private key out of the past, too: its value, where a peer has it, and its writes in the sets kept by
 * block. The hashed key is deleted with the transaction's other writes. The purge is remembered, for sets that a peer
 * gets later than their block.
 *
 * Source: hyperledger/fabric, core/ledger/pvtdatastorage (purge markers) and kvledger/kv_ledger.go.
 */
import { NO_BYTES, toHex } from "@hansa/primitives";
import { decode, encode, kvrwset, TxValidationCode } from "@hansa/wire";
import { hashFromKey, hashKey, privateNamespace } from "./keys.js";
import type { ValidatedTransaction } from "./mvcc.js";
import { changeKeptSets } from "./private-writes.js";
import type { StateBatch, StateReader, Version } from "./state.js";

const PURGED = "$purged";

type Purged = {
  readonly namespace: string;
  readonly collection: string;
  readonly key: string;
  readonly version: Version;
};

/** Purges are rare: finding the plain key by its hash, and its writes of the past, reads all there is. */
export async function applyPurges(
  blockNumber: number,
  transactions: readonly ValidatedTransaction[],
  codes: Uint8Array,
  batch: StateBatch,
  state: StateReader,
): Promise<void> {
  const purged = purgedKeys(blockNumber, transactions, codes);
  if (purged.length === 0) return;
  for (const each of purged) {
    await deleteValue(each, batch, state);
    const { version } = each;
    const key = rememberedKey(each.namespace, each.collection, each.key);
    batch.set(PURGED, key, { value: NO_BYTES, version });
  }
  const marks = new Map(purged.map((each) => [markOf(each.namespace, each.collection, each.key), each.version]));
  await changeKeptSets(state, batch, undefined, (set, version) => {
    const rwset = decode(kvrwset.KVRWSet, set.plain, "kvrwset.KVRWSet");
    const writes = rwset.writes.filter(
      ({ key }) => !isPast(version, marks.get(markOf(set.namespace, set.collection, hashKey(key ?? "")))),
    );
    if (writes.length === rwset.writes.length) return set;
    return { ...set, plain: encode(kvrwset.KVRWSet, { ...rwset, writes }) };
  });
}

/** Whether a key's writes up to this version have been purged. @param key of the hashed namespace */
export function isPurged(
  state: StateReader,
  namespace: string,
  collection: string,
  key: string,
  version: Version,
): boolean {
  return isPast(version, state.get(PURGED, rememberedKey(namespace, collection, key))?.version);
}

function rememberedKey(namespace: string, collection: string, key: string): string {
  return `${namespace}/${collection}/${toHex(hashFromKey(key))}`;
}

function purgedKeys(blockNumber: number, transactions: readonly ValidatedTransaction[], codes: Uint8Array): Purged[] {
  const purged: Purged[] = [];
  for (const [txIndex, { rwset }] of transactions.entries()) {
    if (codes[txIndex] !== TxValidationCode.VALID) continue;
    for (const { namespace, collections } of rwset?.namespaces ?? []) {
      for (const { name, writes } of collections) {
        for (const { key, isPurge } of writes) {
          if (isPurge) purged.push({ namespace, collection: name, key, version: { blockNumber, txIndex } });
        }
      }
    }
  }
  return purged;
}

async function deleteValue({ namespace, collection, key, version }: Purged, batch: StateBatch, state: StateReader) {
  const place = privateNamespace(namespace, collection);
  const cursor = state.range(place, "", "");
  try {
    for (let page = await cursor.next(1_000); page.length > 0; page = await cursor.next(1_000)) {
      const found = page.find((entry) => hashKey(entry.key) === key);
      if (found === undefined) continue;
      if (!batch.has(place, found.key)) batch.set(place, found.key, { value: undefined, version });
      return;
    }
  } finally {
    await cursor.close();
  }
}

/** The purge's own write goes, too. A set that is left without writes stays, empty. */
function isPast(version: Version, purge: Version | undefined): boolean {
  if (purge === undefined || version.blockNumber > purge.blockNumber) return false;
  return version.blockNumber < purge.blockNumber || version.txIndex <= purge.txIndex;
}

function markOf(namespace: string, collection: string, key: string): string {
  return `${namespace}\0${collection}\0${key}`;
}
