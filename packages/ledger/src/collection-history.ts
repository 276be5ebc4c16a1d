/**
 * Which collections a chaincode had from which block on: bookkeeping of the ledger, one entry for each block that
 * commits a definition with collections. Entries of a chaincode are ordered newest first, as Fabric keeps them, so that
 * a snapshot can copy them in order.
 * Source: hyperledger/fabric, core/ledger/confighistory/mgr.go and db_helper.go.
 */
import type { StateBatch, StateReader } from "./state.js";

/** What a definition's collections are after the block: an encoded `protos.CollectionConfigPackage`, empty for none. */
export type CollectionChanges = (
  state: Pick<StateReader, "get">,
  batch: StateBatch,
) => Iterable<readonly [chaincode: string, collections: Uint8Array]>;

export const COLLECTION_HISTORY = "$collections";

const NEWEST = (1n << 64n) - 1n;
const DIGITS = 16;

/** Chaincode names hold no "~", so that entries of one chaincode stand together. */
export function collectionEntryKey(chaincode: string, blockNumber: number): string {
  return `${chaincode}~${(NEWEST - BigInt(blockNumber)).toString(16).padStart(DIGITS, "0")}`;
}

export function readCollectionEntryKey(key: string): { readonly chaincode: string; readonly blockNumber: number } {
  const at = key.length - DIGITS - 1;
  return { chaincode: key.slice(0, at), blockNumber: Number(NEWEST - BigInt(`0x${key.slice(at + 1)}`)) };
}

/** To be called after the commit hash is taken: bookkeeping is no part of it. */
export function recordCollections(
  changes: CollectionChanges | undefined,
  blockNumber: number,
  batch: StateBatch,
  state: StateReader,
): void {
  if (changes === undefined) return;
  const changed = [...changes(state, batch)];
  for (const [chaincode, value] of changed) {
    if (value.length === 0) continue;
    batch.set(COLLECTION_HISTORY, collectionEntryKey(chaincode, blockNumber), {
      value,
      version: { blockNumber, txIndex: 0 },
    });
  }
}
