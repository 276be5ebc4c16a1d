/** The complete nodes on a tree's right edge, widest first: all that an append needs to know of the tree. */
import { crc32 } from "node:zlib";
import { type Join, type NodeReader, nodePosition } from "@hansa/journal";
import { assert, type Bytes } from "@hansa/primitives";

export class Frontier {
  #size: number;
  #peaks: Bytes[];

  readonly #join: Join;

  private constructor(size: number, peaks: Bytes[], join: Join) {
    this.#size = size;
    this.#peaks = peaks;
    this.#join = join;
  }

  static empty(join: Join): Frontier {
    return new Frontier(0, [], join);
  }

  static read(size: number, read: NodeReader, join: Join): Frontier {
    const peaks: Bytes[] = [];
    let start = 0;
    for (let width = largestPowerUpTo(size); width >= 1; width /= 2) {
      if (start + width > size) continue;
      peaks.push(Buffer.from(read(nodePosition(Math.log2(width), start / width))));
      start += width;
    }
    return new Frontier(size, peaks, join);
  }

  copy(): Frontier {
    return new Frontier(this.#size, [...this.#peaks], this.#join);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a leaf and returns the nodes it completes, in the list's order. */
  append(leaf: Bytes): Bytes[] {
    const peaks = this.#peaks;
    const nodes = [leaf];
    let node = leaf;
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = peaks.pop();
      assert(left !== undefined, `the tree of ${this.#size} leaves lacks a peak`);
      node = this.#join(left, node);
      nodes.push(node);
    }
    peaks.push(node);
    this.#size++;
    return nodes;
  }

  /** CRC-32 of the peaks, going on from another one. */
  checksum(before = 0): number {
    let sum = before;
    for (const peak of this.#peaks) sum = crc32(peak, sum);
    return sum;
  }
}

function largestPowerUpTo(size: number): number {
  let power = 1;
  while (power * 2 <= size) power *= 2;
  return size === 0 ? 0 : power;
}
