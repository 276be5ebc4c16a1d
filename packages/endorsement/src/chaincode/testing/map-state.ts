/** A world state in a map, for tests that replay a channel. */
import { compareKeys, type StateBatch, type StateEntry, type StateReader, type VersionedValue } from "@hansa/ledger";

export class MapState implements StateReader {
  readonly #namespaces = new Map<string, Map<string, VersionedValue>>();

  get(namespace: string, key: string): VersionedValue | undefined {
    return this.#namespaces.get(namespace)?.get(key);
  }

  range(namespace: string, startKey: string, endKey: string) {
    const entries: StateEntry[] = [...(this.#namespaces.get(namespace) ?? [])]
      .filter(([key]) => compareKeys(key, startKey) >= 0 && (endKey === "" || compareKeys(key, endKey) < 0))
      .sort(([a], [b]) => compareKeys(a, b))
      .map(([key, entry]) => ({ key, ...entry }));
    return {
      next: async (max: number) => entries.splice(0, max),
      close: async () => {},
    };
  }

  set(namespace: string, key: string, entry: VersionedValue | undefined): void {
    let keys = this.#namespaces.get(namespace);
    if (keys === undefined) {
      keys = new Map();
      this.#namespaces.set(namespace, keys);
    }
    if (entry === undefined) keys.delete(key);
    else keys.set(key, entry);
  }

  apply(batch: StateBatch): void {
    for (const [namespace, updates] of batch.updates) {
      for (const [key, { value, version, metadata }] of updates) {
        this.set(namespace, key, value === undefined ? undefined : { value, version, ...(metadata && { metadata }) });
      }
    }
  }
}
