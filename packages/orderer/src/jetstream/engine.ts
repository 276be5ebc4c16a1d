/**
 * Ordering by a stream that several orderers share. This node publishes its senders' messages there, reads the whole
 * stream back, and derives the same blocks as every other node; a sender is answered when the stream holds its message
 * and this node's own journal holds the block.
 *
 * The journal says how far the stream was read. When the stream turns out to be shorter than that, its servers have lost
 * what they had acknowledged: the blocks concerned are published again from the journal. When the stream holds another
 * history than the journal, the channel stops and says so.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { ChannelConfig } from "@hansa/channel-config";
import {
  type Admitted,
  admit,
  applyMessage,
  type Batching,
  type BroadcastMessage,
  type ChainStart,
  type PaceSettings,
  type RecordBody,
  type StreamChainState,
  type StreamConsequence,
} from "@hansa/ordering";
import { equalBytes, toHex } from "@hansa/primitives";
import { blockHeaderHash, Status, splitBlock } from "@hansa/wire";
import type { BlockLog, TimedDraft } from "../block-log.js";
import type { Answer, EngineFactory, EngineOptions, OrderingEngine, Outcome } from "../engine.js";
import { OTHER_HISTORY, type SessionStart, StreamSession } from "./session.js";
import type { SharedStream, StreamSource } from "./shared-stream.js";
import { findStart, HistoryError } from "./start.js";
import { type Sender, Submitter } from "./submitter.js";

/** Blocks waiting to be written, above which reading waits. */
const MAX_UNWRITTEN_BLOCKS = 64;
/** How much longer others give the orderer whose message is the oldest to have the batch cut. */
const CUT_GRACE_MS = 300;
/** The same while batches are cut by records, and messages that say so are for the last ones of a crowd. */
const ADAPTIVE_GRACE_MS = { own: 10, others: 60 };
const CUT_AGAIN_MS = 1_000;
const STOP_POLL_MS = 50;
/** How long a stopping node waits for what its senders wait for. */
const STOP_WITHIN_MS = 2_000;

export type StreamEngineSettings = { readonly batching: Batching; readonly pace: (() => PaceSettings) | undefined };

type ChannelSender = Sender & { readonly admitted: Admitted };

type BlockConsequence = Extract<StreamConsequence, { kind: "block" }>;

const unavailable = (info: string): Outcome => ({ status: Status.SERVICE_UNAVAILABLE, info });

/** The engine over these streams, for any channel. */
export function streamEngine(source: StreamSource, settings: StreamEngineSettings): EngineFactory {
  return (log, start, options) => new StreamEngine(log, start, options, source, settings);
}

class StreamEngine implements OrderingEngine {
  readonly #log: BlockLog;
  readonly #options: EngineOptions;
  readonly #batching: Batching;
  readonly #submitter: Submitter<ChannelSender>;
  readonly #session: StreamSession;
  readonly #roomWaiters: (() => void)[] = [];
  readonly #unwritten: BlockConsequence[] = [];
  /** In force at the newest message that was applied. */
  #config: ChannelConfig;
  #state: StreamChainState | undefined;
  #maxEnvelopeBytes = Number.POSITIVE_INFINITY;
  #writing: Promise<void> | undefined;
  #cutTimer: { readonly block: bigint; readonly timer: NodeJS.Timeout } | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(
    log: BlockLog,
    start: ChainStart,
    options: EngineOptions,
    source: StreamSource,
    settings: StreamEngineSettings,
  ) {
    this.#log = log;
    this.#config = start.config;
    this.#options = options;
    this.#batching = settings.batching;
    this.#submitter = new Submitter({ ...options, ...settings });
    this.#submitter.onAnswered = () => this.#answered();
    this.#session = new StreamSession(
      {
        open: () => source.open(log.strand.info.strandId, `channel ${log.channelId}`),
        start: (stream) => this.#start(stream),
        apply: (sequence, message) => this.#apply(sequence, message),
        missing: () => this.#missing(),
        restored: () => this.#restored(),
        ended: () => this.#clearCutTimer(),
        failed: (reason, error) => this.#fail(reason, error),
      },
      { ...options, submitter: this.#submitter },
    );
  }

  async resume(): Promise<void> {
    // Blocks are served from the journal whether or not the stream can be reached.
    this.#running = this.#session.run();
  }

  submit(message: BroadcastMessage, answer: Answer): void {
    const { identity: orderer, clock, random, logger } = this.#options;
    const admitted = admit(message, { config: this.#config, now: clock.now(), orderer, random });
    if (admitted.kind === "rejected") {
      logger.warn("message refused", { txId: message.txId, reason: admitted.info });
      answer(admitted);
      return;
    }
    if (admitted.envelope.length > this.#maxEnvelopeBytes) {
      const info =
        `message is ${admitted.envelope.length} bytes and the ordering engine takes at most ` +
        `${this.#maxEnvelopeBytes}: raise max_payload of the NATS servers`;
      answer({ status: Status.REQUEST_ENTITY_TOO_LARGE, info });
      return;
    }
    this.#submitter.submit({ admitted, answer });
  }

  room(): Promise<void> | undefined {
    if (this.#submitter.waiting < this.#options.maxBacklogMessages) return undefined;
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  async halt(): Promise<void> {
    const deadline = performance.now() + STOP_WITHIN_MS;
    while (this.#submitter.waiting > 0 && !this.#stopped && performance.now() < deadline) {
      if (this.#state !== undefined && this.#state.pending.messages.length > 0) this.#askForCut();
      await pause(STOP_POLL_MS);
    }
    this.#stop(unavailable(this.#log.haltReason ?? "chain is stopped"));
    await this.#running;
    await this.#writing;
  }

  #stop(outcome: Outcome): void {
    this.#stopped = true;
    this.#clearCutTimer();
    this.#session.stop();
    this.#submitter.end(outcome);
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }

  #fail(reason: string, error: unknown): void {
    if (this.#stopped) return;
    this.#log.fail(reason, error);
    this.#stop(unavailable(this.#log.haltReason ?? reason));
    this.#log.notify();
  }

  /** Reading begins anew, at the newest block that the stream led to. */
  async #start(stream: SharedStream): Promise<SessionStart> {
    await this.#writing;
    const { state, last, knownBlock } = await findStart(this.#log, stream);
    this.#state = state;
    this.#useConfig(state.config);
    this.#maxEnvelopeBytes = this.#submitter.maxEnvelopeBytes(stream);
    return { after: state.sequence, last, knownBlock };
  }

  #missing(): number {
    return this.#state === undefined ? 0 : this.#log.height - 1 - Number(this.#state.tip.number);
  }

  async #restored(): Promise<RecordBody> {
    const number = this.#log.height - this.#missing();
    const block = await this.#log.block(number);
    const { timestampMs } = await this.#log.strand.block(number);
    return { kind: "restored", block, timestampMs };
  }

  #apply(sequence: number, message: Uint8Array): Promise<void> | undefined {
    if (this.#state === undefined) return undefined;
    const { state, consequences } = applyMessage(this.#state, message);
    this.#state = state;
    this.#useConfig(state.config);
    for (const consequence of consequences) this.#consequence(sequence, consequence);
    this.#submitter.advanced(sequence);
    this.#setCutTimer(state);
    if (this.#unwritten.length > 0) this.#writing ??= this.#write();
    return this.#unwritten.length > MAX_UNWRITTEN_BLOCKS ? this.#writing : undefined;
  }

  #useConfig(config: ChannelConfig): void {
    this.#config = config;
    this.#submitter.limit(config.orderer);
  }

  #consequence(sequence: number, consequence: StreamConsequence): void {
    const { logger } = this.#options;
    switch (consequence.kind) {
      case "block":
        this.#unwritten.push(consequence);
        break;
      case "counted":
        if (!this.#submitter.placed(consequence.recordId)) this.#submitter.heard(consequence.messages);
        break;
      case "refuse":
        logger.warn("message refused by the new configuration", { reason: consequence.refusal.info });
        this.#submitter.settle(consequence.item, consequence.refusal);
        break;
      case "resubmit": {
        const sender = this.#submitter.take(consequence.item);
        if (sender !== undefined) this.submit(sender.admitted.message, sender.answer);
        break;
      }
      case "ignored":
        if (consequence.reason === "seen before") break;
        // Every orderer publishes what the stream has lost: all but the first of a block come too late.
        logger[consequence.reason === "not the next block" ? "debug" : "warn"]("message of the stream not counted", {
          sequence,
          reason: consequence.reason,
        });
        if (consequence.recordId !== undefined) this.#submitter.ignored(consequence.recordId, consequence.reason);
        break;
    }
  }

  /** Writes what there is until there is nothing left; everything that waits shares one sync. */
  async #write(): Promise<void> {
    try {
      while (this.#unwritten.length > 0) {
        const blocks = this.#unwritten.splice(0);
        const fresh: TimedDraft[] = [];
        for (const { draft, timestampMs } of blocks) {
          if (draft.number < BigInt(this.#log.height)) await this.#compare(draft);
          else fresh.push({ draft, timestampMs });
        }
        if (fresh.length > 0) await this.#log.write(fresh);
        for (const { items } of blocks) for (const item of items) this.#submitter.settle(item);
        this.#log.notify();
      }
    } catch (error) {
      const isHistory = error instanceof HistoryError;
      this.#fail(isHistory ? OTHER_HISTORY : "the journal cannot be written", error);
    } finally {
      this.#writing = undefined;
    }
  }

  /** A block that the journal holds already. @throws HistoryError unless it is the same */
  async #compare({ number, headerHash }: { readonly number: bigint; readonly headerHash: Uint8Array }): Promise<void> {
    const { header } = splitBlock(await this.#log.block(Number(number)));
    const own = blockHeaderHash(header);
    if (equalBytes(own, headerHash)) return;
    throw new HistoryError(
      "HISTORIES_DIFFER",
      `block ${number} of channel ${this.#log.channelId} is ${toHex(own)} in this node's journal and ` +
        `${toHex(headerHash)} by the stream`,
      { nextStep: "keep this node's journal as evidence; start the node with an empty folder to follow the stream" },
    );
  }

  #setCutTimer({ pending, tip, config }: StreamChainState): void {
    const [oldest] = pending.messages;
    const block = tip.number + 1n;
    if (this.#cutTimer?.block === block && oldest !== undefined) return;
    this.#clearCutTimer();
    if (oldest === undefined || this.#stopped) return;
    const isOwn = this.#submitter.isOwn(oldest);
    const { batchTimeoutMs } = config.orderer;
    if (this.#batching === "fabric") this.#armCutTimer(block, batchTimeoutMs + (isOwn ? 0 : CUT_GRACE_MS));
    else {
      const grace = isOwn ? ADAPTIVE_GRACE_MS.own : ADAPTIVE_GRACE_MS.others;
      this.#armCutTimer(block, Math.min(this.#submitter.gapMs, batchTimeoutMs) + grace);
    }
  }

  #armCutTimer(block: bigint, delayMs: number): void {
    const timer = setTimeout(() => {
      this.#askForCut();
      this.#armCutTimer(block, CUT_AGAIN_MS);
    }, delayMs);
    this.#cutTimer = { block, timer };
  }

  #clearCutTimer(): void {
    clearTimeout(this.#cutTimer?.timer);
    this.#cutTimer = undefined;
  }

  /** Counts once, whoever asks and however often. */
  #askForCut(): void {
    if (this.#state !== undefined) this.#submitter.askForCut(this.#state.tip.number + 1n);
  }

  #answered(): void {
    while (this.#roomWaiters.length > 0 && this.#submitter.waiting < this.#options.maxBacklogMessages) {
      this.#roomWaiters.shift()?.();
    }
  }
}
