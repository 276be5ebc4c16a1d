/** The smallest state that tests of the rules need. Ranges are copies. */
import { compareKeys } from "../keys.js";
import type { RangeCursor, StateBatch, StateEntry, StateReader, VersionedValue } from "../state.js";

export class MapState implements StateReader {
  readonly #namespaces = new Map<string, Map<string, VersionedValue>>();

  get(namespace: string, key: string): VersionedValue | undefined {
    return this.#namespaces.get(namespace)?.get(key);
  }

  range(namespace: string, startKey: string, endKey: string): RangeCursor {
    const entries: StateEntry[] = [...(this.#namespaces.get(namespace) ?? [])]
      .filter(([key]) => compareKeys(key, startKey) >= 0 && (endKey === "" || compareKeys(key, endKey) < 0))
      .map(([key, value]) => ({ key, ...value }))
      .sort((a, b) => compareKeys(a.key, b.key));
    return { next: async (max) => entries.splice(0, max), close: async () => {} };
  }

  /** Writes a value as block `blockNumber`, transaction 0. */
  put(namespace: string, key: string, value: string, blockNumber = 1, metadata?: Uint8Array): void {
    const version = { blockNumber, txIndex: 0 };
    const bytes = Buffer.from(value);
    this.#of(namespace).set(
      key,
      metadata === undefined ? { value: bytes, version } : { value: bytes, version, metadata },
    );
  }

  apply(batch: StateBatch): void {
    for (const [namespace, updates] of batch.updates) {
      for (const [key, { value, version, metadata }] of updates) {
        if (value === undefined) this.#of(namespace).delete(key);
        else this.#of(namespace).set(key, metadata === undefined ? { value, version } : { value, version, metadata });
      }
    }
  }

  #of(namespace: string): Map<string, VersionedValue> {
    let keys = this.#namespaces.get(namespace);
    if (keys === undefined) {
      keys = new Map();
      this.#namespaces.set(namespace, keys);
    }
    return keys;
  }
}
