/** One channel on this node: its blocks, and the engine that orders its messages. */
import type { ChannelConfig } from "@hansa/channel-config";
import type { JournalStrand } from "@hansa/journal";
import type { ChainMetrics } from "@hansa/operations";
import type { BroadcastMessage, ChainStart } from "@hansa/ordering";
import { assert } from "@hansa/primitives";
import { Status } from "@hansa/wire";
import { BlockLog } from "./block-log.js";
import type { Answer, EngineFactory, EngineOptions, OrderingEngine } from "./engine.js";

export type ChannelOptions = EngineOptions & {
  readonly engine: EngineFactory;
  readonly tailCacheBytes: number;
  readonly meter?: ChainMetrics;
  readonly onConfig?: (config: ChannelConfig) => void;
};

export class OrderedChannel {
  readonly channelId: string;
  readonly strand: JournalStrand;
  readonly #log: BlockLog;
  readonly #engine: OrderingEngine;

  constructor(strand: JournalStrand, start: ChainStart, options: ChannelOptions) {
    assert(strand.tip.size === Number(start.tip.number) + 1, "the chain starts elsewhere than the strand ends");
    this.channelId = start.config.channelId;
    this.strand = strand;
    this.#log = new BlockLog(strand, start.config, options);
    this.#engine = options.engine(this.#log, start, options);
  }

  /** The configuration in force at the newest durable block. */
  get config(): ChannelConfig {
    return this.#log.config;
  }

  /** How many blocks are durable. */
  get height(): number {
    return this.#log.height;
  }

  /** Nothing can be written any more; reading goes on for those who ask for the best there is. */
  get isFailed(): boolean {
    return this.#log.isFailed;
  }

  get isHalted(): boolean {
    return this.#log.haltReason !== undefined;
  }

  /** Judges a message and, when it is admitted, answers once it is as safe as the engine promises. */
  submit(message: BroadcastMessage, answer: Answer): void {
    const { haltReason } = this.#log;
    if (haltReason !== undefined) answer({ status: Status.SERVICE_UNAVAILABLE, info: haltReason });
    else this.#engine.submit(message, answer);
  }

  /** A message was admitted at this `performance.now()`: tells how long its block was filled. */
  noteAccepted(at: number): void {
    this.#log.noteAccepted(at);
  }

  /** Takes up what an earlier run left. To be called once, before any message. */
  resume(): Promise<void> {
    return this.#engine.resume();
  }

  /** Settles when there is room for more messages. */
  room(): Promise<void> | undefined {
    return this.#engine.room();
  }

  /** The block as appended. */
  block(number: number): Promise<Uint8Array> {
    return this.#log.block(number);
  }

  /** The block as an encoded orderer.DeliverResponse; at once when it is recent. */
  response(number: number): Uint8Array | Promise<Uint8Array> {
    return this.#log.response(number);
  }

  /** Calls back after each append, and when the channel halts or fails. Returns how to end it. */
  follow(onChange: () => void): () => void {
    return this.#log.follow(onChange);
  }

  /** Takes no more messages, writes what was admitted, and settles when that is done. */
  async halt(reason: string): Promise<void> {
    this.#log.halt(reason);
    await this.#engine.halt();
    this.#log.notify();
  }
}
