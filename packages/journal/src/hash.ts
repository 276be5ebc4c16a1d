/**
 * The journal's two hash rules.
 *
 * Hashes are 32-byte SHA-256 values. Two of them are joined smaller first, comparing bytes as SIGNED numbers from the
 * LAST byte down to the first. It looks wrong; it is QLDB's rule, and proofs of real ledgers fail without it. An empty
 * hash joins to the other one unchanged.
 * Source: aws-samples/amazon-qldb-dmv-sample-nodejs, src/qldb/Verifier.ts.
 */
import { assert, type Bytes, NO_BYTES, sha256 } from "@hansa/primitives";
import { compareHashes, foldPath as fold, type Join } from "./fold.js";

export const HASH_BYTES = 32;

const pair = Buffer.allocUnsafeSlow(2 * HASH_BYTES);

/** Joins two hashes. Commutative, not associative. Either may be empty. */
export function dot(a: Bytes, b: Bytes): Bytes {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  assert(a.length === HASH_BYTES && b.length === HASH_BYTES, `joining hashes of ${a.length} and ${b.length} bytes`);
  const ordered = compareHashes(a, b) <= 0;
  pair.set(ordered ? a : b, 0);
  pair.set(ordered ? b : a, HASH_BYTES);
  return sha256(pair);
}

/** Root over a list, paired left to right; a last odd one moves up unchanged. The root of nothing is empty. */
export function merkleRoot(leaves: readonly Bytes[], join: Join = dot): Bytes {
  let level = leaves;
  while (level.length > 1) level = levelAbove(level, join);
  return level[0] ?? NO_BYTES;
}

/** Siblings of one leaf, from the leaf to the root. Levels where it moves up alone add nothing. */
export function merklePath(leaves: readonly Bytes[], index: number, join: Join = dot): Bytes[] {
  assert(index >= 0 && index < leaves.length, `leaf ${index} of ${leaves.length}`);
  const path: Bytes[] = [];
  let level = leaves;
  let at = index;
  while (level.length > 1) {
    const sibling = level[at % 2 === 0 ? at + 1 : at - 1];
    if (sibling !== undefined) path.push(sibling);
    level = levelAbove(level, join);
    at = Math.floor(at / 2);
  }
  return path;
}

function levelAbove(level: readonly Bytes[], join: Join): Bytes[] {
  const above: Bytes[] = [];
  for (let i = 0; i < level.length; i += 2) {
    const left = level[i] as Bytes;
    const right = level[i + 1];
    above.push(right === undefined ? left : join(left, right));
  }
  return above;
}

/** What a proof leads to: the leaf joined with each item of the path in order. */
export function foldPath(leaf: Bytes, path: readonly Bytes[]): Bytes {
  return fold(leaf, path, dot);
}
