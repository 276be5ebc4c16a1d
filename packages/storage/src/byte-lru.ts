/**
 * Keeps values up to a total size and forgets what was not used for a while. A value may be null: known to be absent.
 *
 * Two generations: what is used moves to the young one; when that holds half the capacity, the old one is dropped. This
 * forgets a little more than an exact order of use would, and costs nothing on a hit.
 */
export class ByteLru<V extends object> {
  readonly #capacityBytes: number;
  readonly #sizeOf: (value: V) => number;
  #young = new Map<string, V | null>();
  #old = new Map<string, V | null>();
  #youngBytes = 0;

  constructor(capacityBytes: number, sizeOf: (value: V) => number) {
    this.#capacityBytes = capacityBytes;
    this.#sizeOf = sizeOf;
  }

  /** Undefined: not known. */
  get(key: string): V | null | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  /** Values above a sixteenth of the capacity are not kept: one must not push out all others. */
  set(key: string, value: V | null): void {
    const bytes = this.#costOf(key, value);
    if (bytes * 16 > this.#capacityBytes) {
      this.delete(key);
      return;
    }
    const before = this.#young.get(key);
    if (before !== undefined) this.#youngBytes -= this.#costOf(key, before);
    this.#young.set(key, value);
    this.#youngBytes += bytes;
    if (this.#youngBytes * 2 <= this.#capacityBytes) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }

  delete(key: string): void {
    const young = this.#young.get(key);
    if (young !== undefined) this.#youngBytes -= this.#costOf(key, young);
    this.#young.delete(key);
    this.#old.delete(key);
  }

  #costOf(key: string, value: V | null): number {
    return ENTRY_BYTES + key.length + (value === null ? 0 : this.#sizeOf(value));
  }
}

/** What an entry costs besides the bytes of key and value, roughly: the map's slot, the string, three small objects. */
const ENTRY_BYTES = 250;
