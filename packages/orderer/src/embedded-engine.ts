/**
 * Ordering on this node alone: feeds the chain with messages and time, writes the blocks it hands out, and answers the
 * senders when those are durable.
 *
 * With batching "fabric" a batch may wait for seconds, and Fabric's clients are used to an answer before that. There the
 * message itself is made durable in the strand's intake and acknowledged; after a crash it is ordered from there.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import {
  admit,
  type BlockDraft,
  type BroadcastMessage,
  type ChainInput,
  type ChainRules,
  type ChainStart,
  type ChainState,
  readBroadcast,
  startChain,
  step,
  wakeAt,
} from "@hansa/ordering";
import { assert, bytesKey, sha256, type UnixMs } from "@hansa/primitives";
import { Status } from "@hansa/wire";
import type { BlockLog } from "./block-log.js";
import {
  type Answer,
  type EngineFactory,
  type EngineOptions,
  type OrderingEngine,
  type Outcome,
  SUCCESS,
} from "./engine.js";

/** setTimeout takes no more. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

/** The engine with these rules, for any channel. */
export function embeddedEngine(rules: Omit<ChainRules, "readmit">): EngineFactory {
  return (log, start, options) => new EmbeddedEngine(log, start, options, rules);
}

class EmbeddedEngine implements OrderingEngine {
  readonly #log: BlockLog;
  readonly #options: EngineOptions;
  readonly #rules: ChainRules;
  readonly #senders = new Map<number, Answer>();
  /** Messages are acknowledged when the intake has them. */
  readonly #acknowledgesEarly: boolean;
  /** How many of the tickets so far, from 0 on, stand in the intake. */
  #intakeCount = 0;
  readonly #roomWaiters: (() => void)[] = [];
  #state: ChainState;
  #nextTicket = 0;
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #timerAt: UnixMs | undefined;

  constructor(log: BlockLog, start: ChainStart, options: EngineOptions, rules: Omit<ChainRules, "readmit">) {
    this.#log = log;
    this.#options = options;
    this.#state = startChain(start);
    this.#acknowledgesEarly = rules.batching === "fabric";
    this.#rules = {
      ...rules,
      readmit: (message, config, now) => admit(message, this.#admission(config, now)),
    };
  }

  submit(message: BroadcastMessage, answer: Answer): void {
    const now = this.#options.clock.now();
    const admitted = admit(message, this.#admission(this.#log.config, now));
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

  /** Orders what an earlier run acknowledged and did not bring into a block. */
  async resume(): Promise<void> {
    const { left } = this.#log.strand.intake;
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
      const admitted = read.kind === "rejected" ? read : admit(read, this.#admission(this.#log.config, now));
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

  room(): Promise<void> | undefined {
    if (this.#senders.size < this.#options.maxBacklogMessages) return undefined;
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  async halt(): Promise<void> {
    await new Promise<void>((resolve) => {
      const check = () => {
        if (this.#senders.size > 0 && !this.#log.isFailed) {
          if (this.#state.writing.length === 0) this.#input({ kind: "flush" }, this.#options.clock.now());
          return;
        }
        stop();
        resolve();
      };
      const stop = this.#log.follow(check);
      check();
    });
    this.#clearTimer();
  }

  #takeIn(ticket: number, message: BroadcastMessage, answer: Answer): void {
    let isAnswered = false;
    const once = (outcome: Outcome) => {
      if (!isAnswered) answer(outcome);
      else this.#ended(outcome);
      isAnswered = true;
    };
    this.#senders.set(ticket, once);
    assert(ticket === this.#intakeCount, `ticket ${ticket} is entry ${this.#intakeCount} of the intake`);
    this.#intakeCount++;
    this.#log.strand.intake.append({ message: message.raw, height: this.#log.height }).then(
      () => once(SUCCESS),
      (error: unknown) => {
        if (!this.#log.isFailed) this.#fail(error);
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
    this.#log.strand.intake.settle(Math.min(oldest ?? this.#nextTicket, this.#intakeCount));
  }

  /** How often each message stands in the blocks from this one on, by its hash. */
  async #messagesSince(height: number): Promise<Map<string, number>> {
    const times = new Map<string, number>();
    for (let number = height; number < this.#log.height; number++) {
      const { entryHashes } = await this.#log.strand.block(number);
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
    try {
      await this.#log.write(drafts.map((draft) => ({ draft, timestampMs: now })));
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#input({ kind: "written" }, this.#options.clock.now());
    while (this.#roomWaiters.length > 0 && this.#senders.size < this.#options.maxBacklogMessages) {
      this.#roomWaiters.shift()?.();
    }
    this.#log.notify();
  }

  #fail(error: unknown): void {
    this.#log.fail("the journal cannot be written", error);
    this.#clearTimer();
    const outcome = { status: Status.SERVICE_UNAVAILABLE, info: this.#log.haltReason ?? "" };
    for (const ticket of [...this.#senders.keys()]) this.#answer(ticket, outcome);
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
    this.#log.notify();
  }

  #answer(ticket: number, outcome: Outcome): void {
    const answer = this.#senders.get(ticket);
    assert(answer !== undefined, `nobody waits with ticket ${ticket}`);
    this.#senders.delete(ticket);
    answer(outcome);
  }

  #setTimer(now: UnixMs): void {
    if (this.#log.isFailed) return;
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
