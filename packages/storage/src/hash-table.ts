const INITIAL_SLOTS = 2 * 1024;

/**
 * From a 32-byte hash to the numbers of records that may carry it, in the order of these numbers. Eight bytes an entry:
 * a 32-bit tag and the record's number; whoever asks compares the whole hash with the record.
 */
export class HashTable {
  /** Pairs of tag and record number + 1; a zero number is an empty slot. */
  #slots = new Uint32Array(INITIAL_SLOTS);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  /** Numbers must grow from call to call. */
  add(hash: Uint8Array, record: number): void {
    if ((this.#count + 1) * 10 > (this.#slots.length / 2) * 7) this.#grow();
    insert(this.#slots, tagOf(hash), record + 1);
    this.#count++;
  }

  *candidates(hash: Uint8Array): IterableIterator<number> {
    const tag = tagOf(hash);
    const mask = this.#slots.length / 2 - 1;
    for (let slot = tag & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[2 * slot + 1] ?? 0;
      if (entry === 0) return;
      if (this.#slots[2 * slot] === tag) yield entry - 1;
    }
  }

  clear(): void {
    this.#slots = new Uint32Array(INITIAL_SLOTS);
    this.#count = 0;
  }

  #grow(): void {
    const grown = new Uint32Array(this.#slots.length * 2);
    // By record number, so that equal tags keep their order.
    let last = 0;
    for (let i = 1; i < this.#slots.length; i += 2) last = Math.max(last, this.#slots[i] ?? 0);
    const slotOf = new Uint32Array(last + 1);
    for (let i = 1; i < this.#slots.length; i += 2) {
      const entry = this.#slots[i] ?? 0;
      if (entry !== 0) slotOf[entry] = i;
    }
    for (let entry = 1; entry <= last; entry++) {
      const slot = slotOf[entry] ?? 0;
      if (slot !== 0) insert(grown, this.#slots[slot - 1] ?? 0, entry);
    }
    this.#slots = grown;
  }
}

function insert(slots: Uint32Array, tag: number, entry: number): void {
  const mask = slots.length / 2 - 1;
  let slot = tag & mask;
  while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
  slots[2 * slot] = tag;
  slots[2 * slot + 1] = entry;
}

function tagOf(hash: Uint8Array): number {
  return (((hash[0] ?? 0) << 24) | ((hash[1] ?? 0) << 16) | ((hash[2] ?? 0) << 8) | (hash[3] ?? 0)) >>> 0;
}
