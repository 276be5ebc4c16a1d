/** Strands in memory: the same promises as files except that nothing outlives the process. */
import {
  completedNodes,
  emptyTip,
  type Intake,
  type JournalBlock,
  JournalError,
  type JournalRecord,
  type JournalStore,
  type JournalStrand,
  joinLog,
  logLeaf,
  NodeList,
  type NodeReader,
  type StrandInfo,
  type StrandTip,
  tipAfter,
} from "@hansa/journal";
import { assert, type Bytes } from "@hansa/primitives";
import { assertFollows } from "./journal-follow.js";

export class MemoryJournalStore implements JournalStore {
  readonly #strands = new Map<string, MemoryStrand>();

  async list(): Promise<readonly StrandInfo[]> {
    return [...this.#strands.values()].map((strand) => strand.info);
  }

  async create(info: StrandInfo): Promise<JournalStrand> {
    const { strandId } = info;
    const existing = this.#strands.get(strandId);
    if (existing !== undefined) throw new JournalError({ code: "STRAND_EXISTS", strandId, name: existing.info.name });
    const strand = new MemoryStrand(info);
    this.#strands.set(strandId, strand);
    return strand;
  }

  async open(strandId: string): Promise<JournalStrand> {
    const strand = this.#strands.get(strandId);
    if (strand === undefined) throw new JournalError({ code: "STRAND_NOT_FOUND", strandId });
    return strand;
  }

  async remove(strandId: string): Promise<void> {
    this.#strands.delete(strandId);
  }

  async close(): Promise<void> {}
}

class MemoryStrand implements JournalStrand {
  readonly #records: JournalRecord[] = [];
  readonly #nodes = new NodeList();
  readonly #logNodes = new NodeList();
  /** Nothing outlives the process, so there is nothing to keep. */
  readonly intake: Intake = { left: [], append: () => Promise.resolve(), settle: () => {} };
  #tip: StrandTip;

  constructor(readonly info: StrandInfo) {
    this.#tip = emptyTip(info.strandId);
  }

  get tip(): StrandTip {
    return this.#tip;
  }

  get node(): NodeReader {
    return this.#nodes.read;
  }

  get logNode(): NodeReader {
    return this.#logNodes.read;
  }

  async append(records: readonly JournalRecord[]): Promise<void> {
    let tip = this.#tip;
    for (const { block } of records) {
      assertFollows(tip, block);
      tip = tipAfter(block);
    }
    for (const record of records) {
      const { sequenceNo } = record.block.address;
      assert(sequenceNo === this.#records.length, `block ${sequenceNo} onto ${this.#records.length}`);
      this.#nodes.append(completedNodes(sequenceNo, record.block.blockHash, this.#nodes.read));
      this.#logNodes.append(completedNodes(sequenceNo, logLeaf(record.block), this.#logNodes.read, joinLog));
      this.#records.push(record);
    }
    this.#tip = tip;
  }

  async block(sequenceNo: number): Promise<JournalBlock> {
    return this.#record(sequenceNo).block;
  }

  async content(sequenceNo: number): Promise<Bytes> {
    return this.#record(sequenceNo).content;
  }

  async record(sequenceNo: number): Promise<JournalRecord> {
    return this.#record(sequenceNo);
  }

  async peek<T>(sequenceNo: number, use: (record: JournalRecord) => T): Promise<T> {
    return use(this.#record(sequenceNo));
  }

  async close(): Promise<void> {}

  #record(sequenceNo: number): JournalRecord {
    const record = this.#records[sequenceNo];
    if (record === undefined) {
      const { strandId } = this.info;
      throw new JournalError({ code: "BLOCK_NOT_FOUND", strandId, sequenceNo, size: this.#records.length });
    }
    return record;
  }
}
