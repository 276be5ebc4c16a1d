/** Streams in memory that fail on purpose, as their seed says; for this folder's tests. */
import { setTimeout as pause } from "node:timers/promises";
import type { Bytes } from "@hansa/primitives";
import type { SharedStream, StreamFollower, StreamSource } from "./shared-stream.js";

/** How often each thing goes wrong, from 0 to 1. */
export type StreamFaults = {
  /** A message is appended and its sender told of a failure. */
  readonly lostAck: number;
  /** A message is not appended and its sender told of a failure. */
  readonly lostMessage: number;
  readonly appendedTwice: number;
  /** A follower is not told of a message. */
  readonly missed: number;
  /** A message cannot be read for once. */
  readonly unread: number;
  /** Every call takes up to this long. */
  readonly delayMs: number;
};

export const NO_FAULTS: StreamFaults = {
  lostAck: 0,
  lostMessage: 0,
  appendedTwice: 0,
  missed: 0,
  unread: 0,
  delayMs: 0,
};

/** The servers. Every orderer has its own `source`. */
export class TestStreams {
  readonly streams = new Map<string, Bytes[]>();
  faults: StreamFaults;
  isDown = false;
  #seed: number;
  readonly #followers = new Map<string, Set<StreamFollower>>();

  constructor(seed: number, faults: StreamFaults = NO_FAULTS) {
    this.#seed = seed;
    this.faults = faults;
  }

  /** @param isAlive whether the orderer that uses it still runs */
  source(isAlive: () => boolean = () => true): StreamSource {
    const open = async (id: string) => this.#open(id, isAlive);
    return {
      open,
      find: async (id) => {
        if (this.isDown) throw new Error("no servers");
        return this.streams.has(id) ? open(id) : undefined;
      },
      close: async () => {},
    };
  }

  /** The servers lose all messages after this one, and everybody's connection breaks. */
  truncate(strandId: string, last: number): void {
    this.streams.get(strandId)?.splice(last);
    for (const follower of this.#followers.get(strandId) ?? []) follower.reconnected();
  }

  /** An administrator deletes a stream; nobody is told. */
  remove(strandId: string): void {
    this.streams.delete(strandId);
    this.#followers.delete(strandId);
  }

  /** From 0 to below 1; the same for the same seed. Source: mulberry32, public domain. */
  chance(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let x = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }

  #open(strandId: string, isAlive: () => boolean): SharedStream {
    if (this.isDown) throw new Error("no servers");
    const messages = this.streams.get(strandId) ?? [];
    this.streams.set(strandId, messages);
    const followers = this.#followers.get(strandId) ?? new Set();
    this.#followers.set(strandId, followers);
    const call = async () => {
      if (this.faults.delayMs > 0) await pause(this.chance() * this.faults.delayMs);
      if (this.isDown) throw new Error("no servers");
      if (!isAlive()) throw new Error("this orderer is dead");
    };
    const isGone = () => this.streams.get(strandId) !== messages;
    const append = (message: Bytes) => {
      const sequence = messages.push(message);
      for (const follower of followers) {
        if (this.chance() >= this.faults.missed) setImmediate(() => follower.message(sequence, message));
      }
      return sequence;
    };
    return {
      id: strandId,
      maxMessageBytes: 1024 * 1024,
      publish: async (message) => {
        await call();
        if (isGone()) throw new Error("no responders");
        if (this.chance() < this.faults.lostMessage) throw new Error("lost");
        const sequence = append(Buffer.from(message));
        if (this.chance() < this.faults.appendedTwice) append(Buffer.from(message));
        if (this.chance() < this.faults.lostAck) throw new Error("not acknowledged");
        return sequence;
      },
      read: async (sequence) => {
        await call();
        return isGone() || this.chance() < this.faults.unread ? undefined : messages[sequence - 1];
      },
      bounds: async () => {
        await call();
        return isGone() ? { first: 1, last: 0, isGone: true } : { first: 1, last: messages.length };
      },
      follow: (follower) => {
        followers.add(follower);
        return () => followers.delete(follower);
      },
    };
  }
}
