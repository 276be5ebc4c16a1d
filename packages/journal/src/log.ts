/**
 * The journal's second tree, a transparency log as RFC 9162 defines it, over the same blocks as the first.
 *
 * QLDB's rule says neither whether a hash is a leaf or a node, nor which of two siblings is left. Here leaves and nodes
 * are hashed with different first bytes, and a path is followed from the leaf's index in a tree of known size: what a
 * proof shows is one entry at one place.
 *
 *   entry leaf   SHA-256(0x00, entry hash)
 *   block leaf   SHA-256(0x00, SHA-256(binding), number of entries (8 bytes, big endian), root over the entry leaves)
 *   node         SHA-256(0x01, left, right)
 *
 * The binding names strand, number, time, channel and channel block header: see `block.ts`.
 */
import { assert, type Bytes, sha256 } from "@hansa/primitives";
import type { JournalBlock } from "./block.js";
import { HASH_BYTES, merklePath, merkleRoot } from "./hash.js";
import { type NodeReader, treePath } from "./tree.js";

const LEAF = 0x00;
const NODE = 0x01;
const COUNT_BYTES = 8;

const entryInput = Buffer.allocUnsafeSlow(1 + HASH_BYTES);
const blockInput = Buffer.allocUnsafeSlow(1 + HASH_BYTES + COUNT_BYTES + HASH_BYTES);
const nodeInput = Buffer.allocUnsafeSlow(1 + 2 * HASH_BYTES);
entryInput[0] = LEAF;
blockInput[0] = LEAF;
nodeInput[0] = NODE;

/** Joins two nodes of the log. */
export function joinLog(left: Bytes, right: Bytes): Bytes {
  assert(left.length === HASH_BYTES && right.length === HASH_BYTES, `joining ${left.length} and ${right.length} bytes`);
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return sha256(nodeInput);
}

/** The leaf that stands for an entry. @param entryHash 32 bytes */
export function entryLeaf(entryHash: Bytes): Bytes {
  assert(entryHash.length === HASH_BYTES, `an entry's hash has ${entryHash.length} bytes`);
  entryInput.set(entryHash, 1);
  return sha256(entryInput);
}

/** Root over the entry leaves of one block. */
export function entriesLogRoot(entryHashes: readonly Bytes[]): Bytes {
  return merkleRoot(entryHashes.map(entryLeaf), joinLog);
}

/** The leaf of a block of whose entries only the root is known. @param entriesRoot see entriesLogRoot */
export function blockLeaf(bindingHash: Bytes, entryCount: number, entriesRoot: Bytes): Bytes {
  assert(bindingHash.length === HASH_BYTES && entriesRoot.length === HASH_BYTES, "a block leaf of hashes");
  blockInput.set(bindingHash, 1);
  blockInput.writeBigUInt64BE(BigInt(entryCount), 1 + HASH_BYTES);
  blockInput.set(entriesRoot, 1 + HASH_BYTES + COUNT_BYTES);
  return sha256(blockInput);
}

/** The leaf that stands for a block in the log. */
export function logLeaf({ entryHashes }: Pick<JournalBlock, "entryHashes">): Bytes {
  return blockLeaf(entryHashes[0] as Bytes, entryHashes.length, entriesLogRoot(entryHashes));
}

/** What, with an entry's hash and index, leads to a digest's log root. */
export type LogProof = {
  /** `hansa.journal.BlockBinding`; its hash stands in the block's leaf. */
  readonly binding: Bytes;
  readonly entryCount: number;
  /** From the entry's leaf to the root over the block's entries. */
  readonly entryPath: readonly Bytes[];
  /** From the block's leaf to the log root. */
  readonly blockPath: readonly Bytes[];
};

/** Proves one entry of a block against the digest with this tip; both exist. */
export function logProof(block: JournalBlock, entryIndex: number, tipSequenceNo: number, read: NodeReader): LogProof {
  const { address, binding, entryHashes } = block;
  return {
    binding,
    entryCount: entryHashes.length,
    entryPath: merklePath(entryHashes.map(entryLeaf), entryIndex, joinLog),
    blockPath: treePath(address.sequenceNo, tipSequenceNo + 1, read, joinLog),
  };
}
