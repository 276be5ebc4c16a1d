/**
 * Changes as lines of a file: "<CRC-32 of the rest, 8 hex digits> <JSON list of changes>\n". Writers share an fsync.
 *
 * When a log has grown, a new one (changes-<n+1>) is begun, the tables as they stood at that moment are written to
 * snapshot-<n+1>, and what is older is removed. Opening takes the newest snapshot and the logs from its number on; a
 * crash between the steps leaves more files than needed, never fewer. Only the newest log can have a torn tail.
 */
import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  write,
} from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import { FolderLock, syncFolder, writeFileDurably } from "@hansa/storage";
import { apply, type Change, type ChangeLog, type Tables } from "./changes.js";

const writeTo = promisify(write);
const syncData = promisify(fdatasync);
const ROTATE_AT_BYTES = 4 * 1024 * 1024;

type Waiting = { readonly line: string; readonly done: () => void; readonly failed: (error: Error) => void };

export class FileLog implements ChangeLog {
  readonly #folder: string;
  readonly #tables: Tables;
  readonly #lock: FolderLock;
  readonly #rotateAtBytes: number;
  #number: number;
  #fd: number;
  #bytes: number;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #failure: HansaError | undefined;
  #closed = false;

  private constructor(folder: string, tables: Tables, lock: FolderLock, rotateAtBytes: number, opened: Opened) {
    this.#folder = folder;
    this.#tables = tables;
    this.#lock = lock;
    this.#rotateAtBytes = rotateAtBytes;
    this.#number = opened.number;
    this.#fd = opened.fd;
    this.#bytes = opened.bytes;
  }

  static open(folder: string, tables: Tables, logger: Logger, rotateAtBytes = ROTATE_AT_BYTES): FileLog {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = FolderLock.acquire(folder);
    try {
      return new FileLog(folder, tables, lock, rotateAtBytes, load(folder, tables, logger));
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  append(changes: readonly Change[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#closed) return Promise.reject(new HansaError("STORE_CLOSED", "the control plane's store is closed"));
    const line = encodeLine(JSON.stringify(changes));
    return new Promise((done, failed) => {
      this.#waiting.push({ line, done, failed });
      this.#flushing ??= this.#flush();
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#flushing;
    closeSync(this.#fd);
    this.#lock.release();
  }

  async #flush(): Promise<void> {
    // Whoever calls in the same turn shares the write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const bytes = Buffer.from(batch.map(({ line }) => line).join(""), "utf8");
        for (let at = 0; at < bytes.length; )
          at += (await writeTo(this.#fd, bytes, at, bytes.length - at, this.#bytes + at)).bytesWritten;
        await syncData(this.#fd);
        this.#bytes += bytes.length;
        for (const { done } of batch) done();
        // Nothing may wait here: the snapshot must hold what the logs before it hold, and no change that comes later.
        if (this.#bytes > this.#rotateAtBytes && this.#waiting.length === 0) this.#rotate();
      } catch (error) {
        this.#failure = new HansaError("STORE_FAILED", `cannot write to ${this.#folder}: ${messageOf(error)}`, {
          cause: error,
          nextStep: "Check that the disk has room and the folder is writable, then start the control plane again.",
        });
        for (const { failed } of [...batch, ...this.#waiting]) failed(this.#failure);
        this.#waiting = [];
      }
    }
    this.#flushing = undefined;
  }

  #rotate(): void {
    const number = this.#number + 1;
    const fd = openSync(logFile(this.#folder, number), "w+", 0o600);
    fsyncSync(fd);
    const rows = [...this.#tables].map(([table, keyed]) => [table, [...keyed]]);
    writeFileDurably(snapshotFile(this.#folder, number), encodeLine(JSON.stringify(rows)));
    closeSync(this.#fd);
    this.#number = number;
    this.#fd = fd;
    this.#bytes = 0;
    removeOlder(this.#folder, number);
  }
}

type Opened = { readonly number: number; readonly fd: number; readonly bytes: number };

function load(folder: string, tables: Tables, logger: Logger): Opened {
  const names = readdirSync(folder);
  const snapshots = numbersOf(names, /^snapshot-(\d{6,9})$/);
  const first = snapshots.at(-1) ?? 1;
  if (snapshots.length > 0) readSnapshot(snapshotFile(folder, first), tables);
  const logs = numbersOf(names, /^changes-(\d{6,9})$/).filter((number) => number >= first);
  const newest = logs.at(-1) ?? first;
  let bytes = 0;
  for (const number of logs) bytes = readLog(logFile(folder, number), tables, number === newest, logger);
  removeOlder(folder, first);
  const fd = openSync(logFile(folder, newest), logs.length === 0 ? "w+" : "r+", 0o600);
  ftruncateSync(fd, bytes);
  fsyncSync(fd);
  syncFolder(folder);
  return { number: newest, fd, bytes };
}

/** Applies a log's lines. Returns how many bytes of it hold. */
function readLog(file: string, tables: Tables, mayBeTorn: boolean, logger: Logger): number {
  const content = readFileSync(file);
  let at = 0;
  for (let line = 1; at < content.length; line++) {
    const end = content.indexOf(0x0a, at);
    const text = end < 0 ? undefined : decodeLine(content.toString("utf8", at, end));
    if (text === undefined) {
      // A crash tears the end off, a tail of zeros included. A whole good line after a bad one is no tear.
      if (!mayBeTorn || hasGoodLineAfter(content, end)) throw corrupt(file, `line ${line} does not match its checksum`);
      logger.warn("cut a torn tail off the control plane's log", {
        file,
        keptBytes: at,
        cutBytes: content.length - at,
      });
      return at;
    }
    for (const change of JSON.parse(text) as readonly Change[]) apply(tables, change);
    at = end + 1;
  }
  return at;
}

function hasGoodLineAfter(content: Buffer, from: number): boolean {
  for (let at = from; at >= 0 && at + 1 < content.length; ) {
    const end = content.indexOf(0x0a, at + 1);
    if (end < 0) return false;
    if (decodeLine(content.toString("utf8", at + 1, end)) !== undefined) return true;
    at = end;
  }
  return false;
}

function readSnapshot(file: string, tables: Tables): void {
  const text = decodeLine(readFileSync(file, "utf8").trimEnd());
  if (text === undefined) throw corrupt(file, "it does not match its checksum");
  for (const [table, rows] of JSON.parse(text) as [string, [string, never][]][]) tables.set(table, new Map(rows));
}

function encodeLine(text: string): string {
  return `${checksum(text)} ${text}\n`;
}

function decodeLine(line: string): string | undefined {
  const text = line.slice(9);
  return line[8] === " " && line.slice(0, 8) === checksum(text) ? text : undefined;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

function numbersOf(names: readonly string[], pattern: RegExp): number[] {
  return names
    .map((name) => Number(pattern.exec(name)?.[1] ?? Number.NaN))
    .filter((number) => Number.isSafeInteger(number))
    .sort((a, b) => a - b);
}

const padded = (number: number) => String(number).padStart(6, "0");
const logFile = (folder: string, number: number) => path.join(folder, `changes-${padded(number)}`);
const snapshotFile = (folder: string, number: number) => path.join(folder, `snapshot-${padded(number)}`);

function removeOlder(folder: string, number: number): void {
  for (const name of readdirSync(folder)) {
    const found = /^(?:changes|snapshot)-(\d{6,9})(?:\.draft)?$/.exec(name)?.[1];
    if (found !== undefined && Number(found) < number) rmSync(path.join(folder, name), { force: true });
  }
}

function corrupt(file: string, fact: string): HansaError {
  return new HansaError("STORE_CORRUPT", `${file} is damaged: ${fact}`, {
    nextStep: "Restore the control plane's folder from a backup; what the networks themselves keep is not touched.",
  });
}
