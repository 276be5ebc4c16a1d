/**
 * A simulation sees the state as it was when it began, however many blocks are committed meanwhile: otherwise a query
 * could show two keys that never were together. Commits do not wait for simulations, nor the other way round: before a
 * block is applied, what it replaces is put aside for the simulations that are under way.
 *
 * Fabric has a lock instead. Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/txmgr/lockbased_txmgr.go.
 */
import { compareKeys } from "./keys.js";
import { readDocument } from "./rich-query/json.js";
import { type IndexPlan, indexKey, type JsonIndex } from "./rich-query/json-index.js";
import type { IndexCursor, RangeCursor, StateBatch, StateEntry, StateReader, VersionedValue } from "./state.js";

/** What one block replaced. */
type Layer = ReadonlyMap<string, ReadonlyMap<string, VersionedValue | undefined>>;

/**
 * Blocks that a snapshot outlives. A simulation that takes longer reads the latest state again: conflicts are found at
 * commit in any case.
 */
const MAX_LAYERS = 256;

export class Snapshots {
  readonly #state: StateReader;
  readonly #open = new Set<Snapshot>();

  constructor(state: StateReader) {
    this.#state = state;
  }

  open(): Snapshot {
    const snapshot = new Snapshot(this.#state, () => this.#open.delete(snapshot));
    this.#open.add(snapshot);
    return snapshot;
  }

  /** To be called just before the batch can be read. */
  beforeApply(batch: StateBatch): void {
    if (this.#open.size === 0) return;
    const layer = new Map<string, Map<string, VersionedValue | undefined>>();
    for (const [namespace, updates] of batch.updates) {
      const replaced = new Map<string, VersionedValue | undefined>();
      for (const key of updates.keys()) replaced.set(key, this.#state.get(namespace, key));
      layer.set(namespace, replaced);
    }
    for (const snapshot of this.#open) snapshot.putAside(layer);
  }
}

export class Snapshot implements StateReader {
  readonly #state: StateReader;
  readonly #onRelease: () => void;
  /** Oldest first: the first one that has a key has its value at the beginning. */
  #layers: Layer[] = [];

  constructor(state: StateReader, onRelease: () => void) {
    this.#state = state;
    this.#onRelease = onRelease;
  }

  get(namespace: string, key: string): VersionedValue | undefined {
    for (const layer of this.#layers) {
      const replaced = layer.get(namespace);
      if (replaced?.has(key) === true) return replaced.get(key);
    }
    return this.#state.get(namespace, key);
  }

  range(namespace: string, startKey: string, endKey: string): RangeCursor {
    const cursor = this.#state.range(namespace, startKey, endKey);
    const before = new Map<string, VersionedValue | undefined>();
    for (const layer of this.#layers) {
      for (const [key, value] of layer.get(namespace) ?? []) {
        const isInRange = compareKeys(key, startKey) >= 0 && (endKey === "" || compareKeys(key, endKey) < 0);
        if (isInRange && !before.has(key)) before.set(key, value);
      }
    }
    if (before.size === 0) return cursor;
    const old = [...before].flatMap(([key, value]) => (value === undefined ? [] : [{ key, ...value }]));
    return new CursorBefore<StateEntry>(cursor, before, old, (a, b) => compareKeys(a.key, b.key));
  }

  indexes(namespace: string): readonly JsonIndex[] {
    return this.#state.indexes?.(namespace) ?? [];
  }

  scanIndex(namespace: string, plan: IndexPlan, descending: boolean): IndexCursor {
    const cursor = this.#state.scanIndex!(namespace, plan, descending);
    const before = new Map<string, VersionedValue | undefined>();
    for (const layer of this.#layers)
      for (const [key, value] of layer.get(namespace) ?? []) if (!before.has(key)) before.set(key, value);
    if (before.size === 0) return cursor;
    const { index, from, to } = plan;
    const old = [...before].flatMap(([key, value]): IndexPlace[] => {
      const document = value && readDocument(value.value);
      const place = document && indexKey(index, document, key);
      return place !== undefined && place.compare(from) >= 0 && place.compare(to) < 0 ? [{ place, key }] : [];
    });
    const sign = descending ? -1 : 1;
    return new CursorBefore(
      cursor,
      before,
      old,
      (a, b) => sign * (a.place.compare(b.place) || compareKeys(a.key, b.key)),
    );
  }

  release(): void {
    this.#layers = [];
    this.#onRelease();
  }

  putAside(layer: Layer): void {
    this.#layers.push(layer);
    if (this.#layers.length > MAX_LAYERS) this.release();
  }
}

type IndexPlace = { readonly place: Buffer; readonly key: string };

/** Ranges and parts of indexes read alike. */
type Cursor<T> = { next(max: number): Promise<readonly T[]>; close(): Promise<void> };

/** What the present has, with some keys as they were before. */
class CursorBefore<T extends { readonly key: string }> implements Cursor<T> {
  readonly #cursor: Cursor<T>;
  readonly #before: ReadonlyMap<string, unknown>;
  readonly #compare: (a: T, b: T) => number;
  /** What was there before, in order. */
  readonly #old: readonly T[];
  #at = 0;
  #page: readonly T[] = [];
  #position = 0;
  #isExhausted = false;

  /** @param old what the keys of `before` had, in any order */
  constructor(
    cursor: Cursor<T>,
    before: ReadonlyMap<string, unknown>,
    old: readonly T[],
    compare: (a: T, b: T) => number,
  ) {
    this.#cursor = cursor;
    this.#before = before;
    this.#compare = compare;
    this.#old = [...old].sort(compare);
  }

  async next(max: number): Promise<readonly T[]> {
    const found: T[] = [];
    while (found.length < max) {
      const present = await this.#peek(max);
      const old = this.#old[this.#at];
      if (old !== undefined && (present === undefined || this.#compare(old, present) <= 0)) {
        found.push(old);
        this.#at++;
        continue;
      }
      if (present === undefined) break;
      found.push(present);
      this.#position++;
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#cursor.close();
  }

  /** The next one of the present that is as it was before. */
  async #peek(max: number): Promise<T | undefined> {
    for (;;) {
      const present = this.#page[this.#position];
      if (present !== undefined) {
        if (!this.#before.has(present.key)) return present;
        this.#position++;
        continue;
      }
      if (this.#isExhausted) return undefined;
      this.#page = await this.#cursor.next(max);
      this.#position = 0;
      this.#isExhausted = this.#page.length === 0;
    }
  }
}
