/**
 * What a channel's block files stand on when they begin after a snapshot, in the same folder:
 *
 *   basis.json    the last block of the snapshot, by its hashes
 *   basis.txids   ids of all transactions up to it, as the snapshot's `txids.data`: a format byte, then each id as its
 *                 length (varint) and its bytes, ordered by length and then by bytes
 *
 * Ids of one length stand together at equal distances, so that a table of eight bytes an id finds them.
 */
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import { LedgerError, type SnapshotBasis } from "@hansa/ledger";
import { messageOf } from "@hansa/primitives";
import { readAt } from "./blocks-index.js";
import { idBytes } from "./blocks-record.js";
import { HashTable } from "./hash-table.js";

export const BASIS_FILE = "basis.json";
export const BASIS_IDS_FILE = "basis.txids";

const FORMAT = "hansa.blocks.basis/1";
const CHUNK_BYTES = 1024 * 1024;
const PAGE_IDS = 1_024;
/** An id comes in a message, which is smaller. */
const MAX_ID_BYTES = 128 * 1024 * 1024;

export function encodeBasis(basis: SnapshotBasis): string {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  return `${JSON.stringify({
    format: FORMAT,
    lastBlock: basis.lastBlock,
    lastBlockHash: hex(basis.lastBlockHash),
    previousBlockHash: hex(basis.previousBlockHash),
    commitHash: hex(basis.commitHash),
  })}\n`;
}

/** Undefined when the blocks begin with block 0. @throws LedgerError STORE_CORRUPT */
export function readBasis(folder: string): SnapshotBasis | undefined {
  const file = path.join(folder, BASIS_FILE);
  if (!existsSync(file)) return undefined;
  try {
    const { format, lastBlock, lastBlockHash, previousBlockHash, commitHash } = JSON.parse(
      readFileSync(file, "utf8"),
    ) as Record<string, unknown>;
    if (format !== FORMAT) throw new Error(`it is not of format ${FORMAT}`);
    if (typeof lastBlock !== "number" || !Number.isSafeInteger(lastBlock) || lastBlock < 0)
      throw new Error("it has no lastBlock");
    const bytes = (hex: unknown) => Buffer.from(String(hex), "hex");
    return {
      lastBlock,
      lastBlockHash: bytes(lastBlockHash),
      previousBlockHash: bytes(previousBlockHash),
      commitHash: bytes(commitHash),
    };
  } catch (cause) {
    throw new LedgerError("STORE_CORRUPT", `${file} cannot be read: ${messageOf(cause)}`, {
      cause,
      nextStep: "Take the peer out of the channel (unjoin), then join by the snapshot again.",
    });
  }
}

/** Ids of one length. */
type Run = { readonly firstId: number; readonly position: number; readonly idLength: number; readonly stride: number };

export class BasisIds {
  readonly #fd: number;
  readonly #table = new HashTable();
  readonly #runs: Run[] = [];
  #count = 0;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws LedgerError STORE_CORRUPT */
  static open(folder: string): BasisIds {
    const file = path.join(folder, BASIS_IDS_FILE);
    const ids = new BasisIds(openSync(file, "r"));
    try {
      ids.#load();
      return ids;
    } catch (cause) {
      ids.close();
      throw new LedgerError("STORE_CORRUPT", `${file} cannot be read: ${messageOf(cause)}`, {
        cause,
        nextStep: "Take the peer out of the channel (unjoin), then join by the snapshot again.",
      });
    }
  }

  get count(): number {
    return this.#count;
  }

  has(txId: string): boolean {
    if (txId === "") return false;
    for (const index of this.#table.candidates(idBytes(txId))) if (this.#at(index) === txId) return true;
    return false;
  }

  *pages(): Generator<readonly string[]> {
    for (let at = 0; at < this.#count; at += PAGE_IDS) {
      yield Array.from({ length: Math.min(PAGE_IDS, this.#count - at) }, (_, index) => this.#at(at + index));
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #at(index: number): string {
    const run = this.#runs.findLast(({ firstId }) => firstId <= index);
    if (run === undefined) return "";
    const end = run.position + (index - run.firstId + 1) * run.stride;
    return readAt(this.#fd, end - run.idLength, run.idLength).toString("utf8");
  }

  #load(): void {
    let rest: Buffer = Buffer.alloc(0);
    /** Where `rest` begins in the file. */
    let start = 1;
    for (;;) {
      const chunk = readAt(this.#fd, start + rest.length, CHUNK_BYTES);
      const bytes = Buffer.concat([rest, chunk]);
      let at = 0;
      for (;;) {
        const head = readVarint(bytes, at);
        if (head === undefined || head.end + head.value > bytes.length) break;
        this.#add(bytes.toString("utf8", head.end, head.end + head.value), start + at, head.value, head.end - at);
        at = head.end + head.value;
      }
      start += at;
      rest = bytes.subarray(at);
      if (chunk.length === 0) break;
    }
    if (rest.length > 0) throw new Error("it ends within an id");
  }

  #add(txId: string, position: number, idLength: number, headLength: number): void {
    if (this.#runs.at(-1)?.idLength !== idLength) {
      this.#runs.push({ firstId: this.#count, position, idLength, stride: headLength + idLength });
    }
    this.#table.add(idBytes(txId), this.#count++);
  }
}

function readVarint(bytes: Buffer, at: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte >= 0x80) continue;
    if (value > MAX_ID_BYTES) break;
    return { value, end: at };
  }
  throw new Error("an id has an impossible length");
}
