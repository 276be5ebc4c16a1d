/**
 * A channel's blocks in append-only files.
 *
 *   000000.blocks, 000001.blocks …  the blocks; the only files that matter (see blocks-record.ts)
 *   offsets, transactions           where everything is; made again when lost
 *   basis.json, basis.txids         what stands for earlier blocks, where a snapshot does (see blocks-basis.ts)
 *
 * An append resolves after its bytes were synced; appends that wait while the disk is busy share one write and one sync.
 * On opening, a tail that a crash cut short is removed, with a line in the log. Any other damage is refused with file,
 * block and byte, and never repaired silently.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, writevSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import {
  type BlockStore,
  firstBlock,
  LedgerError,
  readTransaction,
  type SnapshotBasis,
  type StoredBlock,
  type TxLocation,
} from "@hansa/ledger";
import { assert, concatBytes, type Logger, silentLogger, toHex } from "@hansa/primitives";
import { splitBlock } from "@hansa/wire";
import { BasisIds, readBasis } from "./blocks-basis.js";
import { BlockIndex, type BlockPlace } from "./blocks-index.js";
import { BLOCK_HEADER_BYTES, checksumOf, decodeBlockHeader, encodeBlockHeader, ID_ITSELF } from "./blocks-record.js";
import { indexSegments, NOT_VALID, segmentName } from "./blocks-scan.js";
import { FolderLock } from "./folder-lock.js";

export type FileBlockOptions = {
  readonly logger?: Logger;
  /** A new segment begins when the last one is larger. */
  readonly segmentBytes?: number;
};

const DEFAULT_SEGMENT_BYTES = 256 * 1024 * 1024;
/** Blocks that were just appended are asked for at once, by everyone who follows the channel. */
const RECENT_BLOCKS = 16;
const RECENT_BYTES = 4 * 1024 * 1024;

type Waiting = { readonly block: StoredBlock; resolve(): void; reject(error: unknown): void };

export class FileBlockStore implements BlockStore {
  readonly #folder: string;
  readonly #lock: FolderLock;
  readonly #index: BlockIndex;
  readonly basis: SnapshotBasis | undefined;
  readonly #basisIds: BasisIds | undefined;
  readonly #segmentBytes: number;
  readonly #handles = new Map<number, FileHandle>();
  readonly #recent = new Map<number, Uint8Array>();
  #recentBytes = 0;
  #segment: number;
  #end: number;
  /** Number that the next append must have: the height, and what waits. */
  #next: number;
  #waiting: Waiting[] = [];
  /** Ids of the transactions in blocks that were appended and are not in the index yet. */
  readonly #unwritten = new Set<string>();
  #writing: Promise<void> | undefined;
  #failure: unknown;
  #isClosed = false;

  private constructor(
    folder: string,
    lock: FolderLock,
    index: BlockIndex,
    basis: { readonly basis: SnapshotBasis; readonly ids: BasisIds } | undefined,
    segment: number,
    end: number,
    options: FileBlockOptions,
  ) {
    this.basis = basis?.basis;
    this.#basisIds = basis?.ids;
    this.#folder = folder;
    this.#lock = lock;
    this.#index = index;
    this.#segment = segment;
    this.#end = end;
    this.#next = index.height;
    this.#segmentBytes = options.segmentBytes ?? DEFAULT_SEGMENT_BYTES;
  }

  /** @throws LedgerError STORE_CORRUPT with file, block and byte, STORE_IN_USE */
  static async open(folder: string, options: FileBlockOptions = {}): Promise<FileBlockStore> {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = FolderLock.acquire(folder);
    let index: BlockIndex | undefined;
    let ids: BasisIds | undefined;
    try {
      const basis = readBasis(folder);
      if (basis !== undefined) ids = BasisIds.open(folder);
      index = BlockIndex.open(folder, firstBlock({ basis }));
      const { segment, end } = indexSegments(folder, index, options.logger ?? silentLogger);
      return new FileBlockStore(folder, lock, index, basis && ids && { basis, ids }, segment, end, options);
    } catch (error) {
      index?.close();
      ids?.close();
      lock.release();
      throw error;
    }
  }

  height(): number {
    return this.#index.height;
  }

  append(block: StoredBlock): Promise<void> {
    if (this.#isClosed) return Promise.reject(new LedgerError("STORE_CLOSED", "the block store is closed"));
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (block.number !== this.#next) {
      const message = `block ${block.number} came where block ${this.#next} was due`;
      return Promise.reject(new LedgerError("BLOCK_OUT_OF_ORDER", message));
    }
    this.#next++;
    for (const { txId } of block.transactions) if (txId !== "") this.#unwritten.add(txId);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ block, resolve, reject });
      this.#writing ??= this.#drain();
    });
  }

  async read(number: number): Promise<Uint8Array | undefined> {
    if (this.#isClosed) throw new LedgerError("STORE_CLOSED", "the block store is closed");
    const recent = this.#recent.get(number);
    if (recent !== undefined) return recent;
    const place = this.#index.place(number);
    if (place === undefined) return undefined;
    const handle = await this.#handle(place.segment);
    const bytes = Buffer.allocUnsafe(BLOCK_HEADER_BYTES + place.bodyBytes);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, place.offset);
    const header = decodeBlockHeader(bytes.subarray(0, BLOCK_HEADER_BYTES));
    const body = bytes.subarray(BLOCK_HEADER_BYTES);
    const isSound =
      bytesRead === bytes.length &&
      header !== undefined &&
      header.number === number &&
      header.bodyChecksum === checksumOf([body]);
    if (!isSound) throw damaged(this.#folder, place, number, "its bytes do not match their checksum");
    return body;
  }

  find(txId: string): TxLocation | undefined {
    return this.#index.find(txId);
  }

  hasId(txId: string): boolean {
    if (this.#unwritten.has(txId)) return true;
    return this.#index.find(txId) !== undefined || this.#basisIds?.has(txId) === true;
  }

  async *txIds(before: number): AsyncGenerator<readonly string[]> {
    yield* this.#basisIds?.pages() ?? [];
    for (const page of this.#index.transactions(before)) {
      const ids: string[] = [];
      for (const { id, form, blockNumber, txIndex } of page) {
        if (form !== ID_ITSELF) ids.push(await this.#writtenId(blockNumber, txIndex));
        else if (id.some((byte) => byte !== 0)) ids.push(toHex(id));
      }
      yield ids;
    }
  }

  findByHash(headerHash: Uint8Array): number | undefined {
    return this.#index.findByHash(headerHash);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    for (const handle of this.#handles.values()) await handle.close();
    this.#handles.clear();
    this.#index.close();
    this.#basisIds?.close();
    this.#lock.release();
  }

  /** An id that is no hash, out of its envelope. */
  async #writtenId(blockNumber: number, txIndex: number): Promise<string> {
    const envelope = splitBlock((await this.read(blockNumber)) ?? new Uint8Array(0)).envelopes[txIndex];
    return envelope === undefined ? "" : readTransaction(envelope, NOT_VALID).txId;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        if (this.#failure !== undefined) throw this.#failure;
        await this.#write(group.map(({ block }) => block));
        for (const { resolve } of group) resolve();
      } catch (error) {
        // What reached the disk is unknown now. Opening the store again finds out.
        this.#failure ??= error;
        for (const { reject } of group) reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #write(blocks: readonly StoredBlock[]): Promise<void> {
    if (this.#end > this.#segmentBytes) {
      this.#segment++;
      this.#end = 0;
    }
    const handle = await this.#handle(this.#segment);
    const groupStart = this.#end;
    const pieces: Uint8Array[] = [];
    const places: BlockPlace[] = [];
    let end = groupStart;
    for (const { number, pieces: body } of blocks) {
      const bodyBytes = body.reduce((sum, piece) => sum + piece.length, 0);
      pieces.push(encodeBlockHeader({ bodyBytes, number, groupStart, bodyChecksum: checksumOf(body) }), ...body);
      places.push({ segment: this.#segment, offset: end, bodyBytes });
      end += BLOCK_HEADER_BYTES + bodyBytes;
    }
    writeGathered(handle.fd, pieces, groupStart);
    await handle.datasync();
    this.#end = end;
    for (const [i, block] of blocks.entries()) {
      const place = places[i];
      assert(place !== undefined, "a place for each block");
      this.#index.add(block, place);
      for (const { txId } of block.transactions) this.#unwritten.delete(txId);
      this.#keepRecent(block, place.bodyBytes);
    }
  }

  #keepRecent(block: StoredBlock, bytes: number): void {
    if (bytes > RECENT_BYTES) return;
    this.#recent.set(block.number, concatBytes(...block.pieces));
    this.#recentBytes += bytes;
    for (const [number, kept] of this.#recent) {
      if (this.#recent.size <= RECENT_BLOCKS && this.#recentBytes <= RECENT_BYTES) return;
      this.#recent.delete(number);
      this.#recentBytes -= kept.length;
    }
  }

  async #handle(segment: number): Promise<FileHandle> {
    let handle = this.#handles.get(segment);
    if (handle === undefined) {
      const file = path.join(this.#folder, segmentName(segment));
      // Created beforehand and synced with its folder, so that a crash cannot lose the file's name.
      createDurably(this.#folder, file);
      handle = await open(file, "r+");
      this.#handles.set(segment, handle);
    }
    return handle;
  }
}

/** Into the page cache, which is faster than to ask the thread pool. Writes all pieces: a gathered write may stop short. */
function writeGathered(fd: number, pieces: readonly Uint8Array[], position: number): void {
  let left: Uint8Array[] = [...pieces];
  let at = position;
  while (left.length > 0) {
    let written = writevSync(fd, left, at);
    at += written;
    let whole = 0;
    for (const piece of left) {
      if (written < piece.length) break;
      written -= piece.length;
      whole++;
    }
    left = left.slice(whole);
    const [first, ...rest] = left;
    if (first !== undefined && written > 0) left = [first.subarray(written), ...rest];
  }
}

function createDurably(folder: string, file: string): void {
  if (readdirSync(folder).includes(path.basename(file))) return;
  closeSync(openSync(file, "a", 0o600));
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function damaged(folder: string, place: BlockPlace, number: number, why: string): LedgerError {
  const file = path.join(folder, segmentName(place.segment));
  return new LedgerError("STORE_CORRUPT", `${file} is damaged at block ${number}, byte ${place.offset}: ${why}`, {
    nextStep: "Restore the file from a copy, or delete this ledger and fetch the channel again.",
  });
}
