/**
 * Log files that stay bounded: what is full is copied to `<file>.1`, the older ones move on to `.2` and so forth, the
 * oldest goes, and the file itself is emptied.
 *
 * It is emptied rather than replaced, because a process's standard output is it: what a dying runtime prints by itself
 * ends up at its end like everything else. Where the process that writes the lines also turns the file, in one go, no
 * line is lost.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";

export type LogLimits = {
  /** A file of this size is full. */
  readonly maxBytes: number;
  /** How many full ones are kept beside the one that is written; at least 1. */
  readonly kept: number;
};

/** How many bytes go by before somebody looks what others have written to the file. */
const LOOK_EVERY_BYTES = 64 * 1024;
const LOOK_EVERY_MS = 10_000;

/** Where a log is, and when it is full. */
export type LogFile = LogLimits & { readonly file: string };

/** Lines at the end of a file that turns when it is full. */
export class RotatedLog {
  readonly #log: LogFile;
  readonly #timer: NodeJS.Timeout;
  #fd: number | undefined;
  #unseen = 0;

  /** @param fd the log, open for appending */
  constructor(fd: number, log: LogFile) {
    this.#fd = fd;
    this.#log = log;
    this.#look();
    // Contracts inside a node, and its runtime, write without asking.
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  static open(log: LogFile): RotatedLog {
    return new RotatedLog(openSync(log.file, "a"), log);
  }

  /** Straight into the page cache: cheaper than to ask the thread pool, and nothing is lost with the process. */
  write(line: string): void {
    if (this.#fd === undefined) return;
    try {
      this.#unseen += writeSync(this.#fd, line);
    } catch {
      // A full disk shows where data is written; the log must not be what ends a node.
    }
    if (this.#unseen >= Math.min(LOOK_EVERY_BYTES, this.#log.maxBytes)) this.#look();
  }

  close(): void {
    clearInterval(this.#timer);
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #look(): void {
    this.#unseen = 0;
    if (this.#fd !== undefined) turnIfFull(this.#fd, this.#log);
  }
}

/** Turns a log that another program writes, now and then, until the returned function is called. */
export function keepBounded(log: LogFile): () => void {
  const fd = openSync(log.file, "a");
  const timer = setInterval(() => turnIfFull(fd, log), LOOK_EVERY_MS).unref();
  return () => {
    clearInterval(timer);
    closeSync(fd);
  };
}

function turnIfFull(fd: number, { file, maxBytes, kept }: LogFile): void {
  try {
    if (fstatSync(fd).size < maxBytes) return;
    for (let number = kept - 1; number >= 1; number--)
      if (existsSync(turned(file, number))) renameSync(turned(file, number), turned(file, number + 1));
    copyFileSync(file, turned(file, 1));
  } catch {
    // A disk without room for the copy needs the room that the log takes all the more.
  }
  try {
    if (fstatSync(fd).size >= maxBytes) ftruncateSync(fd, 0);
  } catch {
    // The folder is gone, or the disk is not well: both show elsewhere.
  }
}

function turned(file: string, number: number): string {
  return `${file}.${number}`;
}

/**
 * What has been written to a log since a reader was there, also when it has turned once meanwhile. Of a long file a piece
 * at a time: there is more until nothing comes.
 * @param offset how far the file was read, in bytes
 * @returns the bytes, and how far the file has been read now
 */
export function readOn(file: string, offset: number): { readonly bytes: Buffer; readonly offset: number } {
  const size = sizeOf(file);
  // Whoever sets a file aside by another name has not begun the next one yet.
  if (size === undefined) return { bytes: Buffer.alloc(0), offset };
  if (size >= offset) {
    const bytes = readRange(file, offset, Math.min(size, offset + PIECE_BYTES));
    return { bytes, offset: offset + bytes.length };
  }
  // The older file begins with what was read, so the offset holds there.
  const older = turned(file, 1);
  const rest = readRange(older, offset, sizeOf(older) ?? 0);
  const next = readRange(file, 0, Math.min(size, PIECE_BYTES));
  return { bytes: Buffer.concat([rest, next]), offset: next.length };
}

/** The end of what a log holds, with the file before it where it has just turned, and how far the file is read by that. */
export function readEnd(file: string, mostBytes: number): { readonly bytes: Buffer; readonly offset: number } {
  const size = sizeOf(file) ?? 0;
  const newer = readRange(file, Math.max(0, size - mostBytes), size);
  const older = turned(file, 1);
  const olderSize = sizeOf(older) ?? 0;
  const before = readRange(older, Math.max(0, olderSize - (mostBytes - newer.length)), olderSize);
  return { bytes: Buffer.concat([before, newer]), offset: size };
}

const PIECE_BYTES = 1024 * 1024;

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}

/** Fewer bytes than asked for where the file ends before. */
function readRange(file: string, from: number, to: number): Buffer {
  if (from >= to) return Buffer.alloc(0);
  const bytes = Buffer.alloc(to - from);
  const fd = openSync(file, "r");
  try {
    let filled = 0;
    for (let read = -1; read !== 0 && filled < bytes.length; filled += read)
      read = readSync(fd, bytes, filled, bytes.length - filled, from + filled);
    return bytes.subarray(0, filled);
  } finally {
    closeSync(fd);
  }
}
