/**
 * The Merkle tree over a strand's block hashes, grown by one leaf at a time.
 *
 * A node is complete when all leaves below it exist; complete nodes never change. They are numbered in the order in
 * which they become complete (a leaf, then each parent that it completes), so one append-only list of 32-byte nodes
 * holds the tree and a node's place in it follows from its level and index alone. Nodes on the right edge are joined
 * on demand from the complete ones: a digest or a path for any size costs O(log n) reads.
 *
 * The shape is RFC 9162's; how two nodes are joined is the caller's choice: the journal's dot, or RFC 9162's own rule.
 */
import { assert, type Bytes, NO_BYTES } from "@hansa/primitives";
import { isConsistent as extendsRoot, type Join } from "./fold.js";
import { dot, HASH_BYTES } from "./hash.js";

/** Reads the 32-byte node at a position below `nodeCount(size)`. */
export type NodeReader = (position: number) => Bytes;

/** How many complete nodes a tree of this many leaves has. */
export function nodeCount(size: number): number {
  return 2 * size - ones(size);
}

/** Where a complete node stands in the list. Level 0 holds the leaves. */
export function nodePosition(level: number, index: number): number {
  const lastLeaf = (index + 1) * 2 ** level - 1;
  return nodeCount(lastLeaf) + level;
}

/** Nodes that become complete when this leaf is appended: itself, then its parents upwards. */
export function completedNodes(size: number, leaf: Bytes, read: NodeReader, join: Join = dot): Bytes[] {
  assert(leaf.length === HASH_BYTES, `a leaf has ${leaf.length} bytes`);
  const nodes = [leaf];
  let node = leaf;
  let index = size;
  for (let level = 0; index % 2 === 1; level++) {
    node = join(read(nodePosition(level, index - 1)), node);
    nodes.push(node);
    index = (index - 1) / 2;
  }
  return nodes;
}

/** Root over the first `size` leaves. Empty for none. */
export function treeRoot(size: number, read: NodeReader, join: Join = dot): Bytes {
  return size === 0 ? NO_BYTES : nodeAt(heightOf(size), 0, size, read, join);
}

/** Siblings of a leaf, from the leaf to the root of the tree of `size` leaves. */
export function treePath(leafIndex: number, size: number, read: NodeReader, join: Join = dot): Bytes[] {
  assert(leafIndex >= 0 && leafIndex < size, `leaf ${leafIndex} of ${size}`);
  const path: Bytes[] = [];
  let index = leafIndex;
  for (let level = 0; level < heightOf(size); level++) {
    const sibling = index % 2 === 0 ? index + 1 : index - 1;
    if (sibling * 2 ** level < size) path.push(nodeAt(level, sibling, size, read, join));
    index = Math.floor(index / 2);
  }
  return path;
}

/**
 * Nodes from which both the root of the first `earlier` leaves and the root of the first `later` ones can be joined:
 * the later tree extends the earlier one. Empty when the sizes are equal.
 * Source: RFC 9162, section 2.1.4.1.
 */
export function consistencyPath(earlier: number, later: number, read: NodeReader, join: Join = dot): Bytes[] {
  assert(earlier >= 1 && earlier <= later, `no consistency from ${earlier} to ${later} leaves`);
  const path: Bytes[] = [];
  const descend = (wanted: number, start: number, end: number, whole: boolean): void => {
    if (wanted === end - start) {
      if (!whole) path.push(rangeRoot(start, end, read, join));
      return;
    }
    const half = 2 ** (heightOf(end - start) - 1);
    if (wanted <= half) {
      descend(wanted, start, start + half, whole);
      path.push(rangeRoot(start + half, end, read, join));
    } else {
      descend(wanted - half, start + half, end, false);
      path.push(rangeRoot(start, start + half, read, join));
    }
  };
  descend(earlier, 0, later, true);
  return path;
}

/** Whether the path shows that the later root extends the earlier one. */
export function isConsistent(
  earlier: { readonly size: number; readonly root: Bytes },
  later: { readonly size: number; readonly root: Bytes },
  path: readonly Bytes[],
  join: Join = dot,
): boolean {
  return extendsRoot(earlier, later, path, join);
}

/** A growing list of nodes in memory: the tree of a store that keeps everything there. */
export class NodeList {
  #bytes = Buffer.alloc(64 * HASH_BYTES);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  readonly read: NodeReader = (position) => {
    assert(position < this.#count, `node ${position} of ${this.#count}`);
    return this.#bytes.subarray(position * HASH_BYTES, (position + 1) * HASH_BYTES);
  };

  append(nodes: readonly Bytes[]): void {
    const end = (this.#count + nodes.length) * HASH_BYTES;
    if (end > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(end, 2 * this.#bytes.length));
      this.#bytes.copy(grown);
      this.#bytes = grown;
    }
    for (const node of nodes) this.#bytes.set(node, this.#count++ * HASH_BYTES);
  }

  truncate(count: number): void {
    this.#count = Math.min(this.#count, count);
  }
}

/** Root of the leaves [start, end); start is a multiple of the power of two that covers the range. */
function rangeRoot(start: number, end: number, read: NodeReader, join: Join): Bytes {
  const level = heightOf(end - start);
  return nodeAt(level, start / 2 ** level, end, read, join);
}

/** The node at this place in the tree of `size` leaves, joined from complete ones if it is on the right edge. */
function nodeAt(level: number, index: number, size: number, read: NodeReader, join: Join): Bytes {
  if ((index + 1) * 2 ** level <= size) return read(nodePosition(level, index));
  const left = nodeAt(level - 1, 2 * index, size, read, join);
  const rightStart = (2 * index + 1) * 2 ** (level - 1);
  return rightStart < size ? join(left, nodeAt(level - 1, 2 * index + 1, size, read, join)) : left;
}

/** Levels above the leaves: the smallest h with 2^h at least size. */
function heightOf(size: number): number {
  let height = 0;
  for (let width = 1; width < size; width *= 2) height++;
  return height;
}

function ones(n: number): number {
  let count = 0;
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
