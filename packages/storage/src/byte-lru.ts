/** Keeps values up to a total size, forgetting what was used least recently. A value may be null: known to be absent. */
export class ByteLru<V extends object> {
  readonly #capacityBytes: number;
  readonly #sizeOf: (value: V) => number;
  readonly #entries = new Map<string, V | null>();
  #bytes = 0;

  /** What a map entry costs besides key and value, roughly. */
  static readonly ENTRY_BYTES = 120;

  constructor(capacityBytes: number, sizeOf: (value: V) => number) {
    this.#capacityBytes = capacityBytes;
    this.#sizeOf = sizeOf;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Undefined: not known. */
  get(key: string): V | null | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Values above a sixteenth of the capacity are not kept: one must not push out all others. */
  set(key: string, value: V | null): void {
    this.delete(key);
    const bytes = this.#costOf(key, value);
    if (bytes * 16 > this.#capacityBytes) return;
    this.#entries.set(key, value);
    this.#bytes += bytes;
    if (this.#bytes > this.#capacityBytes) this.#evict();
  }

  delete(key: string): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= this.#costOf(key, value);
  }

  #evict(): void {
    for (const [key, value] of this.#entries) {
      this.#entries.delete(key);
      this.#bytes -= this.#costOf(key, value);
      if (this.#bytes <= this.#capacityBytes) return;
    }
  }

  #costOf(key: string, value: V | null): number {
    return ByteLru.ENTRY_BYTES + key.length + (value === null ? 0 : this.#sizeOf(value));
  }
}
