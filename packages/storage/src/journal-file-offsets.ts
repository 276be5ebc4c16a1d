/**
 * Where each record of a strand lies, in the `offsets` file: 16 bytes a block, big endian: begin of the record (6), its
 * length (4), zero (2), CRC-32 of these (4). The file is written after the records are durable and not synced itself;
 * what does not read of it is found again in the records. Only what is not written yet is in memory.
 */
import { crc32 } from "node:zlib";
import { assert } from "@hansa/primitives";
import { type OpenFile, readFullySync, writeFullySync } from "./files.js";

const ENTRY_BYTES = 16;
const CHECKED_BYTES = 12;
const CHUNK_ENTRIES = 65_536;
const NEAR_ENTRIES = 256;

type Place = { readonly start: number; readonly length: number };

export class BlockOffsets {
  readonly #file: OpenFile;
  /** Entries read last: whoever reads one block often reads the next one. */
  readonly #near = Buffer.alloc(NEAR_ENTRIES * ENTRY_BYTES);
  #nearFirst = 0;
  #nearCount = 0;
  #count = 0;
  #end = 0;
  /** How many of them the file holds. */
  #written = 0;
  /** Those after them. */
  #unwritten: Place[] = [];

  /** Reads the sound beginning of the file. */
  constructor(file: OpenFile) {
    this.#file = file;
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_ENTRIES * ENTRY_BYTES, Math.max(ENTRY_BYTES, file.size())));
    for (let sound = true; sound; ) {
      const read = readFullySync(file, chunk, this.#count * ENTRY_BYTES);
      sound = read === chunk.length;
      for (let at = 0; at + ENTRY_BYTES <= read; at += ENTRY_BYTES) {
        const place = decodeEntry(chunk.subarray(at, at + ENTRY_BYTES));
        if (place?.start !== this.#end) {
          sound = false;
          break;
        }
        this.#count++;
        this.#end += place.length;
      }
    }
    this.#written = this.#count;
  }

  get count(): number {
    return this.#count;
  }

  /** Where the next record will begin. */
  get end(): number {
    return this.#end;
  }

  /** Where a record lies; undefined when its entry does not read any more. */
  place(sequenceNo: number): Place | undefined {
    assert(sequenceNo >= 0 && sequenceNo < this.#count, `offset ${sequenceNo} of ${this.#count}`);
    if (sequenceNo >= this.#written) return this.#unwritten[sequenceNo - this.#written];
    if (sequenceNo < this.#nearFirst || sequenceNo >= this.#nearFirst + this.#nearCount) {
      const wanted = Math.min(NEAR_ENTRIES, this.#written - sequenceNo) * ENTRY_BYTES;
      const read = readFullySync(this.#file, this.#near.subarray(0, wanted), sequenceNo * ENTRY_BYTES);
      this.#nearFirst = sequenceNo;
      this.#nearCount = Math.floor(read / ENTRY_BYTES);
      if (this.#nearCount === 0) return undefined;
    }
    const at = (sequenceNo - this.#nearFirst) * ENTRY_BYTES;
    return decodeEntry(this.#near.subarray(at, at + ENTRY_BYTES));
  }

  /** Notes the next record in memory; `save` brings it to the file. */
  add(length: number): void {
    this.#unwritten.push({ start: this.#end, length });
    this.#count++;
    this.#end += length;
  }

  save(): void {
    const entries = Buffer.alloc(this.#unwritten.length * ENTRY_BYTES);
    this.#unwritten.forEach(({ start, length }, i) => {
      const entry = entries.subarray(i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES);
      entry.writeUIntBE(start, 0, 6);
      entry.writeUInt32BE(length, 6);
      entry.writeUInt32BE(crc32(entry.subarray(0, CHECKED_BYTES)), CHECKED_BYTES);
    });
    writeFullySync(this.#file, entries, this.#written * ENTRY_BYTES);
    this.#written = this.#count;
    this.#unwritten = [];
  }

  /** Drops what the file holds beyond the entries known. */
  trim(): void {
    this.#file.truncate(this.#written * ENTRY_BYTES);
  }

  /** The block that holds this byte of the records: the last one for any byte beyond them. */
  blockAt(byte: number): number {
    let low = 0;
    let high = Math.max(0, this.#count - 1);
    while (low < high) {
      const middle = Math.floor((low + high + 1) / 2);
      if ((this.place(middle)?.start ?? 0) <= byte) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  close(): void {
    this.#file.close();
  }
}

function decodeEntry(entry: Buffer): Place | undefined {
  if (crc32(entry.subarray(0, CHECKED_BYTES)) !== entry.readUInt32BE(CHECKED_BYTES)) return undefined;
  return { start: entry.readUIntBE(0, 6), length: entry.readUInt32BE(6) };
}
