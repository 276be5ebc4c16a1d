/**
 * Collections with a blockToLive: the hashed keys written by block N disappear with block N + blockToLive + 1, unless
 * they were written again since. The schedule is kept in the state store beside the keys, one entry for each pair of
 * expiring and committing block, so that it commits and recovers with them.
 *
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/pvtstatepurgemgmt.
 */
import { fromUtf8, toHex, toUtf8 } from "@hansa/primitives";
import { hashedNamespace, hashFromKey, hashKey, keyFromHash, privateNamespace, splitNamespace } from "./keys.js";
import { forgetMissing } from "./missing-private.js";
import { changeKeptSets } from "./private-writes.js";
import type { StateBatch, StateEntry, StateReader, Version } from "./state.js";

/** Blocks that a collection's data lives; 0 is for ever. As the state is before the block that is being committed. */
export type BlockToLive = (state: StateReader, namespace: string, collection: string) => number;

const SCHEDULE = "$expiry";
const PAGE = 100;

/** Namespace, collection, the key's hash in hex, and the key itself where this peer has the private write. */
type ScheduledKey = readonly [namespace: string, collection: string, hash: string, key?: string];

export class ExpirySchedule {
  readonly #state: StateReader;
  readonly #blockToLive: BlockToLive;
  /** Blocks with which something may expire. */
  readonly #due = new Set<number>();

  constructor(state: StateReader, blockToLive: BlockToLive) {
    this.#state = state;
    this.#blockToLive = blockToLive;
  }

  /** To be called once, before the first block. */
  async load(): Promise<void> {
    for await (const { key } of this.#entries("", "")) this.#due.add(Number.parseInt(key.slice(0, DIGITS), 16));
  }

  /**
   * Schedules what this block wrote and removes what expires with it. To be called after the commit hash is taken:
   * expiry is no part of it.
   */
  async apply(blockNumber: number, batch: StateBatch): Promise<void> {
    const scheduled = this.#schedule(blockNumber, batch);
    if (this.#due.delete(blockNumber)) await this.#expire(blockNumber, batch);
    for (const [expiringBlock, keys] of scheduled) {
      this.#due.add(expiringBlock);
      batch.set(SCHEDULE, `${padded(expiringBlock)}/${padded(blockNumber)}`, {
        value: fromUtf8(JSON.stringify(keys)),
        version: { blockNumber, txIndex: 0 },
      });
    }
  }

  /** Schedules the plain values of earlier blocks that the batch brings: their hashes are scheduled already. */
  scheduleLate(namespace: string, collection: string, batch: StateBatch): void {
    const life = this.#blockToLive(this.#state, namespace, collection);
    if (life === 0) return;
    for (const [plain, { version }] of batch.updates.get(privateNamespace(namespace, collection)) ?? []) {
      const hash = toHex(hashFromKey(hashKey(plain)));
      const key: ScheduledKey = [namespace, collection, hash, plain];
      const { blockNumber } = version;
      batch.set(SCHEDULE, `${padded(blockNumber + life + 1)}/${padded(blockNumber)}/late/${collection}/${hash}`, {
        value: fromUtf8(JSON.stringify([key])),
        version: { blockNumber, txIndex: 0 },
      });
    }
  }

  #schedule(blockNumber: number, batch: StateBatch): Map<number, ScheduledKey[]> {
    const scheduled = new Map<number, ScheduledKey[]>();
    for (const [joined, updates] of batch.updates) {
      const { kind, namespace, collection } = splitNamespace(joined);
      if (kind !== "hashed" || collection === undefined) continue;
      const life = this.#blockToLive(this.#state, namespace, collection);
      if (life === 0) continue;
      const expiringBlock = blockNumber + life + 1;
      const keys = scheduled.get(expiringBlock) ?? [];
      const plainKeys = plainKeysByHash(batch, namespace, collection);
      for (const [key, update] of updates) {
        if (update.value === undefined) continue;
        const plain = plainKeys.get(key);
        const hash = toHex(hashFromKey(key));
        keys.push(plain === undefined ? [namespace, collection, hash] : [namespace, collection, hash, plain]);
      }
      if (keys.length > 0) scheduled.set(expiringBlock, keys);
    }
    return scheduled;
  }

  async #expire(blockNumber: number, batch: StateBatch): Promise<void> {
    const version: Version = { blockNumber, txIndex: 0 };
    for await (const entry of this.#entries(padded(blockNumber), padded(blockNumber + 1))) {
      const committingBlock = Number.parseInt(entry.key.slice(DIGITS + 1), 16);
      const remove = (place: string, key: string) => {
        const isRewritten = this.#state.get(place, key)?.version.blockNumber !== committingBlock;
        if (!isRewritten && !batch.has(place, key)) batch.set(place, key, { value: undefined, version });
      };
      const collections = new Map<string, readonly [namespace: string, collection: string]>();
      for (const [namespace, collection, hash, plain] of JSON.parse(toUtf8(entry.value)) as ScheduledKey[]) {
        remove(hashedNamespace(namespace, collection), keyFromHash(Buffer.from(hash, "hex")));
        if (plain !== undefined) remove(privateNamespace(namespace, collection), plain);
        collections.set(hashedNamespace(namespace, collection), [namespace, collection]);
      }
      await changeKeptSets(this.#state, batch, committingBlock, (set) =>
        collections.has(hashedNamespace(set.namespace, set.collection)) ? undefined : set,
      );
      for (const [namespace, collection] of collections.values())
        await forgetMissing(this.#state, batch, committingBlock, namespace, collection);
      batch.set(SCHEDULE, entry.key, { value: undefined, version });
    }
  }

  async *#entries(startKey: string, endKey: string): AsyncGenerator<StateEntry> {
    const cursor = this.#state.range(SCHEDULE, startKey, endKey);
    try {
      for (let page = await cursor.next(PAGE); page.length > 0; page = await cursor.next(PAGE)) yield* page;
    } finally {
      await cursor.close();
    }
  }
}

/** The schedule of hashed keys that a snapshot brings: it has them by collection, not by block. */
export class ImportedExpiry {
  readonly #state: StateReader;
  readonly #blockToLive: BlockToLive;
  #parts = 0;

  constructor(state: StateReader, blockToLive: BlockToLive) {
    this.#state = state;
    this.#blockToLive = blockToLive;
  }

  schedule(batch: StateBatch, namespace: string, collection: string, entries: readonly StateEntry[]): void {
    const life = this.#blockToLive(this.#state, namespace, collection);
    if (life === 0) return;
    const byBlock = new Map<number, ScheduledKey[]>();
    for (const { key, version } of entries) {
      const keys = byBlock.get(version.blockNumber) ?? [];
      byBlock.set(version.blockNumber, keys);
      keys.push([namespace, collection, toHex(hashFromKey(key))]);
    }
    for (const [blockNumber, keys] of byBlock) {
      // Several entries for one pair of blocks: what follows the pair only tells them apart.
      batch.set(SCHEDULE, `${padded(blockNumber + life + 1)}/${padded(blockNumber)}/${this.#parts++}`, {
        value: fromUtf8(JSON.stringify(keys)),
        version: { blockNumber, txIndex: 0 },
      });
    }
  }
}

function plainKeysByHash(batch: StateBatch, namespace: string, collection: string): Map<string, string> {
  const keys = new Map<string, string>();
  for (const key of batch.updates.get(privateNamespace(namespace, collection))?.keys() ?? []) {
    keys.set(hashKey(key), key);
  }
  return keys;
}

const DIGITS = 14;

function padded(blockNumber: number): string {
  return blockNumber.toString(16).padStart(DIGITS, "0");
}
