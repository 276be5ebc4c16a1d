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
  type Folded,
  GOVERNANCE_STRAND,
  GovernanceRefusal,
  type GovernanceState,
  Identities,
  judgeRecord,
  type Refused,
  readSignedRecord,
  readStrandBlock,
  type SignedRecord,
  type StrandBlock,
  signedRecord,
  verifyStrand,
} from "@hansa/governance";
import {
  channelStrandId,
  emptyTip,
  type JournalBlock,
  type JournalRecord,
  type JournalStore,
  type JournalStrand,
  nextBlock,
  type StrandTip,
  tipAfter,
} from "@hansa/journal";
import { decodeSerializedIdentity, type SigningIdentity } from "@hansa/msp";
import {
  assert,
  type Bytes,
  type Clock,
  equalBytes,
  HansaError,
  type Logger,
  messageOf,
  NO_BYTES,
  sha256,
  type UnixMs,
} from "@hansa/primitives";

/** Where an accepted record stands, durably. */
export type Ordered = { readonly block: JournalBlock; readonly entryIndex: number; readonly strand: JournalStrand };

export type Submission =
  | { readonly kind: "ordered"; readonly ordered: Promise<Ordered> }
  | { readonly kind: "refused"; readonly refusal: GovernanceRefusal }
  /** Too much waits for the disk, or the strand takes no more. */
  | { readonly kind: "unavailable"; readonly reason: string; readonly overloaded: boolean };

export type GovernanceStrandOptions = {
  readonly store: JournalStore;
  /** A network is founded only by an administrator of this identity's organisation. */
  readonly identity: SigningIdentity;
  readonly clock: Clock;
  readonly logger: Logger;
};

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
/** Accepted and not yet durable. */
const MAX_BACKLOG_RECORDS = 10_000;
const READ_AHEAD_BLOCKS = 64;

export class GovernanceStrand {
  readonly #options: GovernanceStrandOptions;
  readonly #followers = new Set<() => void>();
  readonly identities = new Identities();
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
  }

  /** @throws JournalError, HansaError GOVERNANCE_DAMAGED naming strand and block */
  static async open(options: GovernanceStrandOptions): Promise<GovernanceStrand> {
    const governance = new GovernanceStrand(options);
    const { store, logger } = options;
    for (const { strandId, name } of await store.list()) {
      if (name !== GOVERNANCE_STRAND) continue;
      const strand = await store.open(strandId);
      if (strand.tip.size === 0) {
        // The first block decides whether a network was founded.
        logger.warn("unfinished founding undone", { strand: strandId });
        await store.remove(strandId);
        continue;
      }
      assert(governance.#strand === undefined, "the journal holds two governance strands");
      await governance.#replay(strand);
    }
    return governance;
  }

  /** Undefined before the founding is durable. */
  get strand(): JournalStrand | undefined {
    return this.#state === undefined ? undefined : this.#strand;
  }

  /** As all durable records lead to it; undefined before the founding. */
  get state(): GovernanceState | undefined {
    return this.#state;
  }

  /** How many blocks are durable. */
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

  /**
   * Judges a record and queues it when the rules allow it.
   * @param bytes hansa.governance.SignedRecord
   * @throws WireError, GovernanceRefusal INVALID for bytes that are no record
   */
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
    const judged = this.#judge(signed, at);
    if (!judged.ok) return { kind: "refused", refusal: judged.refusal };
    this.#accepted = judged.state;
    const ordered = new Promise<Ordered>((done, failed) => {
      this.#enter(draft, at, judged.state, signed.act, { record, done, failed });
    });
    return { kind: "ordered", ordered };
  }

  /** An encoded hansa.governance.StrandBlock. */
  block(sequenceNo: number): Promise<Bytes> {
    assert(this.strand !== undefined && sequenceNo < this.height, `governance block ${sequenceNo} of ${this.height}`);
    if (this.#newest?.sequenceNo === sequenceNo) return Promise.resolve(this.#newest.content);
    return this.strand.content(sequenceNo);
  }

  /** Calls back after each block, and when the strand halts. Returns how to end it. */
  follow(onChange: () => void): () => void {
    this.#followers.add(onChange);
    return () => this.#followers.delete(onChange);
  }

  /** Takes no more records and settles when the accepted ones are durable. */
  async halt(reason: string): Promise<void> {
    this.#halted ??= reason;
    while (this.#writing !== undefined) await this.#writing;
    this.#notify();
  }

  async #replay(strand: JournalStrand): Promise<void> {
    const { strandId } = strand.info;
    const { size, lastBlockHash } = strand.tip;
    const blocks: StrandBlock[] = [];
    for (let from = 0; from < size; from += READ_AHEAD_BLOCKS) {
      const count = Math.min(READ_AHEAD_BLOCKS, size - from);
      const contents = await Promise.all(Array.from({ length: count }, (_, i) => strand.content(from + i)));
      for (const content of contents) blocks.push(readStrandBlock(content));
    }
    // Hashes and rules, no signatures: what stands on this node's own strand was verified when it was admitted.
    const verified = verifyStrand(blocks, () => true);
    if (!verified.ok) throw damaged(strandId, verified.fault.sequenceNo, verified.fault.reason);
    const { tip, state } = verified.position;
    if (state === undefined || tip?.strandId !== strandId || !equalBytes(tip.lastBlockHash, lastBlockHash)) {
      throw damaged(strandId, size - 1, "its records are not those of the block that the journal holds");
    }
    this.#strand = strand;
    this.#tip = tip;
    this.#state = state;
    this.#accepted = state;
    this.#aheadMs = aheadOf(blocks);
    this.#options.logger.info("governance strand opened", { network: state.networkId, blocks: size });
  }

  #judge(signed: SignedRecord, at: UnixMs): Folded {
    const { act } = signed;
    // First, because it is cheap, and before the founding anybody may come with anything.
    if (act.kind === "founded" && !this.#isOwnOrganisation(act.operatorIdentity, act.operatorMspConfig)) {
      return invalid(`a network is founded here by an administrator of ${this.#options.identity.mspId}`);
    }
    const judged = judgeRecord(this.#accepted, signed, at, this.identities.verifier(this.#options.clock.now()));
    if (!judged.ok) return judged;
    const stranger = this.identities.strangerIn(act);
    return stranger === undefined ? judged : invalid(stranger);
  }

  /** The founder's certificate must come from the very CA that certified this node, whatever its MSP definition says. */
  #isOwnOrganisation(operator: Bytes, mspConfig: Bytes): boolean {
    const { mspId, certificate } = this.#options.identity;
    try {
      if (decodeSerializedIdentity(operator).mspid !== mspId) return false;
      const msp = this.identities.msp(mspConfig);
      const founder = this.identities.identity(mspConfig, operator).certificate;
      const issuers = [...msp.rootCertificates, ...msp.intermediateCertificates];
      return issuers.some((issuer) => certificate.isIssuedBy(issuer) && founder.isIssuedBy(issuer));
    } catch (error) {
      if (error instanceof HansaError) return false;
      throw error;
    }
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
    const endsBlock = act.kind === "founded" || act.kind === "clockAdvanced";
    if (endsBlock || draft.waiting.length >= MAX_BLOCK_RECORDS) draft.isFull = true;
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

  /** The strand is named by the record that founds it: another founding is another strand. */
  #found([draft]: readonly Draft[]): Promise<JournalStrand> {
    const record = draft?.waiting[0]?.record;
    assert(record !== undefined, "a strand begins with the record that founds it");
    const strandId = channelStrandId(GOVERNANCE_STRAND, sha256(record));
    return this.#options.store.create({ strandId, name: GOVERNANCE_STRAND });
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

/** How far the strand has moved the network's time ahead of the clock. */
function aheadOf(blocks: readonly StrandBlock[]): number {
  let aheadMs = 0;
  for (const { block, records } of blocks) {
    // An advance is the last record of its block.
    const { act } = readSignedRecord(records.at(-1) as Bytes);
    if (act.kind === "clockAdvanced") aheadMs += act.to - block.timestampMs;
  }
  return aheadMs;
}

function invalid(reason: string): Refused {
  return { ok: false, refusal: new GovernanceRefusal("INVALID", reason) };
}

function damaged(strandId: string, sequenceNo: number, reason: string): HansaError {
  return new HansaError("GOVERNANCE_DAMAGED", `governance strand ${strandId}, block ${sequenceNo}: ${reason}`, {
    nextStep: "restore this node's data folder from a copy",
  });
}
