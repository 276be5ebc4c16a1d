/**
 * One journal record as it lies in a strand's `blocks` file.
 *
 * header, 32 bytes, big endian
 *   magic            4   "HJR2"
 *   bodyLength       4
 *   sequenceNo       6
 *   groupStart       6   where the group that was made durable together begins in the file
 *   frontierChecksum 4   CRC-32 of the complete nodes on both trees' right edges after this block: the dot tree's,
 *                        widest first, then the log's
 *   bodyChecksum     4   CRC-32
 *   headerChecksum   4   CRC-32 of the 28 bytes before
 *
 * "HJR1" of earlier versions differs in one thing: its frontierChecksum covers the dot tree alone.
 * body
 *   timestampMs 6, entryCount 4, bindingLength 2, previousHashLength 1 (0 or 32)
 *   entriesHash 32, blockHash 32, previousBlockHash, entryHashes 32 each, binding, content
 */
import { crc32 } from "node:zlib";
import { type BlockAddress, HASH_BYTES, type JournalBlock, type JournalRecord } from "@hansa/journal";
import { assert, type Bytes, type UnixMs } from "@hansa/primitives";

export const HEADER_BYTES = 32;
const MAGIC = Buffer.from("HJR2", "latin1");
const EARLIER_MAGIC = Buffer.from("HJR1", "latin1");
/** What every record begins with. */
export const MAGIC_START = MAGIC.subarray(0, 3);
const FIXED_BYTES = 6 + 4 + 2 + 1 + 2 * HASH_BYTES;
/** A record holds one block; Fabric's own message limit is 100 MB, so anything near this is not a length. */
export const MAX_BODY_BYTES = 0x4000_0000;

export type RecordHeader = {
  readonly bodyBytes: number;
  readonly sequenceNo: number;
  readonly groupStart: number;
  readonly frontierChecksum: number;
  /** Whether that checksum covers both trees, or the dot tree alone. */
  readonly coversLog: boolean;
  readonly bodyChecksum: number;
};

/** The record in pieces for one gathered write: header and hashes, then the content as it is. */
export function encodeRecord(record: JournalRecord, groupStart: number, frontierChecksum: number): [Buffer, Bytes] {
  const { block, content } = record;
  const { binding, entryHashes, entriesHash, blockHash, previousBlockHash } = block;
  assert(binding.length <= 0xffff, `a binding of ${binding.length} bytes`);
  const meta = FIXED_BYTES + previousBlockHash.length + entryHashes.length * HASH_BYTES + binding.length;
  const bodyBytes = meta + content.length;
  assert(bodyBytes <= MAX_BODY_BYTES, `a record of ${bodyBytes} bytes`);

  const front = Buffer.allocUnsafe(HEADER_BYTES + meta);
  let at = front.writeUIntBE(block.timestampMs, HEADER_BYTES, 6);
  at = front.writeUInt32BE(entryHashes.length, at);
  at = front.writeUInt16BE(binding.length, at);
  at = front.writeUInt8(previousBlockHash.length, at);
  for (const piece of [entriesHash, blockHash, previousBlockHash, ...entryHashes, binding]) {
    front.set(piece, at);
    at += piece.length;
  }
  assert(at === front.length, `a record's front ends at ${at} of ${front.length}`);

  front.set(MAGIC, 0);
  front.writeUInt32BE(bodyBytes, 4);
  front.writeUIntBE(block.address.sequenceNo, 8, 6);
  front.writeUIntBE(groupStart, 14, 6);
  front.writeUInt32BE(frontierChecksum, 20);
  front.writeUInt32BE(crc32(content, crc32(front.subarray(HEADER_BYTES))), 24);
  front.writeUInt32BE(crc32(front.subarray(0, 28)), 28);
  return [front, content];
}

/** The header, or undefined when these 32 bytes are none. */
export function decodeHeader(bytes: Buffer): RecordHeader | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const coversLog = MAGIC.compare(bytes, 0, 4) === 0;
  if (!coversLog && EARLIER_MAGIC.compare(bytes, 0, 4) !== 0) return undefined;
  if (crc32(bytes.subarray(0, 28)) !== bytes.readUInt32BE(28)) return undefined;
  const bodyBytes = bytes.readUInt32BE(4);
  if (bodyBytes < FIXED_BYTES || bodyBytes > MAX_BODY_BYTES) return undefined;
  return {
    bodyBytes,
    sequenceNo: bytes.readUIntBE(8, 6),
    groupStart: bytes.readUIntBE(14, 6),
    frontierChecksum: bytes.readUInt32BE(20),
    coversLog,
    bodyChecksum: bytes.readUInt32BE(24),
  };
}

export function isIntact(header: RecordHeader, body: Buffer): boolean {
  return body.length === header.bodyBytes && crc32(body) === header.bodyChecksum;
}

/** How many bytes of a body lie before its content. The body may be any bytes. */
export function contentStart(body: Buffer): number {
  assert(body.length >= FIXED_BYTES, `a record's body of ${body.length} bytes`);
  return FIXED_BYTES + body.readUInt32BE(6) * HASH_BYTES + body.readUInt16BE(10) + body.readUInt8(12);
}

/** The block and its content, as views into a body that is intact. */
export function decodeBody(address: BlockAddress, body: Buffer): JournalRecord {
  const timestampMs = body.readUIntBE(0, 6) as UnixMs;
  const entryCount = body.readUInt32BE(6);
  const bindingBytes = body.readUInt16BE(10);
  const previousBytes = body.readUInt8(12);
  let at = 13;
  const take = (length: number): Buffer => {
    assert(at + length <= body.length, `a record's piece ends at ${at + length} of ${body.length}`);
    at += length;
    return body.subarray(at - length, at);
  };
  const entriesHash = take(HASH_BYTES);
  const blockHash = take(HASH_BYTES);
  const previousBlockHash = take(previousBytes);
  const hashes = take(entryCount * HASH_BYTES);
  const entryHashes: Buffer[] = [];
  for (let i = 0; i < entryCount; i++) entryHashes.push(hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  const binding = take(bindingBytes);
  const content = body.subarray(at);
  const block: JournalBlock = {
    address,
    timestampMs,
    binding,
    entryHashes,
    entriesHash,
    previousBlockHash,
    blockHash,
  };
  return { block, content };
}
