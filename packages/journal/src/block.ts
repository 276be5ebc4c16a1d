/**
 * One block of a strand: hashes of its entries, their root, and the chain.
 *
 * A channel's block n becomes journal block n. Entry 0 is the binding: bytes that name the strand, the sequence number,
 * the time, the channel and the hash of the channel block's header, so that none of them can be exchanged without
 * changing the digest. Entry i + 1 is the SHA-256 of envelope i as it was received.
 */
import { type Bytes, equalBytes, NO_BYTES, sha256, type UnixMs } from "@hansa/primitives";
import { hansa } from "@hansa/wire";
import type { BlockAddress } from "./address.js";
import { JournalError } from "./error.js";
import { dot, HASH_BYTES, merkleRoot } from "./hash.js";

export type JournalBlock = {
  readonly address: BlockAddress;
  readonly timestampMs: UnixMs;
  /** `hansa.journal.BlockBinding`, as hashed into entry 0. */
  readonly binding: Bytes;
  /** 32 bytes each: the binding's hash, then one per envelope. */
  readonly entryHashes: readonly Bytes[];
  readonly entriesHash: Bytes;
  /** Empty in block 0. */
  readonly previousBlockHash: Bytes;
  /** dot(entriesHash, previousBlockHash) */
  readonly blockHash: Bytes;
};

/** What the next block of a strand stands on. */
export type StrandTip = {
  readonly strandId: string;
  /** Number of blocks, which is the next sequence number. */
  readonly size: number;
  /** Empty before block 0. */
  readonly lastBlockHash: Bytes;
  readonly lastTimestampMs: UnixMs;
};

export type BlockContents = {
  readonly channelId: string;
  readonly timestampMs: UnixMs;
  /** SHA-256 of the channel block's header as Fabric encodes it. */
  readonly headerHash: Bytes;
  readonly envelopes: readonly Bytes[];
};

const BINDING_FORMAT = "hansa.journal.block/1";

/** What block 0 of a strand stands on. */
export function emptyTip(strandId: string): StrandTip {
  return { strandId, size: 0, lastBlockHash: NO_BYTES, lastTimestampMs: 0 as UnixMs };
}

/** The block that follows the tip. Time never runs backwards within a strand: an older clock is lifted to the tip's. */
export function nextBlock(tip: StrandTip, contents: BlockContents): JournalBlock {
  const timestampMs = Math.max(contents.timestampMs, tip.lastTimestampMs) as UnixMs;
  const address = { strandId: tip.strandId, sequenceNo: tip.size };
  const binding = hansa.journal.BlockBinding.encode({
    format: BINDING_FORMAT,
    address,
    timestampMs,
    channelId: contents.channelId,
    headerHash: contents.headerHash,
  }).finish();
  const entryHashes = [sha256(binding), ...contents.envelopes.map((envelope) => sha256(envelope))];
  const entriesHash = merkleRoot(entryHashes);
  const previousBlockHash = tip.lastBlockHash;
  const blockHash = dot(entriesHash, previousBlockHash);
  return { address, timestampMs, binding, entryHashes, entriesHash, previousBlockHash, blockHash };
}

/** What the block after this one stands on. */
export function tipAfter(block: JournalBlock): StrandTip {
  return {
    strandId: block.address.strandId,
    size: block.address.sequenceNo + 1,
    lastBlockHash: block.blockHash,
    lastTimestampMs: block.timestampMs,
  };
}

/**
 * Recomputes every hash of a block, and its place after the tip when one is given.
 * @throws JournalError HASH_MISMATCH naming the hash that does not hold
 */
export function verifyBlock(block: JournalBlock, tip?: StrandTip): void {
  const expect = (what: string, found: Bytes, expected: Bytes) => {
    if (!equalBytes(found, expected)) {
      throw new JournalError({ code: "HASH_MISMATCH", address: block.address, what, expected, found });
    }
  };
  if (tip !== undefined) expect("previousBlockHash", block.previousBlockHash, tip.lastBlockHash);
  expect("entry 0", block.entryHashes[0] ?? NO_BYTES, sha256(block.binding));
  for (const hash of block.entryHashes) {
    if (hash.length !== HASH_BYTES) expect("an entry's hash", hash, Buffer.alloc(HASH_BYTES));
  }
  expect("entriesHash", block.entriesHash, merkleRoot(block.entryHashes));
  expect("blockHash", block.blockHash, dot(block.entriesHash, block.previousBlockHash));
}
