/**
 * Brings the index up to the segments when a block store is opened, and judges what does not read.
 *
 * A write that a crash interrupted leaves a tail that nobody was told of: it may be cut. A broken place is damage when
 * something shows that it had been durable: the index knows the block, or a sound record further on belongs to a group
 * that was written after it.
 */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readdirSync } from "node:fs";
import path from "node:path";
import { LedgerError, readTransaction } from "@hansa/ledger";
import type { Logger } from "@hansa/primitives";
import { blockHeaderHash, METADATA, splitBlock } from "@hansa/wire";
import { type BlockIndex, readAt } from "./blocks-index.js";
import { BLOCK_HEADER_BYTES, BLOCK_MAGIC, checksumOf, decodeBlockHeader } from "./blocks-record.js";

const CHUNK_BYTES = 4 * 1024 * 1024;
const SEGMENT_FILE = /^(\d{6,})\.blocks$/;
/** Any code but VALID: the index wants the id of a transaction and nothing of its results. */
export const NOT_VALID = 255;

export function segmentName(segment: number): string {
  return `${String(segment).padStart(6, "0")}.blocks`;
}

/** Where the next block goes. @throws LedgerError STORE_CORRUPT */
export function indexSegments(folder: string, index: BlockIndex, logger: Logger): { segment: number; end: number } {
  const segments = readdirSync(folder)
    .map((name) => SEGMENT_FILE.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
  const lastSegment = segments.at(-1) ?? 0;
  for (let segment = 0; segment <= lastSegment && segments.length > 0; segment++) {
    if (!segments.includes(segment)) {
      throw corrupt(path.join(folder, segmentName(segment)), index.height, 0, "the file is missing");
    }
  }

  const last = index.height === index.first ? undefined : index.place(index.height - 1);
  let segment = last?.segment ?? 0;
  let position = last === undefined ? 0 : last.offset + BLOCK_HEADER_BYTES + last.bodyBytes;
  if (last !== undefined) checkLast(folder, index, last);
  if (segments.length === 0) return { segment, end: position };
  for (;;) {
    const isLast = segment === lastSegment;
    const end = new SegmentScan(folder, segment, index, logger).run(position, isLast);
    if (isLast) return { segment, end };
    segment++;
    position = 0;
  }
}

/** What the index knows was durable. */
function checkLast(
  folder: string,
  index: BlockIndex,
  { segment, offset, bodyBytes }: { segment: number; offset: number; bodyBytes: number },
): void {
  const file = path.join(folder, segmentName(segment));
  const number = index.height - 1;
  const fd = openExisting(file, number);
  try {
    const bytes = readAt(fd, offset, BLOCK_HEADER_BYTES + bodyBytes);
    const header = decodeBlockHeader(bytes);
    if (header === undefined || bytes.length < BLOCK_HEADER_BYTES + bodyBytes) {
      throw corrupt(file, number, offset, `the file ends or breaks where block ${number} had been stored`);
    }
    if (header.number !== number || header.bodyChecksum !== checksumOf([bytes.subarray(BLOCK_HEADER_BYTES)])) {
      throw corrupt(file, number, offset, "its bytes do not match their checksum");
    }
  } finally {
    closeSync(fd);
  }
}

class SegmentScan {
  readonly #file: string;
  readonly #segment: number;
  readonly #index: BlockIndex;
  readonly #logger: Logger;

  constructor(folder: string, segment: number, index: BlockIndex, logger: Logger) {
    this.#file = path.join(folder, segmentName(segment));
    this.#segment = segment;
    this.#index = index;
    this.#logger = logger;
  }

  /** Indexes all blocks from this byte on; returns where the segment ends. */
  run(start: number, isLastSegment: boolean): number {
    const fd = openExisting(this.#file, this.#index.height);
    try {
      const size = fstatSync(fd).size;
      let position = start;
      while (position < size) {
        const next = this.#indexBlock(fd, position, size);
        if (next === undefined) {
          this.#cut(fd, position, size, isLastSegment);
          return position;
        }
        position = next;
      }
      return position;
    } finally {
      closeSync(fd);
    }
  }

  #indexBlock(fd: number, position: number, size: number): number | undefined {
    const header = decodeBlockHeader(readAt(fd, position, BLOCK_HEADER_BYTES));
    if (header === undefined || position + BLOCK_HEADER_BYTES + header.bodyBytes > size) return undefined;
    const body = readAt(fd, position + BLOCK_HEADER_BYTES, header.bodyBytes);
    if (header.bodyChecksum !== checksumOf([body])) return undefined;
    const number = this.#index.height;
    if (header.number !== number) {
      throw corrupt(this.#file, number, position, `block ${header.number} is where block ${number} should be`);
    }
    const block = splitBlock(body);
    const codes = block.metadata[METADATA.TRANSACTIONS_FILTER];
    const transactions = block.envelopes.map((envelope, txIndex) => ({
      txId: readTransaction(envelope, NOT_VALID).txId,
      code: codes?.[txIndex] ?? 0,
    }));
    const place = { segment: this.#segment, offset: position, bodyBytes: header.bodyBytes };
    this.#index.add({ number, headerHash: blockHeaderHash(block.header), transactions }, place);
    return position + BLOCK_HEADER_BYTES + header.bodyBytes;
  }

  #cut(fd: number, position: number, size: number, isLastSegment: boolean): void {
    const number = this.#index.height;
    if (!isLastSegment || wasDurable(fd, position, size)) {
      throw corrupt(this.#file, number, position, "its bytes do not match their checksum, and later blocks exist");
    }
    ftruncateSync(fd, position);
    fsyncSync(fd);
    this.#logger.warn("an unfinished write at the end of the blocks was cut", {
      file: this.#file,
      block: number,
      byte: position,
      bytes: size - position,
    });
  }
}

/** Whether a sound record beyond this place belongs to a group that was written after it. */
function wasDurable(fd: number, broken: number, size: number): boolean {
  for (let position = broken + 1; position < size; ) {
    const window = readAt(fd, position, Math.min(CHUNK_BYTES, size - position));
    const found = window.indexOf(BLOCK_MAGIC);
    if (found < 0) {
      position += Math.max(window.length - BLOCK_MAGIC.length + 1, 1);
      continue;
    }
    const candidate = position + found;
    const header = decodeBlockHeader(readAt(fd, candidate, BLOCK_HEADER_BYTES));
    if (header !== undefined && header.groupStart > broken) return true;
    position = candidate + 1;
  }
  return false;
}

function openExisting(file: string, number: number): number {
  try {
    return openSync(file, "r+");
  } catch (cause) {
    throw corrupt(file, number, 0, "the file cannot be opened", cause);
  }
}

function corrupt(file: string, number: number, byte: number, why: string, cause?: unknown): LedgerError {
  return new LedgerError("STORE_CORRUPT", `${file} is damaged at block ${number}, byte ${byte}: ${why}`, {
    cause,
    nextStep: "Restore the file from a copy, or delete this ledger and fetch the channel again.",
  });
}
