/** One file of a snapshot, written or read from its beginning to its end with little in memory. */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { ByteWriter, SNAPSHOT_FORMAT } from "@hansa/ledger";

const FLUSH_BYTES = 256 * 1024;
const CHUNK_BYTES = 1024 * 1024;
/** Longer than any message of Fabric's, which are limited to 100 MB. */
const MAX_ITEM_BYTES = 512 * 1024 * 1024;

export class SnapshotFileWriter {
  readonly name: string;
  /** Write here, and call `flush` now and then. */
  readonly out = new ByteWriter();
  readonly #handle: FileHandle;
  readonly #hash = createHash("sha256");

  private constructor(name: string, handle: FileHandle) {
    this.name = name;
    this.#handle = handle;
    this.out.byte(SNAPSHOT_FORMAT);
  }

  static async create(folder: string, name: string): Promise<SnapshotFileWriter> {
    return new SnapshotFileWriter(name, await open(path.join(folder, name), "wx", 0o444));
  }

  /** Length and bytes. */
  item(bytes: Uint8Array): void {
    this.out.varint(bytes.length);
    this.out.raw(bytes);
  }

  /** Writes what has gathered when it is much. */
  async flush(atLeast = FLUSH_BYTES): Promise<void> {
    if (this.out.length < atLeast) return;
    const bytes = this.out.view();
    this.#hash.update(bytes);
    for (let at = 0; at < bytes.length; ) at += (await this.#handle.write(bytes, at)).bytesWritten;
    this.out.clear();
  }

  /** Makes the file durable. Returns its SHA-256 in hex. */
  async done(): Promise<string> {
    await this.flush(0);
    await this.#handle.sync();
    await this.#handle.close();
    return this.#hash.digest("hex");
  }

  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {});
  }
}

export class SnapshotFileReader {
  readonly #file: string;
  readonly #handle: FileHandle;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  private constructor(file: string, handle: FileHandle) {
    this.#file = file;
    this.#handle = handle;
  }

  /** Undefined when there is no such file. @throws Error when its format is another */
  static async open(folder: string, name: string): Promise<SnapshotFileReader | undefined> {
    const file = path.join(folder, name);
    let handle: FileHandle;
    try {
      handle = await open(file, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const reader = new SnapshotFileReader(file, handle);
    try {
      await reader.#fill(1);
      const format = reader.#bytes[reader.#at++];
      if (format !== SNAPSHOT_FORMAT) throw new Error(`unexpected data format: ${format?.toString(16)}`);
      return reader;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** How many bytes have been read ahead: while there are some, `item` seldom waits for the disk. */
  async number(): Promise<number> {
    let value = 0;
    for (let shift = 0; shift < 56; shift += 7) {
      if (this.#at >= this.#bytes.length) await this.#fill(1);
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
    }
    throw new Error(`${this.#file}: a number cannot be read`);
  }

  /** A view of the next length and bytes; it stays as it is. */
  async item(): Promise<Buffer> {
    const short = this.#ahead();
    if (short !== undefined) return short;
    const length = await this.number();
    if (length > MAX_ITEM_BYTES) throw new Error(`${this.#file}: an item of ${length} bytes is too long`);
    if (this.#bytes.length - this.#at < length) await this.#fill(length);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** Up to `max` items, as many as there are read ahead, but one at least. */
  async items(max: number): Promise<Buffer[]> {
    const items = [await this.item()];
    while (items.length < max) {
      const next = this.#ahead();
      if (next === undefined) break;
      items.push(next);
    }
    return items;
  }

  async isAtEnd(): Promise<boolean> {
    if (this.#at < this.#bytes.length) return false;
    return (await this.#handle.read(Buffer.alloc(1), 0, 1)).bytesRead === 0;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** The next item when all of it is in memory. */
  #ahead(): Buffer | undefined {
    let length = 0;
    let at = this.#at;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#bytes[at++];
      if (byte === undefined) return undefined;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte >= 0x80) continue;
      if (at + length > this.#bytes.length) return undefined;
      this.#at = at + length;
      return this.#bytes.subarray(at, this.#at);
    }
    return undefined;
  }

  /** Has at least so many bytes ahead. @throws Error when the file ends before */
  async #fill(bytes: number): Promise<void> {
    const rest = this.#bytes.subarray(this.#at);
    const filled = Buffer.allocUnsafe(Math.max(bytes, rest.length + CHUNK_BYTES));
    rest.copy(filled);
    let length = rest.length;
    while (length < bytes) {
      const { bytesRead } = await this.#handle.read(filled, length, filled.length - length);
      if (bytesRead === 0) throw new Error(`${this.#file} ends too early`);
      length += bytesRead;
    }
    this.#bytes = filled.subarray(0, length);
    this.#at = 0;
  }
}
