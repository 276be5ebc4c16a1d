/**
 * The phantom check: does a range, read again from the state and the updates of the block so far, give what the
 * simulation saw?
 *
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/validation/rangequery_validator.go and combined_iterator.go.
 */
import { equalBytes } from "@hansa/primitives";
import { compareKeys } from "./keys.js";
import { RangeResults } from "./range-results.js";
import type { KvRead, MerkleSummary, RangeQuery } from "./rwset.js";
import type { RangeCursor, StateBatch, StateReader, StateUpdate } from "./state.js";
import { sameVersion } from "./version.js";

const PAGE = 200;

/**
 * @param query what the simulation saw
 * @param batch the updates of the transactions before it in the block
 */
export async function isRangeUnchanged(
  namespace: string,
  query: RangeQuery,
  batch: StateBatch,
  state: StateReader,
): Promise<boolean> {
  const merkle = query.merkle;
  if (merkle === undefined) return isRawUnchanged(currentReads(namespace, query, batch, state), query.rawReads);
  // Fabric refuses to build such a tree, so no peer can have.
  if (merkle.maxDegree < 2) return false;
  return isMerkleUnchanged(currentReads(namespace, query, batch, state), merkle);
}

async function isRawUnchanged(current: AsyncIterable<KvRead>, expected: readonly KvRead[]): Promise<boolean> {
  let index = 0;
  for await (const read of current) {
    const before = expected[index];
    if (before === undefined || before.key !== read.key || !sameVersion(before.version, read.version)) return false;
    index++;
  }
  return index === expected.length;
}

async function isMerkleUnchanged(current: AsyncIterable<KvRead>, expected: MerkleSummary): Promise<boolean> {
  const results = new RangeResults(expected.maxDegree);
  for await (const read of current) {
    results.add(read);
    const soFar = results.summary();
    if (soFar.maxLevel > expected.maxLevel) return false;
    if (soFar.maxLevel === expected.maxLevel && !isPrefix(soFar.maxLevelHashes, expected.maxLevelHashes)) return false;
  }
  const { merkle } = results.done();
  return (
    merkle !== undefined &&
    merkle.maxLevel === expected.maxLevel &&
    merkle.maxLevelHashes.length === expected.maxLevelHashes.length &&
    isPrefix(merkle.maxLevelHashes, expected.maxLevelHashes)
  );
}

function isPrefix(hashes: readonly Uint8Array[], of: readonly Uint8Array[]): boolean {
  if (hashes.length > of.length) return false;
  // Earlier hashes were compared when they came; the last one suffices, except at the end, where there are few.
  return hashes.every((hash, index) => {
    const other = of[index];
    return other !== undefined && equalBytes(hash, other);
  });
}

/**
 * Keys and versions of the range as they are now. When the caller stopped early, the range ends with `endKey`
 * included; an empty end key then still means an open end.
 */
async function* currentReads(
  namespace: string,
  query: RangeQuery,
  batch: StateBatch,
  state: StateReader,
): AsyncGenerator<KvRead> {
  const { startKey, endKey } = query;
  const updates = updatesInRange(batch, namespace, startKey, endKey);
  const cursor = state.range(namespace, startKey, endKey);
  try {
    yield* mergedReads(cursor, updates);
  } finally {
    await cursor.close();
  }
  if (query.itrExhausted) return;
  const last = batch.get(namespace, endKey) ?? state.get(namespace, endKey);
  if (last?.value !== undefined) yield { key: endKey, version: last.version };
}

async function* mergedReads(cursor: RangeCursor, updates: readonly [string, StateUpdate][]): AsyncGenerator<KvRead> {
  let at = 0;
  for (;;) {
    const page = await cursor.next(PAGE);
    for (const entry of page) {
      let isReplaced = false;
      for (let update = updates[at]; update !== undefined; update = updates[at]) {
        const order = compareKeys(update[0], entry.key);
        if (order > 0) break;
        at++;
        if (update[1].value !== undefined) yield { key: update[0], version: update[1].version };
        if (order === 0) isReplaced = true;
      }
      if (!isReplaced) yield { key: entry.key, version: entry.version };
    }
    if (page.length === 0) break;
  }
  for (const [key, update] of updates.slice(at)) {
    if (update.value !== undefined) yield { key, version: update.version };
  }
}

function updatesInRange(
  batch: StateBatch,
  namespace: string,
  startKey: string,
  endKey: string,
): readonly [string, StateUpdate][] {
  const keys = batch.updates.get(namespace);
  if (keys === undefined) return [];
  return [...keys]
    .filter(([key]) => compareKeys(key, startKey) >= 0 && (endKey === "" || compareKeys(key, endKey) < 0))
    .sort(([a], [b]) => compareKeys(a, b));
}
