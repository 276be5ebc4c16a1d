/**
 * One block in the shape of QLDB's journal export, and back to exactly what the orderer's strand holds.
 *
 * `blockAddress` to `revisions` are QLDB's fields. Where QLDB has documents, a channel has envelopes: revision i is
 * envelope i, its `hash` the SHA-256 of the envelope, entry i + 1 of `entriesHashList`. `channelBlock` is ours: the rest
 * of the channel block, without which neither a peer nor entry 0 could be given again. Its `checksum` is the CRC-32 of
 * binding and block, which also covers the block's metadata; no hash of the journal does.
 */
import { crc32 } from "node:zlib";
import { type Bytes, equalBytes, NO_BYTES, sha256, toUtf8, unixMs } from "@hansa/primitives";
import {
  type BlockParts,
  blockDataHash,
  blockHeaderHash,
  common,
  decode,
  encode,
  FieldScanner,
  hansa,
  joinBlock,
  readPair,
  readPayload,
  splitBlock,
  toLong,
  toNumber,
  WireError,
} from "@hansa/wire";
import { type JournalBlock, type StrandTip, verifyBlock } from "../block.js";
import { JournalError } from "../error.js";
import type { JournalRecord } from "../store.js";
import { idFromBytes } from "../strand-id.js";
import { BadValue, Struct, type Value } from "./value.js";

/** Of common.ChannelHeader. */
const TX_ID_FIELD = 5;

export function blockValue({ block, content }: JournalRecord): Value {
  const { address, binding, entryHashes, entriesHash, previousBlockHash, blockHash } = block;
  const blockAddress = { strandId: address.strandId, sequenceNo: address.sequenceNo };
  const transactionId = idFromBytes(blockHash);
  const time = new Date(block.timestampMs);
  const parts = splitBlock(content);
  const { header, envelopes, metadata } = parts;
  const checksum = crc32(content, crc32(binding));
  return {
    blockAddress,
    transactionId,
    blockTimestamp: time,
    blockHash,
    entriesHash,
    previousBlockHash,
    entriesHashList: entryHashes,
    transactionInfo: { statements: [], documents: {} },
    revisions: envelopes.map((envelope, i) => ({
      blockAddress,
      hash: entryHashes[i + 1] ?? new Uint8Array(0),
      data: { envelope },
      metadata: { id: idOf(envelope), version: 0, txTime: time, txId: transactionId },
    })),
    channelBlock: {
      binding,
      header: encode(common.BlockHeader, { ...header, number: toLong(header.number) }),
      metadata,
      checksum,
      // A block that somebody else encoded, in another way than we do, is kept as it is as well.
      ...(equalBytes(joinBlock(parts), content) ? {} : { content }),
    },
  };
}

/** The id of what was sent, as the channel knows it; empty when it has none. */
function idOf(envelope: Bytes): string {
  try {
    const [payload] = readPair(envelope, "common.Envelope");
    const [channelHeader] = readPair(readPayload(payload).header ?? NO_BYTES, "common.Header");
    // No more than this is decoded: an export has an id for every envelope.
    const fields = new FieldScanner(channelHeader, "common.ChannelHeader");
    let id = NO_BYTES;
    while (fields.next()) if (fields.number === TX_ID_FIELD && fields.wireType === 2) id = fields.bytes;
    return toUtf8(id);
  } catch (error) {
    if (error instanceof WireError) return "";
    throw error;
  }
}

/**
 * The block that follows the tip, with every hash computed anew.
 * @throws BadValue for what is no block of an export; JournalError HASH_MISMATCH
 */
export function readBlockValue(value: Value, json: boolean, tip: StrandTip): JournalRecord {
  const { strandId, size } = tip;
  const struct = new Struct(value, `block ${size}`, json);
  const address = readAddress(struct.struct("blockAddress"));
  const expect = (what: string, found: unknown, expected: unknown) => {
    if (found !== expected) throw new BadValue(0, `${what} is ${found} where ${expected} belongs`);
  };
  expect("the strand", address.strandId, strandId);
  expect("the block's number", address.sequenceNo, size);
  const transactionId = struct.text("transactionId");
  const timestampMs = unixMs(struct.time("blockTimestamp"));
  const blockHash = struct.bytes("blockHash");
  const entriesHash = struct.bytes("entriesHash");
  const previousBlockHash = struct.bytes("previousBlockHash");
  const entryHashes = struct.bytesList("entriesHashList");
  const info = struct.struct("transactionInfo");
  expect("the number of statements", info.list("statements").length, 0);
  info.struct("documents").end();
  info.end();
  const envelopes = struct.structs("revisions").map((revision, i) => {
    const at = readAddress(revision.struct("blockAddress"));
    expect(`revision ${i}'s strand`, at.strandId, strandId);
    expect(`revision ${i}'s block`, at.sequenceNo, size);
    const data = revision.struct("data");
    const envelope = data.bytes("envelope");
    data.end();
    const metadata = revision.struct("metadata");
    expect(`revision ${i}'s id`, metadata.text("id"), idOf(envelope));
    expect(`revision ${i}'s version`, metadata.number("version"), 0);
    expect(`revision ${i}'s time`, metadata.time("txTime"), timestampMs);
    expect(`revision ${i}'s transaction`, metadata.text("txId"), transactionId);
    metadata.end();
    const hash = revision.bytes("hash");
    revision.end();
    const block = { strandId, sequenceNo: size };
    mustEqual(block, `revision ${i}'s hash`, hash, entryHashes[i + 1]);
    mustEqual(block, `entry ${i + 1}`, hash, sha256(envelope));
    return envelope;
  });
  expect("the number of entries", entryHashes.length, envelopes.length + 1);
  const channelBlock = struct.struct("channelBlock");
  const binding = channelBlock.bytes("binding");
  const header = decode(common.BlockHeader, channelBlock.bytes("header"), "common.BlockHeader");
  const metadata = channelBlock.bytesList("metadata");
  const checksum = channelBlock.number("checksum");
  const number = BigInt(toNumber(header.number));
  const rest = {
    header: { number, previousHash: header.previousHash, dataHash: header.dataHash },
    envelopes,
    metadata,
  };
  const content = channelBlock.has("content") ? channelBlock.bytes("content") : joinBlock(rest);
  const parts = channelBlock.has("content") ? splitBlock(content) : rest;
  channelBlock.end();
  struct.end();

  const block: JournalBlock = {
    address,
    timestampMs,
    binding,
    entryHashes,
    entriesHash,
    previousBlockHash,
    blockHash,
  };
  verifyBlock(block, tip);
  expect("the transaction's id", transactionId, idFromBytes(blockHash));
  verifyContent(block, parts, envelopes);
  expect("the checksum", checksum, crc32(content, crc32(binding)));
  return { block, content };
}

/** The binding says what the block says, and the channel block holds what the entries are the hashes of. */
function verifyContent(block: JournalBlock, parts: BlockParts, envelopes: readonly Bytes[]): void {
  const { address, binding, timestampMs } = block;
  const bound = decode(hansa.journal.BlockBinding, binding, "hansa.journal.BlockBinding");
  const isBound =
    bound.address?.strandId === address.strandId &&
    toNumber(bound.address.sequenceNo) === address.sequenceNo &&
    toNumber(bound.timestampMs) === timestampMs;
  if (!isBound) throw new BadValue(0, "the binding is of another block");
  mustEqual(address, "header", blockHeaderHash(parts.header), bound.headerHash);
  mustEqual(address, "data", blockDataHash(parts.envelopes), parts.header.dataHash);
  const same =
    parts.envelopes.length === envelopes.length &&
    parts.envelopes.every((each, i) => equalBytes(each, envelopes[i] ?? NO_BYTES));
  if (!same) throw new BadValue(0, "the channel block holds other envelopes");
}

function readAddress(struct: Struct): { strandId: string; sequenceNo: number } {
  const address = { strandId: struct.text("strandId"), sequenceNo: struct.number("sequenceNo") };
  struct.end();
  return address;
}

function mustEqual(address: JournalBlock["address"], what: string, found: Bytes, expected: Bytes | undefined): void {
  if (expected !== undefined && equalBytes(found, expected)) return;
  throw new JournalError({ code: "HASH_MISMATCH", address, what, expected: expected ?? new Uint8Array(0), found });
}
