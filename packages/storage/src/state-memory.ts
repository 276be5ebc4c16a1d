/**
 * A channel's state in memory, for tests and for networks that keep nothing.
 *
 * Keys of a namespace are sorted when a range first asks, and merged with those that came since.
 */
import {
  compareKeys,
  type FrozenState,
  type HistoryCursor,
  type IndexCursor,
  type IndexDefinition,
  type IndexPlan,
  indexKey,
  indexOf,
  type JsonIndex,
  LedgerError,
  type RangeCursor,
  readDocument,
  type StateBatch,
  type StateEntry,
  type StateStore,
  type Version,
  type VersionedValue,
} from "@hansa/ledger";

class Namespace {
  readonly values = new Map<string, VersionedValue>();
  /** Holds every present key, and perhaps deleted ones; undefined until a range asks. */
  #sorted: string[] | undefined;
  #added: string[] = [];

  set(key: string, value: VersionedValue): void {
    if (!this.values.has(key) && this.#sorted !== undefined) this.#added.push(key);
    this.values.set(key, value);
  }

  /** A list that is never changed again. */
  sortedKeys(): readonly string[] {
    if (this.#sorted === undefined) this.#sorted = [...this.values.keys()].sort(compareKeys);
    else if (this.#added.length > 0) {
      this.#sorted = [...new Set([...this.#sorted.filter((key) => this.values.has(key)), ...this.#added])].sort(
        compareKeys,
      );
    }
    this.#added = [];
    return this.#sorted;
  }
}

class MemoryCursor implements RangeCursor {
  readonly #values: ReadonlyMap<string, VersionedValue>;
  readonly #keys: readonly string[];
  readonly #end: number;
  readonly #onClose: (cursor: MemoryCursor) => void;
  #position: number;
  #kept: StateEntry[] | undefined;

  constructor(space: Namespace, startKey: string, endKey: string, onClose: (cursor: MemoryCursor) => void) {
    this.#values = space.values;
    this.#keys = space.sortedKeys();
    this.#position = lowerBound(this.#keys, startKey);
    this.#end = endKey === "" ? this.#keys.length : lowerBound(this.#keys, endKey);
    this.#onClose = onClose;
  }

  async next(max: number): Promise<readonly StateEntry[]> {
    const entries = this.#kept === undefined ? this.#take(max) : this.#kept.splice(0, max);
    if (entries.length === 0) await this.close();
    return entries;
  }

  async close(): Promise<void> {
    this.#position = this.#end;
    this.#kept = [];
    this.#onClose(this);
  }

  /** Before the state changes: what is still to come must stay as it is. */
  keep(): void {
    this.#kept ??= this.#take(Number.POSITIVE_INFINITY);
  }

  #take(max: number): StateEntry[] {
    const entries: StateEntry[] = [];
    while (this.#position < this.#end && entries.length < max) {
      const key = this.#keys[this.#position++] as string;
      const value = this.#values.get(key);
      if (value !== undefined) entries.push({ key, ...value });
    }
    return entries;
  }
}

export class MemoryStateStore implements StateStore {
  readonly #namespaces = new Map<string, Namespace>();
  /** Versions of a key, oldest first. */
  readonly #history = new Map<string, Version[]>();
  readonly #cursors = new Set<MemoryCursor>();
  readonly #indexes = new Map<string, JsonIndex[]>();
  #savepoint: number | undefined;
  #isClosed = false;

  get(namespace: string, key: string): VersionedValue | undefined {
    this.#checkOpen();
    return this.#namespaces.get(namespace)?.values.get(key);
  }

  range(namespace: string, startKey: string, endKey: string): RangeCursor {
    this.#checkOpen();
    const cursor = new MemoryCursor(this.#namespace(namespace), startKey, endKey, (closed) => {
      this.#cursors.delete(closed);
    });
    this.#cursors.add(cursor);
    return cursor;
  }

  async freeze(): Promise<FrozenState> {
    this.#checkOpen();
    const kept = new Map(
      [...this.#namespaces].flatMap(([name, { values }]) => (values.size === 0 ? [] : [[name, new Map(values)]])),
    );
    return {
      namespaces: async () => [...kept.keys()].sort(compareKeys),
      entries: (name) => {
        const entries = [...(kept.get(name) ?? [])]
          .map(([key, value]): StateEntry => ({ key, ...value }))
          .sort((a, b) => compareKeys(a.key, b.key));
        return { next: async (max) => entries.splice(0, max), close: async () => {} };
      },
      close: async () => {},
    };
  }

  savepoint(): number | undefined {
    return this.#savepoint;
  }

  async apply(batch: StateBatch, savepoint: number): Promise<void> {
    this.#checkOpen();
    for (const cursor of this.#cursors) cursor.keep();
    for (const [name, updates] of batch.updates) {
      const space = this.#namespace(name);
      for (const [key, { value, version, metadata }] of updates) {
        if (value === undefined) space.values.delete(key);
        else space.set(key, metadata === undefined ? { value, version } : { value, version, metadata });
      }
    }
    for (const { namespace, key, version } of batch.history) {
      const id = historyId(namespace, key);
      const versions = this.#history.get(id);
      if (versions === undefined) this.#history.set(id, [version]);
      else versions.push(version);
    }
    this.#savepoint = savepoint;
  }

  indexes(namespace: string): readonly JsonIndex[] {
    return this.#indexes.get(namespace) ?? [];
  }

  /** Sorted when it is asked for: what is kept in memory is small. */
  scanIndex(namespace: string, { index, from, to }: IndexPlan, descending: boolean): IndexCursor {
    this.#checkOpen();
    const places = [...(this.#namespaces.get(namespace)?.values ?? [])]
      .flatMap(([key, { value }]) => {
        const document = readDocument(value);
        const place = document && indexKey(index, document, key);
        return place !== undefined && place.compare(from) >= 0 && place.compare(to) < 0 ? [{ place, key }] : [];
      })
      .sort((a, b) => a.place.compare(b.place) || compareKeys(a.key, b.key));
    if (descending) places.reverse();
    return { next: async (max) => places.splice(0, max), close: async () => {} };
  }

  async defineIndexes(namespace: string, definitions: readonly IndexDefinition[]): Promise<void> {
    this.#checkOpen();
    this.#indexes.set(namespace, definitions.map(indexOf));
  }

  history(namespace: string, key: string): HistoryCursor {
    this.#checkOpen();
    const versions = [...(this.#history.get(historyId(namespace, key)) ?? [])].reverse();
    return { next: async (max) => versions.splice(0, max), close: async () => {} };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #namespace(name: string): Namespace {
    let space = this.#namespaces.get(name);
    if (space === undefined) {
      space = new Namespace();
      this.#namespaces.set(name, space);
    }
    return space;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new LedgerError("STORE_CLOSED", "the state store is closed");
  }
}

function historyId(namespace: string, key: string): string {
  return `${namespace.length}:${namespace}${key}`;
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keys[middle] as string, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
