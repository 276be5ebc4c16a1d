/**
 * Condenses the results of a range query for the phantom check: up to `maxDegree` results are kept as they are, more
 * become a Merkle tree whose top level is kept. Simulation builds it, validation rebuilds it from the state.
 *
 * A node covers `maxDegree + 1` items of the level below; what is left over at the end forms smaller nodes.
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/rwsetutil/query_results_helper.go.
 */
import { assert, concatBytes, sha256 } from "@hansa/primitives";
import { encode, kvrwset } from "@hansa/wire";
import type { KvRead, MerkleSummary } from "./rwset.js";

/** Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/txmgr/query_executor.go. */
export const MAX_DEGREE = 50;

export class RangeResults {
  readonly #maxDegree: number;
  #pending: KvRead[] = [];
  /** By level, from 1; index 0 is unused. */
  readonly #levels: Uint8Array[][] = [[], []];
  #maxLevel = 1;

  constructor(maxDegree: number) {
    assert(maxDegree >= 2, `a Merkle tree of degree ${maxDegree}`);
    this.#maxDegree = maxDegree;
  }

  add(read: KvRead): void {
    this.#pending.push(read);
    if (this.#pending.length > this.#maxDegree) this.#condense();
  }

  /** The tree so far; its levels below the top may still grow. */
  summary(): MerkleSummary {
    return { maxDegree: this.#maxDegree, maxLevel: this.#maxLevel, maxLevelHashes: this.#level(this.#maxLevel) };
  }

  /** Completes the tree. Either raw reads or a summary, never both. */
  done(): { rawReads: readonly KvRead[]; merkle: MerkleSummary | undefined } {
    if (this.#maxLevel === 1 && this.#level(1).length === 0) return { rawReads: this.#pending, merkle: undefined };
    if (this.#pending.length > 0) this.#condense();
    for (let level = 1; level < this.#maxLevel; level++) {
      const hashes = this.#level(level);
      const [first] = hashes;
      if (first === undefined) continue;
      this.#levels[level] = [];
      this.#level(level + 1).push(hashes.length === 1 ? first : combine(hashes));
    }
    const top = this.#level(this.#maxLevel);
    if (top.length > this.#maxDegree) {
      this.#levels[this.#maxLevel] = [];
      this.#maxLevel++;
      this.#levels[this.#maxLevel] = [combine(top)];
    }
    return { rawReads: [], merkle: this.summary() };
  }

  #level(level: number): Uint8Array[] {
    let hashes = this.#levels[level];
    if (hashes === undefined) {
      hashes = [];
      this.#levels[level] = hashes;
    }
    return hashes;
  }

  #condense(): void {
    const kvReads = this.#pending.map(toProtoRead);
    this.#pending = [];
    this.#level(1).push(sha256(encode(kvrwset.QueryReads, { kvReads })));
    let level = 1;
    for (;;) {
      const hashes = this.#level(level);
      if (hashes.length <= this.#maxDegree) return;
      this.#levels[level] = [];
      level++;
      this.#level(level).push(combine(hashes));
      if (level > this.#maxLevel) this.#maxLevel = level;
    }
  }
}

export function toProtoRead(read: KvRead): kvrwset.IKVRead {
  const { version } = read;
  if (version === undefined) return { key: read.key };
  return { key: read.key, version: { blockNum: version.blockNumber, txNum: version.txIndex } };
}

function combine(hashes: readonly Uint8Array[]): Uint8Array {
  return sha256(concatBytes(...hashes));
}
