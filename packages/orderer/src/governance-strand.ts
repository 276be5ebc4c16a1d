/**
 * The strand of the members' acts. One record after the other is judged in memory against the state that all before it
 * lead to; accepted ones wait for the next block, and every sender gets an answer when that block is durable. A refused
 * record leaves no trace.
 *
 * Time is the network's own: it never runs backwards, and where the rules allow it the operator has moved it ahead of
 * the clock. By how much follows from the strand alone: each ClockAdvanced stands in a block stamped with the time
 * before it, and adds the difference.
 */
import {
  type Act,
  encodeStrandBlock,
  GOVERNANCE_STRAND,
  type GovernanceState,
  type Identities,
  readSignedRecord,
  signedRecord,
} from "@hansa/governance";
import {
  emptyTip,
  type JournalBlock,
  type JournalRecord,
  type JournalStrand,
  nextBlock,
  type StrandTip,
  tipAfter,
} from "@hansa/journal";
import { endsBlock, governanceStrandId } from "@hansa/ordering";
import { assert, type Bytes, messageOf, NO_BYTES, type UnixMs } from "@hansa/primitives";
import { RecordJudge } from "./governance-judge.js";
import {
  type GovernanceOrder,
  type GovernanceStrandOptions,
  MAX_BACKLOG_RECORDS,
  type Ordered,
  type Submission,
} from "./governance-order.js";
import { openGovernanceStrand, replayStrand } from "./governance-replay.js";

type Waiting = { readonly record: Bytes; done(ordered: Ordered): void; failed(error: unknown): void };

/** A block that is being filled. All its records have its time. */
type Draft = {
  readonly at: UnixMs;
  readonly waiting: Waiting[];
  bytes: number;
  isFull: boolean;
  state: GovernanceState;
};

const MAX_BLOCK_RECORDS = 1_000;
const MAX_BLOCK_BYTES = 4 * 1024 * 1024;

export class GovernanceStrand implements GovernanceOrder {
  readonly #options: GovernanceStrandOptions;
  readonly #followers = new Set<() => void>();
  readonly #judge: RecordJudge;
  #strand: JournalStrand | undefined;
  #tip: StrandTip | undefined;
  /** The block that every follower asks for next, without a look at the disk. */
  #newest: { readonly sequenceNo: number; readonly content: Bytes } | undefined;
  /** After the newest durable block. */
  #state: GovernanceState | undefined;
  /** With what waits for the disk. */
  #accepted: GovernanceState | undefined;
  /** How far the network's time is ahead of the clock. */
  #aheadMs = 0;
  #drafts: Draft[] = [];
  #backlog = 0;
  #writing: Promise<void> | undefined;
  #halted: string | undefined;

  private constructor(options: GovernanceStrandOptions) {
    this.#options = options;
    this.#judge = new RecordJudge(options.identity);
  }

  /** @throws JournalError, HansaError GOVERNANCE_DAMAGED naming strand and block */
  static async open(options: GovernanceStrandOptions): Promise<GovernanceStrand> {
    const governance = new GovernanceStrand(options);
    const { store, logger } = options;
    const strand = await openGovernanceStrand(store, logger);
    if (strand !== undefined) await governance.#replay(strand);
    return governance;
  }

  get identities(): Identities {
    return this.#judge.identities;
  }

  get strand(): JournalStrand | undefined {
    return this.#state === undefined ? undefined : this.#strand;
  }

  get state(): GovernanceState | undefined {
    return this.#state;
  }

  get height(): number {
    return this.#state === undefined ? 0 : (this.#strand?.tip.size ?? 0);
  }

  get isHalted(): boolean {
    return this.#halted !== undefined;
  }

  /** The network's time. */
  now(): UnixMs {
    const byClock = this.#options.clock.now() + this.#aheadMs;
    return Math.max(byClock, this.#accepted?.time ?? 0, this.#tip?.lastTimestampMs ?? 0) as UnixMs;
  }

  submit(bytes: Bytes): Submission {
    const signed = readSignedRecord(bytes);
    // The signatures cover the record only: whatever else came along is not kept.
    const record = signedRecord(signed.record, signed.signatures);
    if (this.#halted !== undefined) return { kind: "unavailable", reason: this.#halted, overloaded: false };
    if (this.#backlog >= MAX_BACKLOG_RECORDS) {
      return { kind: "unavailable", reason: `${this.#backlog} records wait for the disk`, overloaded: true };
    }
    const draft = this.#openDraft(record.length);
    const at = draft?.at ?? this.now();
    const judged = this.#judge.judge(this.#accepted, signed, at, this.#options.clock.now());
    if (!judged.ok) return { kind: "refused", refusal: judged.refusal };
    this.#accepted = judged.state;
    const ordered = new Promise<Ordered>((done, failed) => {
      this.#enter(draft, at, judged.state, signed.act, { record, done, failed });
    });
    return { kind: "ordered", ordered };
  }

  block(sequenceNo: number): Promise<Bytes> {
    assert(this.strand !== undefined && sequenceNo < this.height, `governance block ${sequenceNo} of ${this.height}`);
    if (this.#newest?.sequenceNo === sequenceNo) return Promise.resolve(this.#newest.content);
    return this.strand.content(sequenceNo);
  }

  follow(onChange: () => void): () => void {
    this.#followers.add(onChange);
    return () => this.#followers.delete(onChange);
  }

  async halt(reason: string): Promise<void> {
    this.#halted ??= reason;
    while (this.#writing !== undefined) await this.#writing;
    this.#notify();
  }

  async #replay(strand: JournalStrand): Promise<void> {
    const { size } = strand.tip;
    const { tip, governance, aheadMs } = await replayStrand(strand, size);
    this.#strand = strand;
    this.#tip = tip;
    this.#state = governance;
    this.#accepted = governance;
    this.#aheadMs = aheadMs;
    this.#options.logger.info("governance strand opened", { network: governance?.networkId, blocks: size });
  }

  #openDraft(bytes: number): Draft | undefined {
    const draft = this.#drafts.at(-1);
    if (draft === undefined || draft.isFull || draft.bytes + bytes > MAX_BLOCK_BYTES) return undefined;
    return draft;
  }

  #enter(open: Draft | undefined, at: UnixMs, state: GovernanceState, act: Act, waiting: Waiting): void {
    const draft = open ?? { at, waiting: [], bytes: 0, isFull: false, state };
    if (open === undefined) this.#drafts.push(draft);
    draft.waiting.push(waiting);
    draft.bytes += waiting.record.length;
    draft.state = state;
    this.#backlog++;
    // The founding names the strand, and after an advance another time begins.
    if (endsBlock(act) || draft.waiting.length >= MAX_BLOCK_RECORDS) draft.isFull = true;
    if (act.kind === "clockAdvanced") this.#aheadMs += act.to - at;
    // At the end of this turn of the event loop, so that all that has arrived shares the block.
    this.#writing ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#drain());
  }

  async #drain(): Promise<void> {
    while (this.#drafts.length > 0) {
      const drafts = this.#drafts;
      this.#drafts = [];
      try {
        const blocks = await this.#write(drafts);
        this.#state = (drafts.at(-1) as Draft).state;
        const strand = this.#strand as JournalStrand;
        drafts.forEach(({ waiting }, i) => {
          const block = blocks[i] as JournalBlock;
          this.#backlog -= waiting.length;
          waiting.forEach(({ done }, at) => {
            done({ block, entryIndex: at + 1, strand });
          });
        });
      } catch (error) {
        this.#fail(error, drafts);
      }
      this.#notify();
    }
    this.#writing = undefined;
  }

  async #write(drafts: readonly Draft[]): Promise<JournalBlock[]> {
    this.#strand ??= await this.#found(drafts);
    let tip = this.#tip ?? emptyTip(this.#strand.info.strandId);
    const written: JournalRecord[] = drafts.map(({ at, waiting }) => {
      const records = waiting.map(({ record }) => record);
      const contents = { channelId: GOVERNANCE_STRAND, timestampMs: at, headerHash: NO_BYTES, envelopes: records };
      const block = nextBlock(tip, contents);
      assert(block.timestampMs === at, `a record judged at ${at} would stand at ${block.timestampMs}`);
      tip = tipAfter(block);
      return { block, content: encodeStrandBlock({ block, records }) };
    });
    await this.#strand.append(written);
    this.#tip = tip;
    const last = written.at(-1);
    this.#newest = last && { sequenceNo: last.block.address.sequenceNo, content: last.content };
    return written.map(({ block }) => block);
  }

  #found([draft]: readonly Draft[]): Promise<JournalStrand> {
    const record = draft?.waiting[0]?.record;
    assert(record !== undefined, "a strand begins with the record that founds it");
    return this.#options.store.create({ strandId: governanceStrandId(record), name: GOVERNANCE_STRAND });
  }

  /** Nothing that builds on what is not written may be written: what was accepted is given up, and nothing more taken. */
  #fail(error: unknown, drafts: readonly Draft[]): void {
    this.#options.logger.error("governance stopped: its strand cannot be written", { reason: messageOf(error) });
    this.#halted = "governance is stopped: the journal cannot be written";
    for (const { waiting } of [...drafts, ...this.#drafts]) for (const { failed } of waiting) failed(error);
    this.#drafts = [];
    this.#backlog = 0;
    this.#accepted = this.#state;
  }

  #notify(): void {
    for (const onChange of [...this.#followers]) onChange();
  }
}
