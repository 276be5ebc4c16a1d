/**
 * A bounded map that forgets what was not used for a while.
 *
 * Two generations: what is used moves to the young one; when that holds half the capacity, the old one is dropped. This
 * forgets a little more than an exact order of use would, and a hit on a young entry changes nothing.
 */
export class LruMap<K, V> {
  readonly #generationSize: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  /** Between half of `capacity` and all of it is kept. */
  constructor(capacity: number) {
    if (!(capacity >= 1)) throw new RangeError(`capacity ${capacity} is below 1`);
    this.#generationSize = Math.ceil(capacity / 2);
  }

  /** Never above the capacity, rounded up to an even number. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: K, value: V): void {
    this.#old.delete(key);
    this.#young.set(key, value);
    if (this.#young.size < this.#generationSize) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
