/**
 * Reading a strand's `blocks` file from one record to the next, and judging what does not read.
 *
 * A write that a crash interrupted leaves a tail that was never acknowledged: it may be cut. Anything else that does
 * not read is damage. A broken place is damage when something shows that it had become durable: an entry of the offsets
 * file (written after the sync), or a sound record further on whose group began after it.
 */
import { type OpenFile, readFullySync } from "./files.js";
import { decodeHeader, HEADER_BYTES, isIntact, MAGIC_START, type RecordHeader } from "./journal-record.js";

const CHUNK_BYTES = 4 * 1024 * 1024;

/** Sequential reads with one look-ahead buffer. */
export class RecordScanner {
  readonly #file: OpenFile;
  readonly #size: number;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkStart = 0;

  constructor(file: OpenFile, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** Up to `length` bytes; fewer at the end of the file. The view holds until the next call. */
  bytes(position: number, length: number): Buffer {
    const end = Math.min(position + length, this.#size);
    if (position < this.#chunkStart || end > this.#chunkStart + this.#chunk.length) {
      const wanted = Math.min(Math.max(length, CHUNK_BYTES), this.#size - position);
      const chunk = Buffer.allocUnsafe(Math.max(wanted, 0));
      const filled = readFullySync(this.#file, chunk, position);
      this.#chunk = chunk.subarray(0, filled);
      this.#chunkStart = position;
    }
    return this.#chunk.subarray(position - this.#chunkStart, Math.max(end, position) - this.#chunkStart);
  }

  /** The record at this place with its body, or undefined when it does not read. */
  record(position: number): { header: RecordHeader; body: Buffer } | undefined {
    const header = decodeHeader(this.bytes(position, HEADER_BYTES));
    if (header === undefined || position + HEADER_BYTES + header.bodyBytes > this.#size) return undefined;
    const body = this.bytes(position + HEADER_BYTES, header.bodyBytes);
    return isIntact(header, body) ? { header, body } : undefined;
  }

  /** Whether a sound record beyond this place belongs to a group that began after it. */
  wasDurable(broken: number): boolean {
    for (let position = broken + 1; position < this.#size; ) {
      const window = this.bytes(position, CHUNK_BYTES);
      const found = window.indexOf(MAGIC_START);
      if (found < 0) {
        position += Math.max(window.length - MAGIC_START.length + 1, 1);
        continue;
      }
      const candidate = position + found;
      const record = this.record(candidate);
      if (record !== undefined && record.header.groupStart > broken) return true;
      position = candidate + 1;
    }
    return false;
  }
}
