/**
 * The intake of a strand in two files, `intake.0` and `intake.1`. Entries go to one of them; when it has grown and the
 * other one's entries are all settled, they change places and the other starts empty. So both stay small however long
 * the strand takes messages. Most strands never take any this way and have no such files.
 *
 * entry: length of the message (4), CRC-32 of all that follows (4), number within this run (6), height (6), where the
 * group that was made durable together begins in the file (6), message
 *
 * Each opening writes what is left anew, numbered from 0. Entries of both files are ordered by their numbers. An entry
 * that does not read may be cut when it belongs to the last group, which nobody was told of; anything else is damage.
 */

import { crc32 } from "node:zlib";
import { type Intake, type IntakeEntry, JournalError } from "@hansa/journal";
import { assert, type Bytes, type Logger, messageOf } from "@hansa/primitives";
import { type FileSystem, type OpenFile, readFile, replaceFile, writeFully } from "./files.js";

const HEAD_BYTES = 26;
const TURN_BYTES = 8 * 1024 * 1024;

type IntakeFile = { readonly file: OpenFile; bytes: number /** Number after its last entry. */; end: number };
type Waiting = { entry: IntakeEntry; done: () => void; failed: (error: unknown) => void };

export type FileIntakeOptions = {
  readonly strandId: string;
  readonly files: FileSystem;
  readonly logger: Logger;
  /** How much goes into one file before the other takes its turn. */
  readonly turnBytes?: number;
};

export class FileIntake implements Intake {
  readonly left: readonly IntakeEntry[];
  readonly #folder: string;
  readonly #files: FileSystem;
  readonly #turnBytes: number;
  #active: IntakeFile | undefined;
  #other: IntakeFile | undefined;
  /** Number of the next entry to be written. */
  #next: number;
  #settled = 0;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #failure: Error | undefined;

  /** @throws JournalError DAMAGED when an entry does not read that somebody was told of */
  constructor(folder: string, { strandId, files, logger, turnBytes = TURN_BYTES }: FileIntakeOptions) {
    this.#folder = folder;
    this.#files = files;
    this.#turnBytes = turnBytes;
    const paths = [0, 1].map((n) => this.#path(n)).filter((file) => files.exists(file));
    const entries = paths.flatMap((file) => readEntries(file, readFile(files, file), strandId, logger));
    entries.sort((a, b) => a.number - b.number);
    entries.forEach((entry, i) => {
      const before = entries[i - 1];
      if (before === undefined || before.number + 1 === entry.number) return;
      throw damaged(strandId, before, `messages ${before.number + 1} to ${entry.number - 1} are missing after it`);
    });
    this.left = entries.map(({ message, height }) => ({ message, height }));
    this.#next = this.left.length;
    if (this.left.length > 0) this.#rewrite();
    else for (const file of paths) files.remove(file);
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
    for (const file of files) file?.file.close();
    this.#active = undefined;
    this.#other = undefined;
    this.#failure ??= new Error("the strand is closed");
    // Everything taken in is in blocks: the next opening has nothing to look through.
    if (this.#settled === this.#next) for (const n of [0, 1]) this.#files.remove(this.#path(n));
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
    const pieces = group.flatMap(({ entry }) => encodeEntry(entry, this.#next++, file.bytes));
    await writeFully(file.file, pieces, file.bytes);
    await file.file.sync();
    file.bytes += pieces.reduce((sum, piece) => sum + piece.length, 0);
    file.end = this.#next;
  }

  #fileToWrite(): IntakeFile {
    this.#active ??= this.#create(0);
    if (this.#active.bytes < this.#turnBytes) return this.#active;
    if (this.#active.end <= this.#settled) return clear(this.#active);
    this.#other ??= this.#create(1);
    if (this.#other.end > this.#settled) return this.#active;
    clear(this.#other);
    [this.#active, this.#other] = [this.#other, this.#active];
    return this.#active;
  }

  #create(n: number): IntakeFile {
    const file = this.#files.open(this.#path(n));
    file.truncate(0);
    this.#files.syncFolder(this.#folder);
    return { file, bytes: 0, end: 0 };
  }

  /** Writes what is left into file 0 by one rename, then forgets file 1. */
  #rewrite(): void {
    const bytes = Buffer.concat(this.left.flatMap((entry, number) => encodeEntry(entry, number, 0)));
    replaceFile(this.#files, this.#folder, "intake.0", bytes);
    this.#files.remove(this.#path(1));
    this.#files.syncFolder(this.#folder);
    this.#active = { file: this.#files.open(this.#path(0)), bytes: bytes.length, end: this.left.length };
  }

  #path(n: number): string {
    return `${this.#folder}/intake.${n}`;
  }
}

/** Empties a file, durably: what is read of it later is then of this turn. */
function clear(file: IntakeFile): IntakeFile {
  if (file.bytes > 0) {
    file.file.truncate(0);
    file.file.syncSync();
    file.bytes = 0;
  }
  return file;
}

function encodeEntry({ message, height }: IntakeEntry, number: number, groupStart: number): [Buffer, Bytes] {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32BE(message.length, 0);
  head.writeUIntBE(number, 8, 6);
  head.writeUIntBE(height, 14, 6);
  head.writeUIntBE(groupStart, 20, 6);
  head.writeUInt32BE(crc32(message, crc32(head.subarray(8))), 4);
  return [head, message];
}

type FoundEntry = IntakeEntry & {
  readonly number: number;
  readonly groupStart: number;
  readonly file: string;
  readonly end: number;
};

function entryAt(file: string, bytes: Buffer, at: number): FoundEntry | undefined {
  if (at + HEAD_BYTES > bytes.length) return undefined;
  const end = at + HEAD_BYTES + bytes.readUInt32BE(at);
  const groupStart = bytes.readUIntBE(at + 20, 6);
  // The cheap test first: looking for entries beyond a broken one comes here for every byte.
  if (end > bytes.length || groupStart > at) return undefined;
  if (crc32(bytes.subarray(at + 8, end)) !== bytes.readUInt32BE(at + 4)) return undefined;
  const message = bytes.subarray(at + HEAD_BYTES, end);
  return { message, height: bytes.readUIntBE(at + 14, 6), number: bytes.readUIntBE(at + 8, 6), groupStart, file, end };
}

function readEntries(file: string, bytes: Buffer, strandId: string, logger: Logger): FoundEntry[] {
  const entries: FoundEntry[] = [];
  let at = 0;
  for (let entry = entryAt(file, bytes, at); entry !== undefined; entry = entryAt(file, bytes, at)) {
    entries.push(entry);
    at = entry.end;
  }
  if (at === bytes.length) return entries;
  for (let further = at + 1; further < bytes.length; further++) {
    const entry = entryAt(file, bytes, further);
    if (entry === undefined || entry.groupStart <= at) continue;
    const before = entries.at(-1) ?? { height: 0, file, end: 0 };
    throw damaged(strandId, before, "a message that was acknowledged does not read, though later ones do");
  }
  logger.warn("torn intake cut", { file, byte: at, cutBytes: bytes.length - at });
  return entries;
}

function damaged(strandId: string, before: Pick<FoundEntry, "height" | "file" | "end">, detail: string): JournalError {
  const { height, file, end } = before;
  return new JournalError({ code: "DAMAGED", strandId, sequenceNo: height, file, byte: end, detail });
}
