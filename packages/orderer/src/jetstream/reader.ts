/**
 * Reads a shared stream in order and without gaps, from a given message on: mostly what the stream tells as it happens,
 * and direct reads for what was missed.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Bytes, equalBytes, type Logger, messageOf, sha256 } from "@hansa/primitives";
import type { SharedStream } from "./shared-stream.js";

/** Messages read at a time while catching up. */
const READ_AHEAD = 32;
/** Messages kept that came before their turn, and their bytes; what is beyond is read again later. */
const MAX_EARLY = 512;
const MAX_EARLY_BYTES = 32 * 1024 * 1024;
/** How long nothing is heard before the next message is asked for. */
const PROBE_AFTER_MS = 500;
const RETRY_MS = 50;
/** How long a message may be missing that should be there, before the stream is looked at as a whole. */
const MISSING_MS = 3_000;

export type ReaderEnd = "stopped" | "the stream has lost messages" | "the stream lacks messages" | "the stream is gone";

export class StreamReader {
  readonly #stream: SharedStream;
  readonly #logger: Logger;
  readonly #early = new Map<number, Bytes>();
  #earlyBytes = 0;
  /** The newest message that is known to be there. */
  #known: number;
  #read: number;
  #lastHash: Bytes | undefined;
  #mustVerify = false;
  #stopped = false;
  #wake: () => void = () => {};

  /** @param after the first message to come is the next one */
  constructor(stream: SharedStream, after: number, logger: Logger) {
    this.#stream = stream;
    this.#read = after;
    this.#known = after;
    this.#logger = logger;
  }

  /** The newest message that was handed on. */
  get position(): number {
    return this.#read;
  }

  /** The stream is known to reach this far. */
  expect(sequence: number): void {
    this.#known = Math.max(this.#known, sequence);
    this.#wake();
  }

  /** Something hints that the stream lost its end, or is not there any more. */
  doubt(): void {
    this.#mustVerify = true;
    this.#wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** Hands on every message, in order; settles when reading cannot go on. */
  async run(onMessage: (sequence: number, message: Bytes) => Promise<void> | undefined): Promise<ReaderEnd> {
    const unfollow = this.#stream.follow({
      message: (sequence, message) => this.#came(sequence, message),
      reconnected: () => this.doubt(),
    });
    try {
      let missingSince: number | undefined;
      for (;;) {
        if (this.#stopped) return "stopped";
        if (this.#mustVerify) {
          const end = await this.#verify();
          if (end !== undefined) return end;
        }
        const next = this.#early.get(this.#read + 1);
        if (next !== undefined) {
          missingSince = undefined;
          this.#early.delete(this.#read + 1);
          this.#earlyBytes -= next.length;
          this.#read++;
          this.#lastHash = sha256(next);
          const busy = onMessage(this.#read, next);
          if (busy !== undefined) await busy;
        } else if (this.#known > this.#read) {
          await this.#fetch();
          if (this.#early.has(this.#read + 1)) continue;
          missingSince ??= performance.now();
          if (performance.now() - missingSince > MISSING_MS) {
            missingSince = undefined;
            this.#mustVerify = true;
          } else await pause(RETRY_MS);
        } else if (!(await this.#woken())) await this.#probe();
      }
    } finally {
      unfollow();
    }
  }

  #came(sequence: number, message: Bytes): void {
    if (sequence <= this.#read) {
      this.doubt();
      return;
    }
    const hasRoom = this.#early.size < MAX_EARLY && this.#earlyBytes < MAX_EARLY_BYTES;
    if (sequence === this.#read + 1 || hasRoom) this.#keep(sequence, message);
    this.#known = Math.max(this.#known, sequence);
    this.#wake();
  }

  #keep(sequence: number, message: Bytes): void {
    if (this.#early.has(sequence)) return;
    this.#early.set(sequence, message);
    this.#earlyBytes += message.length;
  }

  /** Reads what is missing next, several at a time. */
  async #fetch(): Promise<void> {
    const wanted: number[] = [];
    for (let at = this.#read + 1; at <= this.#known && wanted.length < READ_AHEAD; at++) {
      if (!this.#early.has(at)) wanted.push(at);
    }
    const read = await Promise.all(
      wanted.map(async (sequence) => ({ sequence, message: await this.#tryRead(sequence) })),
    );
    for (const { sequence, message } of read) {
      if (message !== undefined && sequence > this.#read) this.#keep(sequence, message);
    }
  }

  /** Looks for one more message, in case that its coming was missed. */
  async #probe(): Promise<void> {
    const next = this.#read + 1;
    const message = await this.#tryRead(next);
    if (message !== undefined) this.#came(next, message);
  }

  async #tryRead(sequence: number): Promise<Bytes | undefined> {
    try {
      return await this.#stream.read(sequence);
    } catch (error) {
      this.#logger.debug("stream cannot be read", { sequence, reason: messageOf(error) });
      return undefined;
    }
  }

  /** Whether the stream still holds what was read last. Settles with an end when it does not. */
  async #verify(): Promise<ReaderEnd | undefined> {
    const message = this.#lastHash === undefined ? undefined : await this.#tryRead(this.#read);
    if (message === undefined || this.#lastHash === undefined) {
      const bounds = await this.#stream.bounds().catch(() => undefined);
      if (bounds?.isGone) return "the stream is gone";
      if (bounds !== undefined && bounds.last < this.#read) return "the stream has lost messages";
      if (bounds !== undefined && bounds.first > this.#read + 1) return "the stream lacks messages";
      if (bounds === undefined || this.#lastHash !== undefined) {
        // No leader to ask, or a server that is not up to date: asked again.
        await pause(RETRY_MS);
        return undefined;
      }
    } else if (!equalBytes(sha256(message), this.#lastHash)) return "the stream has lost messages";
    this.#mustVerify = false;
    return undefined;
  }

  /** Whether something happened before it was time to look. */
  #woken(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(false), PROBE_AFTER_MS);
      const settle = (happened: boolean) => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve(happened);
      };
      this.#wake = () => settle(true);
    });
  }
}
