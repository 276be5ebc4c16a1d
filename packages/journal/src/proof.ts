/**
 * Digests and proofs over one strand.
 *
 * A proof is a list of 32-byte hashes; join the leaf with each in order (`foldPath`) and the digest must come out.
 * For a whole block: its siblings in the block tree. For one entry: its siblings within the block, then the previous
 * block's hash (block 0 has none), then the block's path. This is the order of QLDB's GetRevision and GetBlock.
 *
 * What such a proof leaves open, the log's proof closes: see `log.ts`. A digest carries both roots.
 */
import type { Bytes, UnixMs } from "@hansa/primitives";
import { equalBytes } from "@hansa/primitives";
import { hansa } from "@hansa/wire";
import type { BlockAddress } from "./address.js";
import type { JournalBlock } from "./block.js";
import { JournalError } from "./error.js";
import { foldPath, HASH_BYTES, merklePath } from "./hash.js";
import { joinLog } from "./log.js";
import { type NodeReader, treePath, treeRoot } from "./tree.js";

/** The roots over all blocks from 0 to the tip of one strand. */
export type Digest = {
  /** Over the block hashes, by the dot rule: QLDB's digest. */
  readonly hash: Bytes;
  /** Over the block leaves of the log. */
  readonly logRoot: Bytes;
  readonly tip: BlockAddress;
  readonly tipTimestampMs: UnixMs;
};

const DIGEST_FORMAT = "hansa.journal.digest/1";

/** `hansa.journal.Digest`: the bytes that are signed. */
export function digestBytes({ hash, logRoot, tip, tipTimestampMs }: Digest, channelId: string): Bytes {
  const message = { format: DIGEST_FORMAT, hash, tip, channelId, tipTimestampMs, logRoot };
  return hansa.journal.Digest.encode(message).finish();
}

/** The stored nodes of a strand's two trees. */
export type StrandTrees = { readonly node: NodeReader; readonly logNode: NodeReader };

/** @param tip the last block covered, or as much of it as is known */
export function digestAt(tip: Pick<JournalBlock, "address" | "timestampMs">, trees: StrandTrees): Digest {
  const size = tip.address.sequenceNo + 1;
  const [hash, logRoot] = [treeRoot(size, trees.node), treeRoot(size, trees.logNode, joinLog)];
  return { hash, logRoot, tip: tip.address, tipTimestampMs: tip.timestampMs };
}

/**
 * Path from a block's hash to the digest with this tip.
 * @throws JournalError TIP_TOO_OLD when the block is newer than the tip
 */
export function blockPath(address: BlockAddress, tipSequenceNo: number, read: NodeReader): Bytes[] {
  if (address.sequenceNo > tipSequenceNo) throw new JournalError({ code: "TIP_TOO_OLD", address, tipSequenceNo });
  return treePath(address.sequenceNo, tipSequenceNo + 1, read);
}

/**
 * Path from one entry's hash to the digest with this tip.
 * @throws JournalError TIP_TOO_OLD, ENTRY_NOT_FOUND
 */
export function entryPath(block: JournalBlock, entryIndex: number, tipSequenceNo: number, read: NodeReader): Bytes[] {
  const { address, entryHashes, previousBlockHash } = block;
  if (!Number.isInteger(entryIndex) || entryIndex < 0 || entryIndex >= entryHashes.length) {
    throw new JournalError({ code: "ENTRY_NOT_FOUND", address, entryIndex, entryCount: entryHashes.length });
  }
  const chain = previousBlockHash.length === 0 ? [] : [previousBlockHash];
  return [...merklePath(entryHashes, entryIndex), ...chain, ...blockPath(address, tipSequenceNo, read)];
}

/** Whether the path leads from the leaf to the digest. Never throws, whatever the lengths. */
export function verifyPath(leaf: Bytes, path: readonly Bytes[], digest: Bytes): boolean {
  if (leaf.length !== HASH_BYTES || digest.length !== HASH_BYTES) return false;
  if (path.some((item) => item.length !== HASH_BYTES)) return false;
  return equalBytes(foldPath(leaf, path), digest);
}
