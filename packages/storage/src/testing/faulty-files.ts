/**
 * Files in memory that fail on purpose, and always in the same way for the same seed.
 *
 * What a process sees is one thing, what the medium holds another. A write reaches the medium at a sync; a crash before
 * that loses any part of it, by sectors. A sync that fails says so once, and the kernel then believes that the pages are
 * clean: the process goes on seeing bytes that no later sync will write. Names follow the same rule with their folder's
 * sync, except that they are lost in order, as journalling file systems do it.
 */
import type { FileSystem, OpenFile } from "../files.js";

export type FaultRates = {
  /** Chance of each write to do less than asked, from 0 to 1. */
  readonly shortWrite: number;
  /** Chance of each read to do less than asked. */
  readonly shortRead: number;
  /** Chance of each write to find the medium full, with a part of it written. */
  readonly fullDisk: number;
  /** Chance of each sync to fail. */
  readonly failedSync: number;
};

export const NO_FAULTS: FaultRates = { shortWrite: 0, shortRead: 0, fullDisk: 0, failedSync: 0 };
/** Those that a correct program never notices. */
export const HARMLESS_FAULTS: FaultRates = { ...NO_FAULTS, shortWrite: 0.4, shortRead: 0.4 };

const SECTOR_BYTES = 512;

type Change = { readonly at: number; readonly bytes: Buffer } | { readonly size: number };

class Inode {
  /** What the process sees. */
  seen: Buffer = Buffer.alloc(0);
  /** What the medium holds. */
  held: Buffer = Buffer.alloc(0);
  /** What was changed since the last sync, oldest first. */
  changes: Change[] = [];
}

type NameChange = { readonly folder: string; readonly apply: (names: Map<string, Inode | undefined>) => void };

/** Mulberry32. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to but not including `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  happens(rate: number): boolean {
    return this.below(1_000_000) < rate * 1_000_000;
  }
}

export class FaultyFiles implements FileSystem {
  readonly #chance: Chance;
  #rates: FaultRates;
  /** Path to file; undefined stands for a folder. What the process sees, and what the medium holds. */
  #seen = new Map<string, Inode | undefined>();
  #held = new Map<string, Inode | undefined>();
  #nameChanges: NameChange[] = [];
  /** Descriptors of a process that has crashed are worth nothing. */
  #life = 0;
  /** One line for everything that went wrong, in order. */
  readonly log: string[] = [];

  constructor(chance: Chance, rates: FaultRates) {
    this.#chance = chance;
    this.#rates = rates;
  }

  set rates(rates: FaultRates) {
    this.#rates = rates;
  }

  exists(path: string): boolean {
    return this.#seen.has(path);
  }

  names(folder: string): string[] {
    const below = [...this.#seen.keys()].filter((path) => path.startsWith(`${folder}/`));
    return [...new Set(below.map((path) => path.slice(folder.length + 1).split("/")[0] as string))];
  }

  makeFolder(folder: string): void {
    const parts = folder.split("/").slice(1);
    for (let depth = 1; depth <= parts.length; depth++) {
      const path = `/${parts.slice(0, depth).join("/")}`;
      if (!this.#seen.has(path)) this.#change(path, (names) => names.set(path, undefined));
    }
  }

  open(file: string): OpenFile {
    let inode = this.#seen.get(file);
    if (inode === undefined) {
      const made = new Inode();
      this.#change(file, (names) => names.set(file, made));
      inode = made;
    }
    return this.#handle(file, inode);
  }

  rename(from: string, to: string): void {
    this.#change(to, (names) => {
      for (const path of [...names.keys()]) if (isWithin(path, to)) names.delete(path);
      for (const [path, inode] of [...names]) {
        if (!isWithin(path, from)) continue;
        names.delete(path);
        names.set(to + path.slice(from.length), inode);
      }
    });
  }

  remove(path: string): void {
    this.#change(path, (names) => {
      for (const each of [...names.keys()]) if (isWithin(each, path)) names.delete(each);
    });
  }

  /** Makes names durable: those of this folder, and by the file system's own journal all that were changed before. */
  syncFolder(folder: string): void {
    this.#failSync(folder);
    const last = this.#nameChanges.findLastIndex((change) => change.folder === folder);
    for (const { apply } of this.#nameChanges.splice(0, last + 1)) apply(this.#held);
  }

  /** The machine stops: all that is not durable may be gone, in part or whole. Every open file is useless after it. */
  crash(): void {
    this.#life++;
    const kept = this.#chance.below(this.#nameChanges.length + 1);
    for (const { apply } of this.#nameChanges.splice(0, kept)) apply(this.#held);
    if (this.#nameChanges.length > 0) this.log.push(`crash: ${this.#nameChanges.length} name changes lost`);
    this.#nameChanges = [];
    for (const [path, inode] of this.#held) {
      if (inode === undefined) continue;
      this.#keepSome(inode, path);
      inode.seen = Buffer.from(inode.held);
    }
    this.#seen = new Map(this.#held);
  }

  /** The process stops and the machine goes on: everything seen stays. */
  kill(): void {
    this.#life++;
  }

  /** Turns one bit of a file, on the medium too. Returns where; undefined when there is no such file with a byte. */
  flipBit(pick: (path: string) => boolean): { readonly path: string; readonly byte: number } | undefined {
    const files = [...this.#seen].filter(([path, inode]) => inode !== undefined && inode.seen.length > 0 && pick(path));
    const found = files[this.#chance.below(Math.max(1, files.length))];
    if (found === undefined) return undefined;
    const [path, inode] = found as [string, Inode];
    const byte = this.#chance.below(inode.seen.length);
    const bit = 1 << this.#chance.below(8);
    for (const content of [inode.seen, inode.held]) {
      if (byte < content.length) content[byte] = content.readUInt8(byte) ^ bit;
    }
    this.log.push(`bit turned in ${path}, byte ${byte}`);
    return { path, byte };
  }

  #change(path: string, apply: NameChange["apply"]): void {
    apply(this.#seen);
    this.#nameChanges.push({ folder: path.slice(0, path.lastIndexOf("/")), apply });
  }

  #failSync(path: string): void {
    if (!this.#chance.happens(this.#rates.failedSync)) return;
    this.log.push(`sync of ${path} fails`);
    throw new Error(`EIO: i/o error, fsync ${path}`);
  }

  #handle(path: string, inode: Inode): OpenFile {
    const life = this.#life;
    const check = () => {
      if (life !== this.#life) throw new Error(`${path} was opened by a process that is gone`);
    };
    const writeSome = (bytes: Buffer, position: number): number => {
      check();
      const full = this.#chance.happens(this.#rates.fullDisk);
      const short = full || (bytes.length > 1 && this.#chance.happens(this.#rates.shortWrite));
      const length = short ? this.#chance.below(bytes.length) + (full ? 0 : 1) : bytes.length;
      write(inode, { at: position, bytes: Buffer.from(bytes.subarray(0, length)) });
      if (!full) return length;
      this.log.push(`disk full in ${path} after ${length} of ${bytes.length} bytes`);
      throw new Error(`ENOSPC: no space left on device, write ${path}`);
    };
    const readSome = (into: Buffer, position: number): number => {
      check();
      const there = Math.max(0, Math.min(into.length, inode.seen.length - position));
      const short = there > 1 && this.#chance.happens(this.#rates.shortRead);
      const length = short ? 1 + this.#chance.below(there - 1) : there;
      return inode.seen.copy(into, 0, position, position + length);
    };
    const sync = () => {
      check();
      try {
        this.#failSync(path);
      } catch (error) {
        // Some pages made it, the others are forgotten; the process sees no difference.
        this.#keepSome(inode, path);
        throw error;
      }
      for (const change of inode.changes) inode.held = changed(inode.held, change);
      inode.changes = [];
    };
    return {
      size: () => inode.seen.length,
      read: async (into, position) => readSome(into, position),
      readSync: readSome,
      write: async (pieces, position) => writeSome(Buffer.concat(pieces), position),
      writeSync: (bytes, position) => writeSome(Buffer.from(bytes), position),
      truncate: (size) => {
        check();
        write(inode, { size });
      },
      sync: async () => sync(),
      syncSync: sync,
      close: () => {},
    };
  }

  /** Each sector of what was written since the last sync reaches the medium, or does not. */
  #keepSome(inode: Inode, path: string): void {
    let lost = 0;
    for (const change of inode.changes) {
      if ("size" in change) {
        inode.held = changed(inode.held, change);
        continue;
      }
      for (let start = 0; start < change.bytes.length; ) {
        const at = change.at + start;
        const end = Math.min(change.bytes.length, start + SECTOR_BYTES - (at % SECTOR_BYTES));
        if (this.#chance.happens(0.5))
          inode.held = changed(inode.held, { at, bytes: change.bytes.subarray(start, end) });
        else lost += end - start;
        start = end;
      }
    }
    inode.changes = [];
    if (lost > 0) this.log.push(`${lost} bytes of ${path} are lost`);
  }
}

function write(inode: Inode, change: Change): void {
  inode.seen = changed(inode.seen, change);
  inode.changes.push(change);
}

function changed(content: Buffer, change: Change): Buffer {
  const end = "size" in change ? change.size : change.at + change.bytes.length;
  const grown = Buffer.alloc("size" in change ? end : Math.max(content.length, end));
  content.copy(grown);
  if ("bytes" in change) change.bytes.copy(grown, change.at);
  return grown;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
