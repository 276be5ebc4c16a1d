/**
 * One channel on this node: feeds the chain with messages and time, signs and appends the blocks it hands out, answers
 * the senders when those are durable, and wakes whoever follows.
 *
 * With batching "fabric" a batch may wait for seconds, and Fabric's clients are used to an answer before that. There the
 * message itself is made durable in the strand's intake and acknowledged; after a crash it is ordered from there.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { type JournalRecord, type JournalStrand, nextBlock, type StrandTip, tipAfter } from "@hansa/journal";
import type { SigningIdentity } from "@hansa/msp";
import {
  admit,
  type BlockDraft,
  type BroadcastMessage,
  type ChainInput,
  type ChainRules,
  type ChainStart,
  type ChainState,
  readBroadcast,
  sealBlock,
  startChain,
  step,
  wakeAt,
} from "@hansa/ordering";
import {
  assert,
  bytesKey,
  type Clock,
  type Logger,
  messageOf,
  type Random,
  sha256,
  type UnixMs,
} from "@hansa/primitives";
import { type common, Status } from "@hansa/wire";
import { blockResponse, Tail } from "./tail.js";

/** The answer to one broadcast message. */
export type Outcome = { readonly status: common.Status; readonly info: string };

const SUCCESS: Outcome = { status: Status.SUCCESS, info: "" };
const SIGNATURE_NONCE_BYTES = 24;
/** setTimeout takes no more. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

export type ChannelOptions = {
  readonly identity: SigningIdentity;
  readonly rules: Omit<ChainRules, "readmit">;
  readonly tailCacheBytes: number;
  readonly maxBacklogMessages: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
};

export class OrderedChannel {
  readonly channelId: string;
  readonly strand: JournalStrand;
  readonly #options: ChannelOptions;
  readonly #rules: ChainRules;
  readonly #tail: Tail;
  readonly #senders = new Map<number, (outcome: Outcome) => void>();
  /** Messages are acknowledged when the intake has them. */
  readonly #acknowledgesEarly: boolean;
  /** How many of the tickets so far, from 0 on, stand in the intake. */
  #intakeCount = 0;
  readonly #roomWaiters: (() => void)[] = [];
  readonly #followers = new Set<() => void>();
  #state: ChainState;
  /** The configuration in force at the newest durable block. */
  #config: ChannelConfig;
  #strandTip: StrandTip;
  #nextTicket = 0;
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #timerAt: UnixMs | undefined;
  #halted: string | undefined;
  #failed = false;

  constructor(strand: JournalStrand, start: ChainStart, options: ChannelOptions) {
    this.channelId = start.config.channelId;
    this.strand = strand;
    this.#options = options;
    this.#tail = new Tail(options.tailCacheBytes);
    this.#state = startChain(start);
    this.#config = start.config;
    this.#acknowledgesEarly = options.rules.batching === "fabric";
    this.#strandTip = strand.tip;
    this.#rules = {
      ...options.rules,
      readmit: (message, config, now) => admit(message, this.#admission(config, now)),
    };
    assert(strand.tip.size === Number(start.tip.number) + 1, "the chain starts elsewhere than the strand ends");
  }

  get config(): ChannelConfig {
    return this.#config;
  }

  /** How many blocks are durable. */
  get height(): number {
    return this.strand.tip.size;
  }

  /** The journal cannot be written any more; reading goes on for those who ask for the best there is. */
  get isFailed(): boolean {
    return this.#failed;
  }

  get isHalted(): boolean {
    return this.#halted !== undefined;
  }

  /** Judges a message and, when it is admitted, answers once its block is durable. */
  submit(message: BroadcastMessage, answer: (outcome: Outcome) => void): void {
    if (this.#halted !== undefined) {
      answer({ status: Status.SERVICE_UNAVAILABLE, info: this.#halted });
      return;
    }
    const now = this.#options.clock.now();
    const admitted = admit(message, this.#admission(this.#config, now));
    if (admitted.kind === "rejected") {
      this.#options.logger.warn("message refused", { txId: message.txId, reason: admitted.info });
      answer(admitted);
      return;
    }
    const ticket = this.#nextTicket++;
    if (this.#acknowledgesEarly) this.#takeIn(ticket, message, answer);
    else this.#senders.set(ticket, answer);
    this.#input({ kind: "submit", ticket, admitted }, now);
  }

  /** Orders what an earlier run acknowledged and did not bring into a block. To be called once, before any message. */
  async resume(): Promise<void> {
    const { left } = this.strand.intake;
    if (left.length === 0) return;
    const inBlocks = await this.#messagesSince(Math.min(...left.map(({ height }) => height)));
    this.#nextTicket = left.length;
    this.#intakeCount = left.length;
    const now = this.#options.clock.now();
    let resumed = 0;
    for (const [ticket, { message }] of left.entries()) {
      const hash = bytesKey(sha256(message));
      const times = inBlocks.get(hash) ?? 0;
      if (times > 0) {
        inBlocks.set(hash, times - 1);
        continue;
      }
      const read = readBroadcast(message);
      const admitted = read.kind === "rejected" ? read : admit(read, this.#admission(this.#config, now));
      if (admitted.kind === "rejected") {
        this.#options.logger.warn("acknowledged message given up", { reason: admitted.info });
        continue;
      }
      resumed++;
      this.#senders.set(ticket, (outcome) => this.#ended(outcome));
      this.#input({ kind: "submit", ticket, admitted }, now);
    }
    this.#settleIntake();
    this.#options.logger.info("acknowledged messages taken up again", { messages: resumed });
  }

  /** Settles when there is room for more messages. */
  room(): Promise<void> | undefined {
    if (this.#senders.size < this.#options.maxBacklogMessages) return undefined;
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /** The block as appended. */
  block(number: number): Promise<Uint8Array> {
    return this.strand.content(number);
  }

  /** The block as an encoded orderer.DeliverResponse; at once when it is recent. */
  response(number: number): Uint8Array | Promise<Uint8Array> {
    return this.#tail.response(number) ?? this.block(number).then(blockResponse);
  }

  /** Calls back after each append, and when the channel halts or fails. Returns how to end it. */
  follow(onChange: () => void): () => void {
    this.#followers.add(onChange);
    return () => this.#followers.delete(onChange);
  }

  /** Takes no more messages, writes what was admitted, and settles when that is done. */
  async halt(reason: string): Promise<void> {
    this.#halted ??= reason;
    await new Promise<void>((resolve) => {
      const check = () => {
        if (this.#senders.size > 0 && !this.#failed) {
          if (this.#state.writing.length === 0) this.#input({ kind: "flush" }, this.#options.clock.now());
          return;
        }
        stop();
        resolve();
      };
      const stop = this.follow(check);
      check();
    });
    this.#clearTimer();
    this.#notify();
  }

  #takeIn(ticket: number, message: BroadcastMessage, answer: (outcome: Outcome) => void): void {
    let isAnswered = false;
    const once = (outcome: Outcome) => {
      if (!isAnswered) answer(outcome);
      else this.#ended(outcome);
      isAnswered = true;
    };
    this.#senders.set(ticket, once);
    assert(ticket === this.#intakeCount, `ticket ${ticket} is entry ${this.#intakeCount} of the intake`);
    this.#intakeCount++;
    this.strand.intake.append({ message: message.raw, height: this.height }).then(
      () => once(SUCCESS),
      (error: unknown) => {
        if (!this.#failed) this.#fail(error);
      },
    );
  }

  /** The end of a message whose sender has had an answer. */
  #ended({ status, info }: Outcome): void {
    if (status === Status.SUCCESS) return;
    this.#options.logger.warn("acknowledged message given up", { reason: info });
  }

  #settleIntake(): void {
    if (this.#intakeCount === 0) return;
    const [oldest] = this.#senders.keys();
    this.strand.intake.settle(Math.min(oldest ?? this.#nextTicket, this.#intakeCount));
  }

  /** How often each message stands in the blocks from this one on, by its hash. */
  async #messagesSince(height: number): Promise<Map<string, number>> {
    const times = new Map<string, number>();
    for (let number = height; number < this.height; number++) {
      const { entryHashes } = await this.strand.block(number);
      for (const hash of entryHashes.slice(1)) times.set(bytesKey(hash), (times.get(bytesKey(hash)) ?? 0) + 1);
    }
    return times;
  }

  #admission(config: ChannelConfig, now: UnixMs) {
    return { config, now, orderer: this.#options.identity, random: this.#options.random };
  }

  #input(input: ChainInput, now: UnixMs): void {
    const { state, consequences } = step(this.#state, input, now, this.#rules);
    this.#state = state;
    for (const consequence of consequences) {
      switch (consequence.kind) {
        case "write":
          void this.#write(consequence.blocks, now);
          break;
        case "durable":
          for (const ticket of consequence.tickets) this.#answer(ticket, SUCCESS);
          break;
        case "refuse":
          this.#options.logger.warn("message refused by the new configuration", { reason: consequence.refusal.info });
          this.#answer(consequence.ticket, consequence.refusal);
          break;
      }
    }
    this.#settleIntake();
    this.#setTimer(now);
  }

  async #write(drafts: readonly BlockDraft[], now: UnixMs): Promise<void> {
    const { identity, random, logger } = this.#options;
    try {
      const records: JournalRecord[] = drafts.map((draft) => {
        const content = sealBlock(draft, identity, random.bytes(SIGNATURE_NONCE_BYTES));
        const { headerHash, envelopes } = draft;
        const block = nextBlock(this.#strandTip, {
          channelId: this.channelId,
          timestampMs: now,
          headerHash,
          envelopes,
        });
        assert(
          block.address.sequenceNo === Number(draft.number),
          `block ${draft.number} at ${block.address.sequenceNo}`,
        );
        this.#strandTip = tipAfter(block);
        return { block, content };
      });
      await this.strand.append(records);
      records.forEach(({ block, content }) => {
        this.#tail.push(block.address.sequenceNo, content);
      });
      this.#config = (drafts.at(-1) as BlockDraft).config;
      for (const { number, envelopes, config, lastConfigNumber } of drafts) {
        logger.debug("block written", { number, messages: envelopes.length });
        if (lastConfigNumber === number) logger.info("configuration changed", { number, sequence: config.sequence });
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#input({ kind: "written" }, this.#options.clock.now());
    while (this.#roomWaiters.length > 0 && this.#senders.size < this.#options.maxBacklogMessages) {
      this.#roomWaiters.shift()?.();
    }
    this.#notify();
  }

  #fail(error: unknown): void {
    this.#options.logger.error("channel stopped: its journal cannot be written", { reason: messageOf(error) });
    this.#failed = true;
    this.#halted = "chain is stopped: the journal cannot be written";
    this.#clearTimer();
    const outcome = { status: Status.SERVICE_UNAVAILABLE, info: this.#halted };
    for (const ticket of [...this.#senders.keys()]) this.#answer(ticket, outcome);
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
    this.#notify();
  }

  #answer(ticket: number, outcome: Outcome): void {
    const answer = this.#senders.get(ticket);
    assert(answer !== undefined, `nobody waits with ticket ${ticket}`);
    this.#senders.delete(ticket);
    answer(outcome);
  }

  #notify(): void {
    for (const onChange of [...this.#followers]) onChange();
  }

  #setTimer(now: UnixMs): void {
    if (this.#failed) return;
    const due = wakeAt(this.#state, now, this.#rules);
    if (due === this.#timerAt) return;
    this.#clearTimer();
    if (due === undefined) return;
    this.#timerAt = due;
    const wake = () => {
      this.#timer = undefined;
      this.#timerAt = undefined;
      this.#input({ kind: "time" }, this.#options.clock.now());
    };
    // At the end of this turn of the event loop, so that all that has arrived shares the block.
    if (due <= now) this.#timer = setImmediate(wake);
    else this.#timer = setTimeout(wake, Math.min(due - now, LONGEST_TIMER_MS));
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer as NodeJS.Timeout);
      clearImmediate(this.#timer as NodeJS.Immediate);
    }
    this.#timer = undefined;
    this.#timerAt = undefined;
  }
}
