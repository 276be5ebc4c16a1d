/**
 * The newest blocks in memory, ready to send. Followers that keep up never touch the disk, and all of them are sent the
 * same buffer.
 */
import { concatBytes } from "@hansa/primitives";
import { fieldHead } from "@hansa/wire";

const BLOCK_FIELD = 2;

/** An orderer.DeliverResponse holding this block, around the block's own bytes. */
export function blockResponse(block: Uint8Array): Uint8Array {
  return concatBytes(fieldHead(BLOCK_FIELD, block.length), block);
}

export class Tail {
  readonly #responses = new Map<number, Uint8Array>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(number: number, block: Uint8Array): void {
    const response = blockResponse(block);
    this.#responses.set(number, response);
    this.#bytes += response.length;
    // The newest block stays even if it alone is too large: every follower is about to ask for it.
    for (const [oldest, bytes] of this.#responses) {
      if (this.#bytes <= this.#maxBytes || this.#responses.size === 1) break;
      this.#responses.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }

  response(number: number): Uint8Array | undefined {
    return this.#responses.get(number);
  }
}
