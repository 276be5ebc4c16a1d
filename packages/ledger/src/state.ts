/**
 * The world state as the rules see it, and what a store of it must do. Implementations are in `@hansa/storage`.
 *
 * Reads of one key are synchronous: the hot keys are in memory, the others cost a few microseconds, and an awaited
 * read would cost ten times that. Ranges are read in pages.
 */

import type { IndexDefinition, IndexPlan, JsonIndex } from "./rich-query/json-index.js";

/** Position of the transaction that wrote a key. Block numbers stay below 2^53. */
export type Version = { readonly blockNumber: number; readonly txIndex: number };

export type VersionedValue = {
  readonly value: Uint8Array;
  readonly version: Version;
  /** Serialized `kvrwset.KVMetadataWrite` with the entries only, as Fabric keeps it; absent when the key has none. */
  readonly metadata?: Uint8Array;
};

export type StateEntry = VersionedValue & { readonly key: string };

/** A range of one namespace, in key order, as it was when the cursor was opened. Close it, unless it is exhausted. */
export interface RangeCursor {
  /** Up to `max` further entries; an empty list means that the range is exhausted. */
  next(max: number): Promise<readonly StateEntry[]>;
  close(): Promise<void>;
}

/** Where documents stand in an index, in its order. Close it, unless it is exhausted. */
export interface IndexCursor {
  /** Up to `max` further places; an empty list means that the part is exhausted. */
  next(max: number): Promise<readonly { readonly place: Buffer; readonly key: string }[]>;
  close(): Promise<void>;
}

export interface StateReader {
  get(namespace: string, key: string): VersionedValue | undefined;
  /** From `startKey` on, up to and without `endKey`. An empty `endKey` means to the end of the namespace. */
  range(namespace: string, startKey: string, endKey: string): RangeCursor;
  /** Indexes on the documents of a namespace that are complete. Readers without any leave both methods out. */
  indexes?(namespace: string): readonly JsonIndex[];
  /** An index may name places that a document has left: whoever reads it looks at the document. */
  scanIndex?(namespace: string, plan: IndexPlan, descending: boolean): IndexCursor;
}

/** A write. No value means that the key is deleted. */
export type StateUpdate = {
  readonly value: Uint8Array | undefined;
  readonly version: Version;
  readonly metadata?: Uint8Array | undefined;
};

/** One line of the history index: this transaction wrote (or deleted) this key. */
export type HistoryEntry = { readonly namespace: string; readonly key: string; readonly version: Version };

/** All that one block changes. The last update of a key wins. */
export class StateBatch {
  readonly updates = new Map<string, Map<string, StateUpdate>>();
  readonly history: HistoryEntry[] = [];

  set(namespace: string, key: string, update: StateUpdate): void {
    let keys = this.updates.get(namespace);
    if (keys === undefined) {
      keys = new Map();
      this.updates.set(namespace, keys);
    }
    keys.set(key, update);
  }

  get(namespace: string, key: string): StateUpdate | undefined {
    return this.updates.get(namespace)?.get(key);
  }

  has(namespace: string, key: string): boolean {
    return this.updates.get(namespace)?.has(key) === true;
  }
}

/** Versions of a key, newest first. */
export interface HistoryCursor {
  next(max: number): Promise<readonly Version[]>;
  close(): Promise<void>;
}

/** Everything in a state store as it was after one block, whatever is applied since. */
export interface FrozenState {
  /** Of all keys, bookkeeping included, ordered by their UTF-8 bytes. */
  namespaces(): Promise<readonly string[]>;
  /** All keys of a namespace in order. */
  entries(namespace: string): RangeCursor;
  close(): Promise<void>;
}

/** See StateStore.apply. */
export type ApplyOptions = { readonly sync?: boolean; readonly after?: Promise<void> };

export interface StateStore extends StateReader {
  /** The state as it is when this is called. Later blocks are applied as ever; close it, for it costs disk. */
  freeze(): Promise<FrozenState>;
  indexes(namespace: string): readonly JsonIndex[];
  scanIndex(namespace: string, plan: IndexPlan, descending: boolean): IndexCursor;
  /**
   * Gives a namespace exactly these indexes. Resolves when they are complete; until then they are kept up to date and
   * serve no query.
   */
  defineIndexes(namespace: string, definitions: readonly IndexDefinition[]): Promise<void>;
  /** Number of the last block whose writes are in the state; undefined when there is none. */
  savepoint(): number | undefined;
  /**
   * Applies a block's writes, its history lines and the savepoint, all or nothing. They can be read when the call
   * returns and are in the store when the promise resolves; further blocks may be applied in between. With `sync` they
   * survive a loss of power as well. With `after` they reach the store after that has resolved, and never when it fails.
   */
  apply(batch: StateBatch, savepoint: number, options?: ApplyOptions): Promise<void>;
  history(namespace: string, key: string): HistoryCursor;
  close(): Promise<void>;
}
