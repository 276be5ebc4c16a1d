/**
 * Where strands are kept. `storage` implements this in memory and in append-only files; one suite runs on both.
 */
import type { Bytes } from "@hansa/primitives";
import type { JournalBlock, StrandTip } from "./block.js";
import type { NodeReader } from "./tree.js";

export type StrandInfo = {
  readonly strandId: string;
  /** What the strand carries, e.g. the channel's name. */
  readonly name: string;
};

/** One block and the bytes it stands for (a channel's `common.Block`, metadata included), kept as they are. */
export type JournalRecord = { readonly block: JournalBlock; readonly content: Bytes };

/** A message and how many blocks there were when it came: it can only be in later ones. */
export type IntakeEntry = { readonly message: Bytes; readonly height: number };

/**
 * Messages that are acknowledged before a block holds them, in the order of their coming. They are counted from the
 * opening of the strand: first those of `left`, then those appended.
 */
export interface Intake {
  /** What an earlier run took in and did not settle, oldest first. Some may be in blocks already. */
  readonly left: readonly IntakeEntry[];

  /** When the promise resolves, the entry is durable. Fails as `JournalStrand.append`. */
  append(entry: IntakeEntry): Promise<void>;

  /** The first `count` entries are in blocks, or were given up: they need not be kept. */
  settle(count: number): void;
}

/** One open strand. There is one writer; readers see a block only when it is durable. */
export interface JournalStrand {
  readonly info: StrandInfo;
  readonly tip: StrandTip;

  /**
   * Appends consecutive blocks; when the promise resolves, all of them are durable. They are refused as a broken
   * invariant unless they follow the tip. Calls are served in order, so the next may be made before the last resolved.
   * After a failure of the medium every further call rejects with the same JournalError STORE_FAILED.
   */
  append(records: readonly JournalRecord[]): Promise<void>;

  /** @throws JournalError BLOCK_NOT_FOUND, or DAMAGED when the stored bytes fail their checksum */
  block(sequenceNo: number): Promise<JournalBlock>;

  /** The content as appended. Throws as `block`. */
  content(sequenceNo: number): Promise<Bytes>;

  /** Both, for the price of one. Throws as `block`. */
  record(sequenceNo: number): Promise<JournalRecord>;

  /**
   * What `use` makes of a record that was read without a look at its checksum: only for what is checked otherwise, as a
   * proof is by the trees. Whatever `use` gives back must not refer to the content it was shown, which is gone afterwards.
   * A record that does not even read, and whatever `use` throws, rejects.
   */
  peek<T>(sequenceNo: number, use: (record: JournalRecord) => T): Promise<T>;

  /** Nodes of the tree over the durable blocks' hashes. @throws JournalError DAMAGED when one cannot be read */
  readonly node: NodeReader;

  /** Nodes of the log over the durable blocks. Throws as `node`. */
  readonly logNode: NodeReader;

  readonly intake: Intake;

  /** Waits for appends under way, then lets go of the files. */
  close(): Promise<void>;
}

export interface JournalStore {
  list(): Promise<readonly StrandInfo[]>;

  /** Makes an empty strand. @throws JournalError STRAND_EXISTS */
  create(info: StrandInfo): Promise<JournalStrand>;

  /** Opens a strand, or returns it when it is open. @throws JournalError STRAND_NOT_FOUND, DAMAGED */
  open(strandId: string): Promise<JournalStrand>;

  /** Closes and forgets a strand and all its blocks. Nothing happens when there is none. */
  remove(strandId: string): Promise<void>;

  close(): Promise<void>;
}
