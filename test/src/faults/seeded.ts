/** Chance that can be had again: the same seed, the same numbers. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to but not including `limit`. Mulberry32. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** A message damaged on its way: cut, with bits turned, bytes put in, taken out or said twice. */
  damaged(message: Uint8Array): Buffer {
    const bytes = Buffer.from(message);
    const at = this.below(Math.max(1, bytes.length));
    switch (this.below(6)) {
      case 0:
        return bytes.subarray(0, at);
      case 1:
        return Buffer.concat([bytes.subarray(0, at), this.bytes(1 + this.below(8)), bytes.subarray(at)]);
      case 2:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + this.below(16))]);
      case 3:
        return Buffer.concat([bytes, bytes.subarray(at)]);
      case 4: {
        // Lengths live in low bytes: making one huge is what breaks careless readers.
        bytes.fill(0xff, at, Math.min(bytes.length, at + 1 + this.below(5)));
        return bytes;
      }
      default: {
        for (let flips = 1 + this.below(4); flips > 0; flips--) {
          const position = this.below(Math.max(1, bytes.length));
          if (position < bytes.length) bytes[position] = bytes[position]! ^ (1 << this.below(8));
        }
        return bytes;
      }
    }
  }
}
