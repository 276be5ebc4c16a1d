/**
 * Encoded responses that several streams want at nearly the same time: made once, kept for a while.
 * Bounded by bytes and number; the oldest make room, because what streams share are the newest blocks.
 */
type Entry = { readonly response: Promise<Uint8Array>; bytes: number };

const MAX_BYTES = 16 * 1024 * 1024;
const MAX_RESPONSES = 256;

export class ResponseCache {
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const known = this.#entries.get(key);
    if (known !== undefined) return known.response;
    const entry: Entry = { response: make(), bytes: 0 };
    this.#entries.set(key, entry);
    entry.response.then(
      ({ length }) => {
        if (this.#entries.get(key) !== entry) return;
        entry.bytes = length;
        this.#bytes += length;
        this.#makeRoom();
      },
      () => this.#entries.delete(key),
    );
    return entry.response;
  }

  #makeRoom(): void {
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= MAX_BYTES && this.#entries.size <= MAX_RESPONSES) return;
      this.#entries.delete(oldest);
      this.#bytes -= entry.bytes;
    }
  }
}
