/**
 * What proofs lead to. Nothing here needs node: the offline verifier runs it in a browser, the ordering node on itself.
 *
 * Two trees stand over the same blocks and differ in how two nodes are joined: the dot rule, which does not care which
 * of the two is left, and RFC 9162's, which does.
 */
import type { Bytes } from "@hansa/primitives";

/** A parent from its children. */
export type Join = (left: Bytes, right: Bytes) => Bytes;

const HASH_BYTES = 32;

/** Below 0 when a goes first under the dot rule, above 0 when b does, 0 when they are equal. Both have 32 bytes. */
export function compareHashes(a: Bytes, b: Bytes): number {
  for (let i = HASH_BYTES - 1; i >= 0; i--) {
    const difference = (((a[i] as number) << 24) >> 24) - (((b[i] as number) << 24) >> 24);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What a proof in QLDB's form leads to: the leaf joined with each item in order. The leaf's place plays no part. */
export function foldPath(leaf: Bytes, path: readonly Bytes[], dot: Join): Bytes {
  return path.reduce(dot, leaf);
}

/**
 * The root of a tree of `size` leaves in which this leaf has this index, if the path is right; undefined when a path
 * from that place to the root has another length. Source: RFC 9162, section 2.1.3.2.
 */
export function rootFrom(
  leaf: Bytes,
  index: number,
  size: number,
  path: readonly Bytes[],
  join: Join,
): Bytes | undefined {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return undefined;
  let node = leaf;
  let at = index;
  let last = size - 1;
  for (const sibling of path) {
    if (last === 0 || sibling.length !== HASH_BYTES) return undefined;
    if (at % 2 === 1 || at === last) {
      node = join(sibling, node);
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      node = join(node, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? node : undefined;
}

/** Whether the path shows that the later root extends the earlier one. Source: RFC 9162, section 2.1.4.2. */
export function isConsistent(
  earlier: { readonly size: number; readonly root: Bytes },
  later: { readonly size: number; readonly root: Bytes },
  path: readonly Bytes[],
  join: Join,
): boolean {
  if (earlier.size < 1 || earlier.size > later.size) return false;
  if (path.some((node) => node.length !== HASH_BYTES)) return false;
  if (earlier.size === later.size) return path.length === 0 && isEqual(earlier.root, later.root);
  const nodes = isPowerOfTwo(earlier.size) ? [earlier.root, ...path] : path;
  let first = earlier.size - 1;
  let last = later.size - 1;
  while (first % 2 === 1) {
    first = (first - 1) / 2;
    last = Math.floor(last / 2);
  }
  const seed = nodes[0];
  if (seed === undefined) return false;
  let earlierRoot = seed;
  let laterRoot = seed;
  for (const node of nodes.slice(1)) {
    if (last === 0) return false;
    if (first % 2 === 1 || first === last) {
      earlierRoot = join(node, earlierRoot);
      laterRoot = join(node, laterRoot);
      while (first % 2 === 0 && first !== 0) {
        first /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      laterRoot = join(laterRoot, node);
    }
    first = Math.floor(first / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && isEqual(earlierRoot, earlier.root) && isEqual(laterRoot, later.root);
}

function isPowerOfTwo(size: number): boolean {
  let power = 1;
  while (power < size) power *= 2;
  return power === size;
}

function isEqual(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
