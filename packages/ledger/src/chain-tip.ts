/** Where a channel's chain of blocks stands, and whether a block is the next one on it. */
import { assert, equalBytes, NO_BYTES, toHex } from "@hansa/primitives";
import { type BlockParts, blockDataHash, blockHeaderHash, common, decode, METADATA, splitBlock } from "@hansa/wire";
import { type BlockStore, firstBlock } from "./block-store.js";
import { LedgerError } from "./error.js";
import type { CommittedBlock } from "./ledger-types.js";

/** Count of blocks, header hashes of the last one and the one before, its commit hash. */
export type ChainTip = {
  readonly height: number;
  readonly currentHash: Uint8Array;
  readonly previousHash: Uint8Array;
  readonly commitHash: Uint8Array;
};

export const NO_TIP: ChainTip = { height: 0, currentHash: NO_BYTES, previousHash: NO_BYTES, commitHash: NO_BYTES };

/** The chain's tip when this block is its last one. */
export function tipAfter({ number, headerHash, block, commitHash }: CommittedBlock): ChainTip {
  return { height: number + 1, currentHash: headerHash, previousHash: block.header.previousHash, commitHash };
}

/** The tip of what is stored. */
export async function storedTip(blocks: BlockStore): Promise<ChainTip> {
  const height = blocks.height();
  const { basis } = blocks;
  if (basis !== undefined && height === firstBlock(blocks)) {
    const { lastBlockHash, previousBlockHash, commitHash } = basis;
    return { height, currentHash: lastBlockHash, previousHash: previousBlockHash, commitHash };
  }
  if (height === 0) return NO_TIP;
  const last = await storedBlock(blocks, height - 1);
  const { header } = last;
  const bytes = last.metadata[METADATA.COMMIT_HASH] ?? NO_BYTES;
  const commitHash = decode(common.Metadata, bytes, "common.Metadata").value;
  return { height, currentHash: blockHeaderHash(header), previousHash: header.previousHash, commitHash };
}

/** A block below the height. */
export async function storedBlock(blocks: BlockStore, number: number): Promise<BlockParts> {
  const bytes = await blocks.read(number);
  assert(bytes !== undefined, `block ${number} is below the height but not in the store`);
  return splitBlock(bytes);
}

/**
 * The block's number.
 * @throws LedgerError BLOCK_OUT_OF_ORDER, PREVIOUS_HASH_MISMATCH, DATA_HASH_MISMATCH unless it is the next block
 */
export function nextNumber(channelId: string, { height, currentHash }: ChainTip, block: BlockParts): number {
  const { header } = block;
  const number = Number(header.number);
  if (number !== height) {
    throw new LedgerError(
      "BLOCK_OUT_OF_ORDER",
      `channel ${channelId}: block ${header.number} came where block ${height} was due`,
    );
  }
  if (number > 0 && !equalBytes(header.previousHash, currentHash)) {
    throw new LedgerError(
      "PREVIOUS_HASH_MISMATCH",
      `channel ${channelId}: block ${number} follows ${toHex(header.previousHash)}, ` +
        `but block ${number - 1} is ${toHex(currentHash)}`,
    );
  }
  const dataHash = blockDataHash(block.envelopes);
  if (!equalBytes(dataHash, header.dataHash)) {
    throw new LedgerError(
      "DATA_HASH_MISMATCH",
      `channel ${channelId}: block ${number} says its data hash is ${toHex(header.dataHash)}, ` +
        `but it is ${toHex(dataHash)}`,
    );
  }
  return number;
}
