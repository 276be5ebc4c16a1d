/** The root of a tree that is only appended to, from its right edge alone. */
import type { Bytes } from "@hansa/primitives";
import { NO_BYTES } from "@hansa/primitives";
import type { Join } from "./fold.js";

export class RunningRoot {
  readonly #join: Join;
  /** Roots of the complete trees on the right edge, widest first. */
  readonly #peaks: Bytes[];
  #size: number;

  /** An empty tree, or one that goes on from the size and the peaks of another. */
  constructor(join: Join, size = 0, peaks: readonly Bytes[] = []) {
    this.#join = join;
    this.#size = size;
    this.#peaks = [...peaks];
  }

  /** Roots of the complete trees on the right edge, widest first. */
  get peaks(): readonly Bytes[] {
    return this.#peaks;
  }

  append(leaf: Bytes): void {
    let node = leaf;
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      node = this.#join(this.#peaks.pop() as Bytes, node);
    }
    this.#peaks.push(node);
    this.#size++;
  }

  /** Empty before the first leaf. */
  get value(): Bytes {
    return this.#peaks.reduceRight<Bytes>(
      (root, peak) => (root.length === 0 ? peak : this.#join(peak, root)),
      NO_BYTES,
    );
  }
}
