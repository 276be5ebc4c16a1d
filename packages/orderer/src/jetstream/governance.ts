/**
 * The governance strand of orderers that share a stream. A record that this node would order goes into the stream; every
 * node reads it there, judges it where it stands, and writes the same blocks to its own journal. Whoever sent it is
 * answered when this node has its block on disk, or when it was refused where it stands.
 *
 * A refusal is given only by a node that is up to date: one that would refuse first reads the stream to its end.
 */
import { setTimeout as pause } from "node:timers/promises";
import {
  GOVERNANCE_STRAND,
  GovernanceRefusal,
  type GovernanceState,
  type Identities,
  readSignedRecord,
  readStrandBlock,
  type SignedRecord,
  signedRecord,
} from "@hansa/governance";
import type { JournalStrand } from "@hansa/journal";
import {
  applyGovernanceMessage,
  endsBlock,
  type GovernanceChainState,
  type GovernanceConsequence,
  type GovernanceTip,
  type ItemRef,
  NOT_FOUNDED,
  networkTime,
  type RecordBody,
} from "@hansa/ordering";
import { assert, type Bytes, equalBytes, HansaError, messageOf, type Random, toHex } from "@hansa/primitives";
import { Status } from "@hansa/wire";
import type { Outcome } from "../engine.js";
import { RecordJudge } from "../governance-judge.js";
import {
  type GovernanceOrder,
  type GovernanceStrandOptions,
  MAX_BACKLOG_RECORDS,
  type Ordered,
  type Submission,
} from "../governance-order.js";
import { openGovernanceStrand, replayStrand } from "../governance-replay.js";
import { findGovernanceStart } from "./governance-start.js";
import { openGovernanceStream } from "./governance-stream.js";
import { OTHER_HISTORY, type SessionStart, StreamSession } from "./session.js";
import type { SharedStream, StreamSource } from "./shared-stream.js";
import { HistoryError } from "./start.js";
import { AWAY, type Sender, Submitter } from "./submitter.js";

/** What one message of the stream may hold. */
const RECORD_LIMITS = { maxMessageCount: 1_000, preferredMaxBytes: 512 * 1024 };
/** Blocks and refusals waiting for the disk, above which reading waits. */
const MAX_UNWRITTEN = 256;
/** How long one who would be refused waits until this node is up to date. */
const CURRENT_WITHIN_MS = 15_000;
const POLL_MS = 5;
const RETRY_MS = 50;
/** How long a stopping node waits for what its senders wait for. */
const STOP_WITHIN_MS = 2_000;
const STOP_POLL_MS = 50;

export type SharedGovernanceOptions = GovernanceStrandOptions & {
  readonly source: StreamSource;
  readonly random: Random;
  /** See OrdererConfig. */
  readonly networkId?: string | undefined;
};

type GovernanceSender = Sender & { done(ordered: Ordered): void; failed(error: unknown): void };
type Block = Extract<GovernanceConsequence, { kind: "block" }>;
type Refusal = Extract<GovernanceConsequence, { kind: "refuse" }>;

export class SharedGovernance implements GovernanceOrder {
  readonly #options: SharedGovernanceOptions;
  readonly #judge: RecordJudge;
  readonly #submitter: Submitter<GovernanceSender>;
  readonly #session: StreamSession;
  readonly #followers = new Set<() => void>();
  /** In the order of the stream: a refusal is given when what it rests on is durable. */
  readonly #unwritten: (Block | Refusal)[] = [];
  #strand: JournalStrand | undefined;
  /** After the newest durable block. */
  #durable: GovernanceTip = NOT_FOUNDED;
  /** After the newest message that was applied. */
  #applied: GovernanceChainState | undefined;
  #maxRecordBytes = Number.POSITIVE_INFINITY;
  #writing: Promise<void> | undefined;
  #checking: Promise<void> | undefined;
  #nextCheck: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();
  #halted: string | undefined;
  #stopped = false;

  private constructor(options: SharedGovernanceOptions) {
    this.#options = options;
    this.#judge = new RecordJudge(options.identity);
    // Nothing gains by waiting for company: what comes while a record is on its way shares the next.
    this.#submitter = new Submitter({ ...options, batching: "fabric", pace: undefined });
    this.#submitter.limit(RECORD_LIMITS);
    this.#session = new StreamSession(
      {
        open: () => openGovernanceStream({ ...options, strand: this.#strand, rules: this.#judge }),
        start: (stream) => this.#start(stream),
        apply: (sequence, message) => this.#apply(sequence, message),
        missing: () => this.#missing(),
        restored: () => this.#restored(),
        ended: () => {},
        failed: (reason, error) => this.#fail(reason, error),
      },
      { ...options, submitter: this.#submitter },
    );
  }

  /** @throws JournalError, HansaError GOVERNANCE_DAMAGED naming strand and block, OTHER_NETWORK */
  static async open(options: SharedGovernanceOptions): Promise<SharedGovernance> {
    const governance = new SharedGovernance(options);
    const { store, logger } = options;
    const strand = await openGovernanceStrand(store, logger);
    if (strand !== undefined) {
      governance.#durable = await replayStrand(strand, strand.tip.size);
      governance.#strand = strand;
      refuseOtherNetwork(governance.state?.networkId, options.networkId);
      logger.info("governance strand opened", { network: governance.state?.networkId, blocks: strand.tip.size });
    }
    // What the journal holds is served whether or not the stream can be reached.
    governance.#running = governance.#session.run();
    return governance;
  }

  get identities(): Identities {
    return this.#judge.identities;
  }

  get strand(): JournalStrand | undefined {
    return this.state === undefined ? undefined : this.#strand;
  }

  get state(): GovernanceState | undefined {
    return this.#durable.governance;
  }

  get height(): number {
    return this.#durable.tip?.size ?? 0;
  }

  get isHalted(): boolean {
    return this.#halted !== undefined;
  }

  submit(bytes: Bytes): Submission {
    const signed = readSignedRecord(bytes);
    // The signatures cover the record only: whatever else came along is not kept.
    const record = signedRecord(signed.record, signed.signatures);
    if (this.#halted !== undefined) return { kind: "unavailable", reason: this.#halted, overloaded: false };
    const { waiting } = this.#submitter;
    if (waiting >= MAX_BACKLOG_RECORDS) {
      return { kind: "unavailable", reason: `${waiting} records wait for the stream`, overloaded: true };
    }
    if (record.length > this.#maxRecordBytes) {
      const reason =
        `the record is ${record.length} bytes and the ordering engine takes at most ${this.#maxRecordBytes}: ` +
        "raise max_payload of the NATS servers";
      return { kind: "refused", refusal: new GovernanceRefusal("LIMIT_EXCEEDED", reason) };
    }
    return { kind: "ordered", ordered: this.#order(signed, record) };
  }

  block(sequenceNo: number): Promise<Bytes> {
    assert(this.strand !== undefined && sequenceNo < this.height, `governance block ${sequenceNo} of ${this.height}`);
    return this.strand.content(sequenceNo);
  }

  follow(onChange: () => void): () => void {
    this.#followers.add(onChange);
    return () => this.#followers.delete(onChange);
  }

  async halt(reason: string): Promise<void> {
    this.#halted ??= reason;
    const deadline = performance.now() + STOP_WITHIN_MS;
    while (this.#submitter.waiting > 0 && !this.#stopped && performance.now() < deadline) await pause(STOP_POLL_MS);
    this.#stop();
    await this.#running;
    await this.#writing;
    this.#notify();
  }

  #stop(): void {
    this.#stopped = true;
    this.#session.stop();
    this.#submitter.end({ status: Status.SERVICE_UNAVAILABLE, info: this.#halted ?? "governance is stopped" });
  }

  #fail(reason: string, error: unknown): void {
    if (this.#stopped) return;
    this.#options.logger.error(`governance stopped: ${reason}`, { reason: messageOf(error) });
    this.#halted = `governance is stopped: ${reason}`;
    this.#stop();
    this.#notify();
  }

  #notify(): void {
    for (const onChange of [...this.#followers]) onChange();
  }

  async #order(signed: SignedRecord, record: Bytes): Promise<Ordered> {
    if (this.#applied === undefined || this.#refusalOf(signed) !== undefined) {
      await this.#becomeCurrent();
      const refusal = this.#refusalOf(signed);
      if (refusal !== undefined) throw refusal;
    }
    return new Promise<Ordered>((done, failed) => {
      const kind = endsBlock(signed.act) ? "config" : "normal";
      const answer = ({ info }: Outcome) => failed(unavailable(info));
      this.#submitter.submit({ admitted: { kind, envelope: record, sequence: 0n }, answer, done, failed });
    });
  }

  /** By what this node has read of the stream. */
  #refusalOf(signed: SignedRecord): GovernanceRefusal | undefined {
    const tip = this.#applied ?? this.#durable;
    const now = this.#options.clock.now();
    const judged = this.#judge.judge(tip.governance, signed, networkTime(tip, now), now);
    return judged.ok ? undefined : judged.refusal;
  }

  /**
   * Settles when this node has read and written what the stream held when this was asked. Those who ask while one such
   * look is under way share the next.
   * @throws HansaError GOVERNANCE_UNAVAILABLE
   */
  #becomeCurrent(): Promise<void> {
    this.#nextCheck ??= (this.#checking ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        this.#nextCheck = undefined;
        this.#checking = this.#readToEnd();
        return this.#checking;
      });
    return this.#nextCheck;
  }

  async #readToEnd(): Promise<void> {
    const deadline = performance.now() + CURRENT_WITHIN_MS;
    while (performance.now() < deadline && !this.#stopped) {
      const { outlet } = this.#session;
      const bounds = await outlet?.stream.bounds().catch(() => undefined);
      if (outlet === undefined || bounds === undefined) {
        await pause(RETRY_MS);
        continue;
      }
      outlet.reader.expect(bounds.last);
      while (this.#session.outlet === outlet && performance.now() < deadline) {
        if (outlet.reader.position >= bounds.last && this.#writing === undefined) return;
        await pause(POLL_MS);
      }
    }
    throw unavailable(this.#halted ?? this.#submitter.trouble ?? AWAY);
  }

  /** Reading begins anew, after the newest block that the stream led to. */
  async #start(stream: SharedStream): Promise<SessionStart> {
    await this.#writing;
    const { state, last, knownBlock } = await findGovernanceStart(this.#strand, stream);
    this.#applied = state;
    this.#maxRecordBytes = this.#submitter.maxEnvelopeBytes(stream);
    return { after: state.sequence, last, knownBlock };
  }

  #missing(): number {
    return this.height - (this.#applied?.tip?.size ?? 0);
  }

  async #restored(): Promise<RecordBody> {
    const block = await this.block(this.height - this.#missing());
    return { kind: "restored", block, timestampMs: readStrandBlock(block).block.timestampMs };
  }

  #apply(sequence: number, message: Uint8Array): Promise<void> | undefined {
    if (this.#applied === undefined) return undefined;
    const { state, consequences } = applyGovernanceMessage(this.#applied, message, this.#judge);
    this.#applied = state;
    for (const consequence of consequences) this.#consequence(sequence, consequence);
    this.#submitter.advanced(sequence);
    if (this.#unwritten.length > 0) this.#writing ??= this.#write();
    return this.#unwritten.length > MAX_UNWRITTEN ? this.#writing : undefined;
  }

  #consequence(sequence: number, consequence: GovernanceConsequence): void {
    switch (consequence.kind) {
      case "block":
      case "refuse":
        this.#unwritten.push(consequence);
        break;
      case "counted":
        this.#submitter.placed(consequence.recordId);
        break;
      case "resubmit": {
        const sender = this.#submitter.take(consequence.item);
        if (sender !== undefined) this.#submitter.submit(sender);
        break;
      }
      case "ignored": {
        const { recordId, reason } = consequence;
        if (reason === "seen before") break;
        // Every orderer publishes what the stream has lost: all but the first of a block come too late.
        const level = reason === "not the next block" ? "debug" : "warn";
        this.#options.logger[level]("message of the governance stream not counted", { sequence, reason });
        if (recordId !== undefined) this.#submitter.ignored(recordId, reason);
        break;
      }
    }
  }

  /** Writes what there is until there is nothing left; everything that waits shares one sync. */
  async #write(): Promise<void> {
    // Refusals alone need no waiting: that this has ended must not be noted before that it has begun.
    await Promise.resolve();
    try {
      while (this.#unwritten.length > 0) {
        const taken = this.#unwritten.splice(0);
        const blocks = taken.filter((each) => each.kind === "block");
        const { height } = this;
        for (const { block } of blocks) if (block.address.sequenceNo < height) await this.#compare(block);
        const fresh = blocks.filter(({ block }) => block.address.sequenceNo >= height);
        if (fresh.length > 0) await this.#append(fresh);
        for (const each of taken) this.#answer(each);
        if (fresh.length > 0) this.#notify();
      }
    } catch (error) {
      this.#fail(error instanceof HistoryError ? OTHER_HISTORY : "the journal cannot be written", error);
    } finally {
      this.#writing = undefined;
    }
  }

  async #append(blocks: readonly Block[]): Promise<void> {
    const [first] = blocks;
    const newest = blocks.at(-1);
    assert(first !== undefined && newest !== undefined, "there is something to append");
    this.#strand ??= await this.#options.store.create({
      strandId: first.block.address.strandId,
      name: GOVERNANCE_STRAND,
    });
    await this.#strand.append(blocks.map(({ block, content }) => ({ block, content })));
    this.#durable = newest.after;
  }

  /** A block that the journal holds already. @throws HistoryError unless it is the same */
  async #compare({ address, blockHash }: Block["block"]): Promise<void> {
    const own = await (this.#strand as JournalStrand).block(address.sequenceNo);
    if (equalBytes(own.blockHash, blockHash)) return;
    throw new HistoryError(
      "HISTORIES_DIFFER",
      `block ${address.sequenceNo} of the governance strand is ${toHex(own.blockHash)} in this node's journal and ` +
        `${toHex(blockHash)} by the stream`,
      { nextStep: "keep this node's journal as evidence; start the node with an empty folder to follow the stream" },
    );
  }

  #answer(done: Block | Refusal): void {
    if (done.kind === "refuse") {
      this.#take(done.item)?.failed(done.refusal);
      return;
    }
    const { block, items } = done;
    const strand = this.#strand as JournalStrand;
    items.forEach((item, index) => {
      this.#take(item)?.done({ block, entryIndex: index + 1, strand });
    });
  }

  #take(item: ItemRef): GovernanceSender | undefined {
    return this.#submitter.take(item);
  }
}

function unavailable(reason: string): HansaError {
  return new HansaError("GOVERNANCE_UNAVAILABLE", reason, { nextStep: "ask another orderer, or try again" });
}

/** @throws HansaError OTHER_NETWORK */
function refuseOtherNetwork(found: string | undefined, told: string | undefined): void {
  if (told === undefined || found === undefined || told === found) return;
  throw new HansaError(
    "OTHER_NETWORK",
    `this node's journal holds the governance strand of network ${found}, and the node is told that it belongs to ${told}`,
    { nextStep: `tell it networkId ${found}, or give it the data folder of the other network or an empty one` },
  );
}
