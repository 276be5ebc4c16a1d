/**
 * Small buffers for values that are kept for long, cut from larger ones of their own.
 *
 * A small buffer from node's shared pool keeps all of its 8 KB alive, which hold mostly what was thrown away long ago:
 * a cache of such buffers takes twenty times its size. Here the neighbours in memory are the neighbours in the cache.
 */
const SLAB_BYTES = 32 * 1024;

export class Slab {
  #rest = Buffer.alloc(0);

  /** Not zeroed. */
  allocate(bytes: number): Buffer {
    if (bytes * 8 > SLAB_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (bytes > this.#rest.length) this.#rest = Buffer.allocUnsafeSlow(SLAB_BYTES);
    const taken = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    return taken;
  }
}
