/**
 * Records of the block store's files, all numbers big endian.
 *
 * A segment file holds blocks one after another:
 *   magic 4 "HBK1", bodyLength 4, blockNumber 6, groupStart 6 (where the blocks that were written together begin in
 *   this file), bodyChecksum 4, headerChecksum 4 (of the 24 bytes before); then the bytes of the `common.Block`
 *
 * `offsets` holds 64 bytes a block:
 *   segment 4, offset 6, bodyLength 4, headerHash 32, firstTransaction 6, transactionCount 4, zero 4, checksum 4
 *
 * `transactions` holds 48 bytes a transaction, in the order of the channel:
 *   id 32, blockNumber 6, txIndex 4, code 1, form of the id 1 (see IdForm), checksum 4
 *
 * Checksums are CRC-32.
 */
import { crc32 } from "node:zlib";
import { sha256 } from "@hansa/primitives";

export const BLOCK_HEADER_BYTES = 28;
export const BLOCK_MAGIC = Buffer.from("HBK1", "latin1");
export const OFFSET_BYTES = 64;
export const TRANSACTION_BYTES = 48;
/** Fabric's own limit of a message is 100 MB, so anything near this is not a length. */
export const MAX_BODY_BYTES = 0x4000_0000;

export type BlockHeaderRecord = {
  readonly bodyBytes: number;
  readonly number: number;
  readonly groupStart: number;
  readonly bodyChecksum: number;
};

export function encodeBlockHeader(record: BlockHeaderRecord): Buffer {
  const bytes = Buffer.alloc(BLOCK_HEADER_BYTES);
  BLOCK_MAGIC.copy(bytes);
  bytes.writeUInt32BE(record.bodyBytes, 4);
  bytes.writeUIntBE(record.number, 8, 6);
  bytes.writeUIntBE(record.groupStart, 14, 6);
  bytes.writeUInt32BE(record.bodyChecksum, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 24)), 24);
  return bytes;
}

/** Undefined when the bytes are no sound header. */
export function decodeBlockHeader(bytes: Buffer): BlockHeaderRecord | undefined {
  if (bytes.length < BLOCK_HEADER_BYTES || !bytes.subarray(0, 4).equals(BLOCK_MAGIC)) return undefined;
  if (bytes.readUInt32BE(24) !== crc32(bytes.subarray(0, 24))) return undefined;
  const bodyBytes = bytes.readUInt32BE(4);
  if (bodyBytes > MAX_BODY_BYTES) return undefined;
  return {
    bodyBytes,
    number: bytes.readUIntBE(8, 6),
    groupStart: bytes.readUIntBE(14, 6),
    bodyChecksum: bytes.readUInt32BE(20),
  };
}

/** CRC-32 of the pieces as if they were one. */
export function checksumOf(pieces: readonly Uint8Array[]): number {
  let checksum = 0;
  for (const piece of pieces) {
    // Node 20 gives 0 for an empty array without memory behind it, whatever the checksum so far.
    if (piece.length > 0) checksum = crc32(piece, checksum);
  }
  return checksum;
}

export type OffsetRecord = {
  readonly segment: number;
  readonly offset: number;
  readonly bodyBytes: number;
  readonly headerHash: Uint8Array;
  readonly firstTransaction: number;
  readonly transactionCount: number;
};

export function encodeOffset(record: OffsetRecord): Buffer {
  const bytes = Buffer.alloc(OFFSET_BYTES);
  bytes.writeUInt32BE(record.segment, 0);
  bytes.writeUIntBE(record.offset, 4, 6);
  bytes.writeUInt32BE(record.bodyBytes, 10);
  bytes.set(record.headerHash, 14);
  bytes.writeUIntBE(record.firstTransaction, 46, 6);
  bytes.writeUInt32BE(record.transactionCount, 52);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** Undefined when the bytes are no sound record. */
export function decodeOffset(bytes: Buffer): OffsetRecord | undefined {
  if (bytes.length < OFFSET_BYTES || bytes.readUInt32BE(60) !== crc32(bytes.subarray(0, 60))) return undefined;
  return {
    segment: bytes.readUInt32BE(0),
    offset: bytes.readUIntBE(4, 6),
    bodyBytes: bytes.readUInt32BE(10),
    headerHash: Buffer.from(bytes.subarray(14, 46)),
    firstTransaction: bytes.readUIntBE(46, 6),
    transactionCount: bytes.readUInt32BE(52),
  };
}

/** Whether the 32 bytes are the id itself or, where that is no SHA-256 in hex, the hash of it; 0 in older files. */
export const ID_ITSELF = 1;
export const ID_HASHED = 2;

export type TransactionRecord = {
  readonly id: Uint8Array;
  readonly form: number;
  readonly blockNumber: number;
  readonly txIndex: number;
  readonly code: number;
};

export function encodeTransaction(record: TransactionRecord): Buffer {
  const bytes = Buffer.alloc(TRANSACTION_BYTES);
  bytes.set(record.id);
  bytes.writeUIntBE(record.blockNumber, 32, 6);
  bytes.writeUInt32BE(record.txIndex, 38);
  bytes.writeUInt8(record.code, 42);
  bytes.writeUInt8(record.form, 43);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 44)), 44);
  return bytes;
}

/** Undefined when the bytes are no sound record, or one of an older format. The id is a view. */
export function decodeTransaction(bytes: Buffer): TransactionRecord | undefined {
  if (bytes.length < TRANSACTION_BYTES || bytes.readUInt32BE(44) !== crc32(bytes.subarray(0, 44))) return undefined;
  const form = bytes.readUInt8(43);
  // A record of an older file: it is made again, with its form.
  if (form === 0) return undefined;
  return {
    id: bytes.subarray(0, 32),
    form,
    blockNumber: bytes.readUIntBE(32, 6),
    txIndex: bytes.readUInt32BE(38),
    code: bytes.readUInt8(42),
  };
}

const HEX_ID = /^[0-9a-f]{64}$/;
const NO_ID = Buffer.alloc(32);

/** An id as 32 bytes: as it is where it follows the rule, else its hash; zeros where there is none. */
export function idBytes(txId: string): Uint8Array {
  if (txId === "") return NO_ID;
  return HEX_ID.test(txId) ? Buffer.from(txId, "hex") : sha256(Buffer.from(txId, "utf8"));
}

/** Whether `idBytes` gives the id itself or its hash: an id that breaks the rule cannot be had back. */
export function idForm(txId: string): number {
  return txId === "" || HEX_ID.test(txId) ? ID_ITSELF : ID_HASHED;
}
