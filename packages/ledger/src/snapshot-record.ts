/**
 * The messages of which Fabric's snapshot files are made, and the names and numbers around them.
 *
 * Every file begins with a format byte. Numbers are unsigned varints, texts and messages are preceded by their length.
 *   public_state.data, private_state_hashes.data   SnapshotRecord after SnapshotRecord, namespace after namespace
 *   public_state.metadata, …hashes.metadata        count of namespaces; each one's name and count of records
 *   txids.data, txids.metadata                     ids, ordered by length and then by bytes; their count
 *   confighistory.data, confighistory.metadata     key and collection package, in turn; count of pairs
 *
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/privacyenabledstate/snapshot.go and snapshot_record.proto,
 * common/ledger/snapshot/file.go, common/ledger/blkstorage/blockindex.go, core/ledger/confighistory/db_helper.go.
 */
import { fromUtf8, NO_BYTES, toUtf8 } from "@hansa/primitives";
import type { ByteWriter } from "./byte-writer.js";
import { readCollectionEntryKey } from "./collection-history.js";
import { hashFromKey, keyFromHash } from "./keys.js";
import { FieldReader, MalformedMessage } from "./scan.js";
import type { StateEntry, Version } from "./state.js";
import { versionBytes } from "./version.js";

export const SNAPSHOT_FORMAT = 1;

const COLLECTION_KEY_START = Buffer.from("slscc\0", "latin1");
const COLLECTION_KEY_END = Buffer.from("~collection", "latin1");
const BLOCK_BYTES = 8;
const NEWEST = (1n << 64n) - 1n;

/** Length and message. @param isHashed whether keys of the entry's namespace are hashes */
export function writeRecord(writer: ByteWriter, entry: StateEntry, isHashed: boolean): void {
  const key = isHashed ? hashFromKey(entry.key) : fromUtf8(entry.key);
  const metadata = entry.metadata ?? NO_BYTES;
  const version = versionBytes(entry.version);
  writer.varint([key, entry.value, metadata, version].reduce((sum, bytes) => sum + fieldBytes(bytes.length), 0));
  writer.field(1, key);
  writer.field(2, entry.value);
  writer.field(3, metadata);
  writer.field(4, version);
}

/** @throws MalformedMessage */
export function readRecord(bytes: Uint8Array, isHashed: boolean): StateEntry {
  const fields: Uint8Array[] = [];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.isLengthDelimited() && reader.field <= 4) fields[reader.field] = reader.bytes();
    else reader.skip();
  }
  const [, key = NO_BYTES, value = NO_BYTES, metadata, version = NO_BYTES] = fields;
  return {
    key: isHashed ? keyFromHash(key) : toUtf8(key),
    value,
    version: readVersion(version),
    ...(metadata === undefined || metadata.length === 0 ? {} : { metadata }),
  };
}

/** Key under which a snapshot has a chaincode's collections from one block on. @param key see collectionEntryKey */
export function collectionRecordKey(key: string): Uint8Array {
  const { chaincode, blockNumber } = readCollectionEntryKey(key);
  const block = Buffer.alloc(BLOCK_BYTES);
  block.writeBigUInt64BE(NEWEST - BigInt(blockNumber));
  return Buffer.concat([COLLECTION_KEY_START, Buffer.from(chaincode, "utf8"), COLLECTION_KEY_END, block]);
}

/** @throws MalformedMessage */
export function readCollectionRecordKey(bytes: Uint8Array): {
  readonly chaincode: string;
  readonly blockNumber: number;
} {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = key.length - BLOCK_BYTES - COLLECTION_KEY_END.length;
  const isSound =
    end > COLLECTION_KEY_START.length &&
    key.subarray(0, COLLECTION_KEY_START.length).equals(COLLECTION_KEY_START) &&
    key.subarray(end, key.length - BLOCK_BYTES).equals(COLLECTION_KEY_END);
  if (!isSound) throw new MalformedMessage("a key of the collections' history cannot be read");
  return {
    chaincode: key.toString("utf8", COLLECTION_KEY_START.length, end),
    blockNumber: safe(NEWEST - key.readBigUInt64BE(key.length - BLOCK_BYTES)),
  };
}

/** @throws MalformedMessage */
function readVersion(bytes: Uint8Array): Version {
  const block = readOrdered(bytes, 0);
  const transaction = readOrdered(bytes, block.end);
  return { blockNumber: block.value, txIndex: transaction.value };
}

function readOrdered(bytes: Uint8Array, at: number): { value: number; end: number } {
  const size = bytes[at] ?? NaN;
  const end = at + 1 + size;
  if (!(size <= BLOCK_BYTES) || end > bytes.length) throw new MalformedMessage("a version cannot be read");
  let value = 0n;
  for (const byte of bytes.subarray(at + 1, end)) value = (value << 8n) | BigInt(byte);
  return { value: safe(value), end };
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new MalformedMessage(`${value} is no block or transaction number`);
  return Number(value);
}

/** Of a field with a number below 16; an empty one is left out. */
function fieldBytes(length: number): number {
  if (length === 0) return 0;
  let size = 2 + length;
  for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 128)) size++;
  return size;
}
