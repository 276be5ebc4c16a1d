/**
 * Private data that a snapshot has the hashes of only: bookkeeping of the ledger, one entry for each transaction and
 * collection, newest block first, as those are wanted most. Whether this peer may have it is for who asks to know.
 * Source: hyperledger/fabric, core/ledger/pvtdatastorage (missing data) and gossip/privdata/reconcile.go.
 */
import { equalBytes, sha256 } from "@hansa/primitives";
import { decode, encode, kvrwset } from "@hansa/wire";
import { hashedNamespace, hashKey, privateNamespace } from "./keys.js";
import { keepSet } from "./private-writes.js";
import { StateBatch, type StateReader, type Version } from "./state.js";
import { sameVersion } from "./version.js";

export const MISSING = "$missing";

const NEWEST = 2 ** 53 - 1;
const DIGITS = 14;

export type MissingSet = {
  readonly blockNumber: number;
  readonly txIndex: number;
  readonly namespace: string;
  readonly collection: string;
};

export function markMissing(batch: StateBatch, version: Version, namespace: string, collection: string): void {
  const key = keyOf({ ...version, namespace, collection });
  batch.set(MISSING, key, { value: new Uint8Array(0), version });
}

/** What is missing, newest block first. @param after go on after these; @param max of entries */
export async function missingSets(
  state: StateReader,
  after: MissingSet | undefined,
  max: number,
): Promise<MissingSet[]> {
  const cursor = state.range(MISSING, after === undefined ? "" : `${keyOf(after)}\0`, "");
  try {
    return (await cursor.next(max)).map(({ key }) => readKey(key));
  } finally {
    await cursor.close();
  }
}

/**
 * Takes what somebody gave of a set that is missing: only values that the state has the hash of, at the version at which
 * the set wrote them. Nothing is done where none fits.
 * @param plain the encoded kvrwset.KVRWSet
 * @returns the changes; undefined when nothing fits
 */
export function fillMissing(state: StateReader, missing: MissingSet, plain: Uint8Array): StateBatch | undefined {
  const { blockNumber, txIndex, namespace, collection } = missing;
  const version: Version = { blockNumber, txIndex };
  const batch = new StateBatch();
  const writes = decode(kvrwset.KVRWSet, plain, "kvrwset.KVRWSet").writes.filter(({ key, value }) => {
    const hashed = state.get(hashedNamespace(namespace, collection), hashKey(key ?? ""));
    if (!value || hashed === undefined || !sameVersion(hashed.version, version)) return false;
    if (!equalBytes(sha256(value), hashed.value)) return false;
    batch.set(privateNamespace(namespace, collection), key ?? "", { value, version });
    return true;
  });
  if (writes.length === 0) return undefined;
  keepSet(batch, state, version, { namespace, collection, plain: encode(kvrwset.KVRWSet, { writes }) });
  batch.set(MISSING, keyOf(missing), { value: undefined, version });
  return batch;
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

function digits(value: number): string {
  return value.toString(16).padStart(DIGITS, "0");
}
