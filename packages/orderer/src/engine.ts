/**
 * What puts a channel's messages in order. The embedded engine orders on this node alone; the JetStream engine shares
 * the order with other nodes. What lies above, Broadcast, Deliver, participation and the journal, knows only this.
 */
import type { SigningIdentity } from "@hansa/msp";
import type { BroadcastMessage, ChainStart } from "@hansa/ordering";
import type { Clock, Logger, Random } from "@hansa/primitives";
import { type common, Status } from "@hansa/wire";
import type { BlockLog } from "./block-log.js";

/** The answer to one broadcast message. */
export type Outcome = { readonly status: common.Status; readonly info: string };

export type Answer = (outcome: Outcome) => void;

export const SUCCESS: Outcome = { status: Status.SUCCESS, info: "" };

/** Orders the messages of one channel and writes its blocks to the log. */
export interface OrderingEngine {
  /** Judges a message and, when it is admitted, answers once it is as safe as the engine promises. */
  submit(message: BroadcastMessage, answer: Answer): void;

  /** Takes up what an earlier run left. To be called once, before any message. */
  resume(): Promise<void>;

  /** Settles when there is room for more messages; undefined when there is. */
  room(): Promise<void> | undefined;

  /** After the log was halted: brings what was admitted into blocks as far as that can be done, and answers it. */
  halt(): Promise<void>;
}

export type EngineOptions = {
  readonly identity: SigningIdentity;
  readonly maxBacklogMessages: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
};

/** Makes the engine of one channel. */
export type EngineFactory = (log: BlockLog, start: ChainStart, options: EngineOptions) => OrderingEngine;
