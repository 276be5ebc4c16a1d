/**
 * Where each record of a strand lies, in memory and in the `offsets` file: 16 bytes a block, big endian: begin of the
 * record (6), its length (4), zero (2), CRC-32 of these (4). The file is written after the records are durable and not
 * synced itself; what does not read of it is found again in the records.
 */
import { closeSync, fstatSync, ftruncateSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";

const ENTRY_BYTES = 16;
const CHECKED_BYTES = 12;

export class BlockOffsets {
  readonly #fd: number;
  #starts = new Float64Array(1024);
  #count = 0;
  /** How many of them the file holds. */
  #written = 0;

  /** Reads the sound beginning of the file. */
  constructor(fd: number) {
    this.#fd = fd;
    const bytes = Buffer.allocUnsafe(fstatSync(fd).size);
    const read = readSync(fd, bytes, 0, bytes.length, 0);
    for (let at = 0; at + ENTRY_BYTES <= read; at += ENTRY_BYTES) {
      const entry = bytes.subarray(at, at + ENTRY_BYTES);
      const isSound = crc32(entry.subarray(0, CHECKED_BYTES)) === entry.readUInt32BE(CHECKED_BYTES);
      if (!isSound || entry.readUIntBE(0, 6) !== this.end) break;
      this.add(entry.readUInt32BE(6));
    }
    this.#written = this.#count;
  }

  get count(): number {
    return this.#count;
  }

  /** Where the next record will begin. */
  get end(): number {
    return this.start(this.#count);
  }

  start(sequenceNo: number): number {
    return this.#starts[sequenceNo] as number;
  }

  /** Notes the next record in memory; `save` brings it to the file. */
  add(length: number): void {
    const end = this.end + length;
    this.#count++;
    if (this.#count >= this.#starts.length) {
      const grown = new Float64Array(this.#starts.length * 2);
      grown.set(this.#starts);
      this.#starts = grown;
    }
    this.#starts[this.#count] = end;
  }

  save(): void {
    const first = this.#written;
    const entries = Buffer.alloc((this.#count - first) * ENTRY_BYTES);
    for (let i = first; i < this.#count; i++) {
      const entry = entries.subarray((i - first) * ENTRY_BYTES);
      entry.writeUIntBE(this.start(i), 0, 6);
      entry.writeUInt32BE(this.start(i + 1) - this.start(i), 6);
      entry.writeUInt32BE(crc32(entry.subarray(0, CHECKED_BYTES)), CHECKED_BYTES);
    }
    writeSync(this.#fd, entries, 0, entries.length, first * ENTRY_BYTES);
    this.#written = this.#count;
  }

  /** Drops what the file holds beyond the entries known. */
  trim(): void {
    ftruncateSync(this.#fd, this.#written * ENTRY_BYTES);
  }

  /** The block that holds this byte of the records. */
  blockAt(byte: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = Math.floor((low + high + 1) / 2);
      if (this.start(middle) <= byte) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
