/**
 * The few file operations that strands need, so that they also run on files that fail on purpose.
 *
 * As with POSIX files, a write is durable only after a sync of the file, a name only after a sync of its folder, and a
 * read or a write may do less than it was asked for.
 */
import {
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  read,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
  writev,
} from "node:fs";
import { promisify } from "node:util";
import type { Bytes } from "@hansa/primitives";
import { syncFolder } from "./journal-file-write.js";

/** One open file. Positions and sizes are in bytes. */
export interface OpenFile {
  size(): number;
  /** How many bytes were read: fewer than fit only at the file's end or when the medium likes. */
  read(into: Buffer, position: number): Promise<number>;
  readSync(into: Buffer, position: number): number;
  /** How many bytes were written. */
  write(pieces: readonly Bytes[], position: number): Promise<number>;
  writeSync(bytes: Bytes, position: number): number;
  truncate(size: number): void;
  /** Resolves when all that was written is durable. */
  sync(): Promise<void>;
  syncSync(): void;
  close(): void;
}

export interface FileSystem {
  exists(path: string): boolean;
  /** Names in a folder. */
  names(folder: string): string[];
  /** Makes a folder that only the owner may enter, and those above it. */
  makeFolder(folder: string): void;
  /** Opens for reading and writing; makes the file when there is none, for the owner alone. */
  open(file: string): OpenFile;
  rename(from: string, to: string): void;
  /** Removes a file or a folder with all in it. Nothing happens when there is none. */
  remove(path: string): void;
  syncFolder(folder: string): void;
}

/** Reads until the buffer is full or the file ends. Returns how much was read. */
export async function readFully(file: OpenFile, into: Buffer, position: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const count = await file.read(into.subarray(filled), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/** As readFully. */
export function readFullySync(file: OpenFile, into: Buffer, position: number): number {
  let filled = 0;
  while (filled < into.length) {
    const count = file.readSync(into.subarray(filled), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

export function readFile(files: FileSystem, path: string): Buffer {
  const file = files.open(path);
  try {
    const bytes = Buffer.alloc(file.size());
    return bytes.subarray(0, readFullySync(file, bytes, 0));
  } finally {
    file.close();
  }
}

/** Writes all pieces, however many writes that takes. @throws Error when the medium takes no more */
export async function writeFully(file: OpenFile, pieces: readonly Bytes[], position: number): Promise<void> {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  let written = await file.write(pieces, position);
  if (written === total) return;
  const all = Buffer.concat(pieces);
  while (written < total) {
    const count = await file.write([all.subarray(written)], position + written);
    if (count === 0) throw new Error(`wrote ${written} of ${total} bytes`);
    written += count;
  }
}

/** As writeFully. */
export function writeFullySync(file: OpenFile, bytes: Bytes, position: number): void {
  let written = 0;
  while (written < bytes.length) {
    const count = file.writeSync(bytes.subarray(written), position + written);
    if (count === 0) throw new Error(`wrote ${written} of ${bytes.length} bytes`);
    written += count;
  }
}

/** Replaces a small file so that a crash leaves the old or the new content, never a mixture. */
export function replaceFile(files: FileSystem, folder: string, name: string, content: Bytes): void {
  const draft = `${folder}/${name}.draft`;
  const file = files.open(draft);
  try {
    file.truncate(0);
    writeFullySync(file, content, 0);
    file.syncSync();
  } finally {
    file.close();
  }
  files.rename(draft, `${folder}/${name}`);
  files.syncFolder(folder);
}

const readAsync = promisify(read);
const writevAsync = promisify(writev);
const fdatasyncAsync = promisify(fdatasync);

class NodeFile implements OpenFile {
  constructor(readonly fd: number) {}

  size(): number {
    return fstatSync(this.fd).size;
  }

  async read(into: Buffer, position: number): Promise<number> {
    return (await readAsync(this.fd, into, 0, into.length, position)).bytesRead;
  }

  readSync(into: Buffer, position: number): number {
    return readSync(this.fd, into, 0, into.length, position);
  }

  async write(pieces: readonly Bytes[], position: number): Promise<number> {
    return (await writevAsync(this.fd, pieces, position)).bytesWritten;
  }

  writeSync(bytes: Bytes, position: number): number {
    return writeSync(this.fd, bytes, 0, bytes.length, position);
  }

  truncate(size: number): void {
    ftruncateSync(this.fd, size);
  }

  sync(): Promise<void> {
    return fdatasyncAsync(this.fd);
  }

  syncSync(): void {
    fdatasyncSync(this.fd);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** The machine's own files. */
export const nodeFiles: FileSystem = {
  exists: existsSync,
  names: (folder) => readdirSync(folder),
  makeFolder: (folder) => void mkdirSync(folder, { recursive: true, mode: 0o700 }),
  open: (file) => {
    try {
      return new NodeFile(openSync(file, "r+", 0o600));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return new NodeFile(openSync(file, "w+", 0o600));
    }
  },
  rename: renameSync,
  remove: (path) => rmSync(path, { recursive: true, force: true }),
  syncFolder,
};
