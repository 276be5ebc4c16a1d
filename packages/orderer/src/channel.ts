/**
 * One channel on this node: feeds the chain with messages and time, signs and appends the blocks it hands out, answers
 * the senders when those are durable, and wakes whoever follows.
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
  sealBlock,
  startChain,
  step,
  wakeAt,
} from "@hansa/ordering";
import { assert, type Clock, type Logger, messageOf, type Random, type UnixMs } from "@hansa/primitives";
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
    this.#senders.set(ticket, answer);
    this.#input({ kind: "submit", ticket, admitted }, now);
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
