/**
 * A network's own copy of its governance strand: `governance/strand` in its folder. It tells who is a member while no
 * node of the network runs, and spares a start the blocks that were checked before.
 *
 * Each block is a head of 8 bytes (length of the body, then the first four bytes of its SHA-256) and the encoded
 * StrandBlock. What does not read at the end of the file was being written when the writer died: the orderer has it.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Bytes, sha256 } from "@hansa/primitives";

const HEAD = 8;

export type StrandCopyContent = {
  /** In order, from number 0, as encoded StrandBlocks. */
  readonly blocks: readonly Bytes[];
  /** Where the file stops making sense: cut off while it was written, or changed since. */
  readonly unread: { readonly byte: number; readonly bytes: number } | undefined;
};

/** The blocks of a copy that can be read; none when there is no copy. */
export async function readStrandCopy(file: string): Promise<readonly Bytes[]> {
  return (await readWholeStrandCopy(file)).blocks;
}

/** The same, for who must know whether that is all of it. */
export async function readWholeStrandCopy(file: string): Promise<StrandCopyContent> {
  const content = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return Buffer.alloc(0);
    throw error;
  });
  const places = scan(content);
  const blocks = places.map(({ start, length }) => content.subarray(start, start + length));
  const last = places.at(-1);
  const byte = last === undefined ? 0 : last.start + last.length;
  return { blocks, unread: byte === content.length ? undefined : { byte, bytes: content.length - byte } };
}

/** The copy of the network that runs here: the only one who writes it. */
export class StrandCopy {
  readonly #fd: number;
  readonly #places: { readonly start: number; readonly length: number }[];
  #end: number;
  #isClosed = false;

  private constructor(fd: number, places: { start: number; length: number }[], end: number) {
    this.#fd = fd;
    this.#places = places;
    this.#end = end;
  }

  static open(file: string): StrandCopy {
    mkdirSync(path.dirname(file), { recursive: true });
    const fd = openSync(file, "a+", 0o600);
    const content = Buffer.alloc(statSync(file).size);
    readSync(fd, content, 0, content.length, 0);
    const places = scan(content);
    const last = places.at(-1);
    const end = last === undefined ? 0 : last.start + last.length;
    if (end < content.length) ftruncateSync(fd, end);
    return new StrandCopy(fd, places, end);
  }

  /** Count of blocks, which is the number of the next. */
  get size(): number {
    return this.#places.length;
  }

  /** An encoded StrandBlock. */
  block(number: number): Bytes {
    const place = this.#places[number];
    if (place === undefined) throw new RangeError(`block ${number} is beyond the copy's ${this.#places.length}`);
    const body = Buffer.alloc(place.length);
    readSync(this.#fd, body, 0, body.length, place.start);
    return body;
  }

  append(body: Bytes): void {
    const head = Buffer.alloc(HEAD);
    head.writeUInt32BE(body.length);
    head.set(sha256(body).subarray(0, 4), 4);
    // Not synced: the orderer's journal is the record, this is a copy of it.
    writeSync(this.#fd, Buffer.concat([head, body]));
    this.#places.push({ start: this.#end + HEAD, length: body.length });
    this.#end += HEAD + body.length;
  }

  /** Forgets everything, when it turns out to be another strand's. */
  clear(): void {
    ftruncateSync(this.#fd, 0);
    this.#places.length = 0;
    this.#end = 0;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
    closeSync(this.#fd);
  }
}

function scan(content: Buffer): { start: number; length: number }[] {
  const places: { start: number; length: number }[] = [];
  for (let at = 0; at + HEAD <= content.length; ) {
    const length = content.readUInt32BE(at);
    const start = at + HEAD;
    const body = content.subarray(start, start + length);
    if (length === 0 || body.length < length) break;
    if (Buffer.compare(sha256(body).subarray(0, 4), content.subarray(at + 4, start)) !== 0) break;
    places.push({ start, length });
    at = start + length;
  }
  return places;
}
