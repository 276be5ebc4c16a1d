/**
 * The intake of a strand in two files, `intake.0` and `intake.1`. Entries go to one of them; when it has grown and the
 * other one's entries are all settled, they change places and the other starts empty. So both stay small however long
 * the strand takes messages. Most strands never take any this way and have no such files.
 *
 * entry: length of the message (4), CRC-32 of all that follows (4), number within this run (6), height (6), message
 *
 * Each opening writes what is left anew, numbered from 0. Entries of both files are ordered by their numbers.
 */
import {
  closeSync,
  existsSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
  writev,
} from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import type { Intake, IntakeEntry } from "@hansa/journal";
import { assert, type Bytes, type Logger, messageOf } from "@hansa/primitives";
import { syncFolder } from "./journal-file-write.js";

const writevAsync = promisify(writev);
const fdatasyncAsync = promisify(fdatasync);

const HEAD_BYTES = 20;
const TURN_BYTES = 8 * 1024 * 1024;

type IntakeFile = { readonly fd: number; bytes: number /** Number after its last entry. */; end: number };
type Waiting = { entry: IntakeEntry; done: () => void; failed: (error: unknown) => void };

export class FileIntake implements Intake {
  readonly left: readonly IntakeEntry[];
  readonly #folder: string;
  readonly #turnBytes: number;
  #active: IntakeFile | undefined;
  #other: IntakeFile | undefined;
  /** Number of the next entry to be written. */
  #next: number;
  #settled = 0;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(folder: string, logger: Logger, turnBytes = TURN_BYTES) {
    this.#folder = folder;
    this.#turnBytes = turnBytes;
    const files = [0, 1].map((n) => this.#path(n)).filter((file) => existsSync(file));
    const entries = files.flatMap((file) => readEntries(file, logger));
    this.left = entries.sort((a, b) => a.number - b.number).map(({ message, height }) => ({ message, height }));
    this.#next = this.left.length;
    if (this.left.length > 0) this.#rewrite();
    else for (const file of files) rmSync(file);
  }

  append(entry: IntakeEntry): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((done, failed) => {
      this.#waiting.push({ entry, done, failed });
      this.#writing ??= this.#drain();
    });
  }

  settle(count: number): void {
    assert(count >= this.#settled, `${count} entries settled after ${this.#settled}`);
    this.#settled = count;
  }

  async close(): Promise<void> {
    await this.#writing;
    const files = [this.#active, this.#other];
    for (const file of files) if (file !== undefined) closeSync(file.fd);
    this.#active = undefined;
    this.#other = undefined;
    this.#failure ??= new Error("the strand is closed");
    // Everything taken in is in blocks: the next opening has nothing to look through.
    if (this.#settled === this.#next) for (const n of [0, 1]) rmSync(this.#path(n), { force: true });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(group);
        for (const { done } of group) done();
      } catch (error) {
        const failure = new Error(`messages cannot be taken in: ${messageOf(error)}`, { cause: error });
        this.#failure = failure;
        for (const { failed } of [...group, ...this.#waiting]) failed(failure);
        this.#waiting = [];
      }
    }
    // Before any continuation of an append runs, or the next append would wait for a loop that has ended.
    this.#writing = undefined;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const file = this.#fileToWrite();
    const pieces = group.flatMap(({ entry }) => encodeEntry(entry, this.#next++));
    const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const { bytesWritten } = await writevAsync(file.fd, pieces, file.bytes);
    if (bytesWritten !== total) throw new Error(`wrote ${bytesWritten} of ${total} bytes`);
    await fdatasyncAsync(file.fd);
    file.bytes += total;
    file.end = this.#next;
  }

  #fileToWrite(): IntakeFile {
    this.#active ??= this.#create(0);
    if (this.#active.end <= this.#settled) this.#clear(this.#active);
    if (this.#active.bytes < this.#turnBytes) return this.#active;
    this.#other ??= this.#create(1);
    if (this.#other.end > this.#settled) return this.#active;
    this.#clear(this.#other);
    [this.#active, this.#other] = [this.#other, this.#active];
    return this.#active;
  }

  #clear(file: IntakeFile): void {
    if (file.bytes === 0) return;
    ftruncateSync(file.fd, 0);
    file.bytes = 0;
  }

  #create(n: number): IntakeFile {
    const fd = openSync(this.#path(n), "w+", 0o600);
    syncFolder(this.#folder);
    return { fd, bytes: 0, end: 0 };
  }

  /** Writes what is left into file 0 by one rename, then forgets file 1. */
  #rewrite(): void {
    const draft = path.join(this.#folder, "intake.draft");
    const pieces = this.left.flatMap((entry, number) => encodeEntry(entry, number));
    const bytes = Buffer.concat(pieces);
    const fd = openSync(draft, "w+", 0o600);
    writeAllSync(fd, bytes);
    fsyncSync(fd);
    renameSync(draft, this.#path(0));
    rmSync(this.#path(1), { force: true });
    syncFolder(this.#folder);
    this.#active = { fd, bytes: bytes.length, end: this.left.length };
  }

  #path(n: number): string {
    return path.join(this.#folder, `intake.${n}`);
  }
}

function encodeEntry({ message, height }: IntakeEntry, number: number): [Buffer, Bytes] {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32BE(message.length, 0);
  head.writeUIntBE(number, 8, 6);
  head.writeUIntBE(height, 14, 6);
  head.writeUInt32BE(crc32(message, crc32(head.subarray(8))), 4);
  return [head, message];
}

function readEntries(file: string, logger: Logger): (IntakeEntry & { number: number })[] {
  const bytes = readFileSync(file);
  const entries: (IntakeEntry & { number: number })[] = [];
  let at = 0;
  while (at + HEAD_BYTES <= bytes.length) {
    const end = at + HEAD_BYTES + bytes.readUInt32BE(at);
    if (end > bytes.length || crc32(bytes.subarray(at + 8, end)) !== bytes.readUInt32BE(at + 4)) break;
    const number = bytes.readUIntBE(at + 8, 6);
    // What follows in the file is of an earlier turn.
    if (number < (entries.at(-1)?.number ?? -1)) break;
    entries.push({ message: bytes.subarray(at + HEAD_BYTES, end), height: bytes.readUIntBE(at + 14, 6), number });
    at = end;
  }
  if (at < bytes.length) logger.warn("torn intake cut", { file, byte: at, cutBytes: bytes.length - at });
  return entries;
}

function writeAllSync(fd: number, bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written, bytes.length - written, written);
}
