/**
 * The orderer's strand as a peer computes it for itself, from the blocks it has committed. All that it takes from the
 * orderer are the times of the blocks, which no channel block holds; they are in the digest, so everybody's must agree.
 */
import {
  type Digest,
  digestBytes,
  dot,
  emptyTip,
  joinLog,
  logLeaf,
  nextBlock,
  RunningRoot,
  type StrandTip,
  tipAfter,
} from "@hansa/journal";
import { type Bytes, NO_BYTES, type UnixMs } from "@hansa/primitives";
import { blockHeaderHash, splitBlock } from "@hansa/wire";

/** Everything that going on takes, as JSON; bytes are base64. */
export type SavedView = {
  readonly strandId: string;
  readonly size: number;
  readonly lastBlockHash: string;
  readonly lastTimestampMs: number;
  readonly peaks: readonly string[];
  readonly logPeaks: readonly string[];
};

export class StrandView {
  #tip: StrandTip;
  readonly #root: RunningRoot;
  readonly #logRoot: RunningRoot;

  private constructor(tip: StrandTip, root: RunningRoot, logRoot: RunningRoot) {
    this.#tip = tip;
    this.#root = root;
    this.#logRoot = logRoot;
  }

  static empty(strandId: string): StrandView {
    return new StrandView(emptyTip(strandId), new RunningRoot(dot), new RunningRoot(joinLog));
  }

  static restore(saved: SavedView): StrandView {
    const { strandId, size } = saved;
    const bytes = (text: string): Bytes => (text === "" ? NO_BYTES : Buffer.from(text, "base64"));
    const lastTimestampMs = saved.lastTimestampMs as UnixMs;
    const tip = { strandId, size, lastBlockHash: bytes(saved.lastBlockHash), lastTimestampMs };
    const root = new RunningRoot(dot, size, saved.peaks.map(bytes));
    return new StrandView(tip, root, new RunningRoot(joinLog, size, saved.logPeaks.map(bytes)));
  }

  /** How many blocks it covers. */
  get size(): number {
    return this.#tip.size;
  }

  copy(): StrandView {
    return StrandView.restore(this.save());
  }

  /**
   * Adds the next block of the channel. Returns false, and adds nothing, for a time that runs backwards: no strand has that.
   * @param block common.Block as the peer has committed it
   */
  append(block: Bytes, channelId: string, timestampMs: number): boolean {
    if (timestampMs < this.#tip.lastTimestampMs) return false;
    const { header, envelopes } = splitBlock(block);
    const contents = { channelId, timestampMs: timestampMs as UnixMs, headerHash: blockHeaderHash(header), envelopes };
    const made = nextBlock(this.#tip, contents);
    this.#root.append(made.blockHash);
    this.#logRoot.append(logLeaf(made));
    this.#tip = tipAfter(made);
    return true;
  }

  /** hansa.journal.Digest over all blocks so far, as an orderer with the same blocks signs it. */
  digest(channelId: string): Bytes {
    const { strandId, size, lastTimestampMs } = this.#tip;
    const digest: Digest = {
      hash: this.#root.value,
      logRoot: this.#logRoot.value,
      tip: { strandId, sequenceNo: size - 1 },
      tipTimestampMs: lastTimestampMs,
    };
    return digestBytes(digest, channelId);
  }

  save(): SavedView {
    const { strandId, size, lastBlockHash, lastTimestampMs } = this.#tip;
    const text = (bytes: Bytes) => Buffer.from(bytes).toString("base64");
    return {
      strandId,
      size,
      lastBlockHash: text(lastBlockHash),
      lastTimestampMs,
      peaks: this.#root.peaks.map(text),
      logPeaks: this.#logRoot.peaks.map(text),
    };
  }
}
