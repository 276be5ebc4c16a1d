/**
 * One strand's way along its shared stream: reads it to its end, publishes again what the stream has lost and the
 * journal still has, and then lets this node's own messages in. All that once more whenever it cannot go on as it is.
 */
import { setTimeout as pause } from "node:timers/promises";
import { RECORD_ID_BYTES, type RecordBody } from "@hansa/ordering";
import { HansaError, type Logger, messageOf, type Random, toHex } from "@hansa/primitives";
import { Status } from "@hansa/wire";
import type { Outcome } from "../engine.js";
import { StreamReader } from "./reader.js";
import type { SharedStream } from "./shared-stream.js";
import { HistoryError } from "./start.js";
import type { Outlet, Sender, Submitter } from "./submitter.js";

const RETRY_MS = 200;
const POLL_MS = 5;

const IN_DOUBT: Outcome = {
  status: Status.SERVICE_UNAVAILABLE,
  info: "the ordering engine has lost messages; this one may be among them",
};

/** Why a strand can neither be served nor mended: for the log and those who ask. */
export const OTHER_HISTORY = "the ordering engine has another history than the journal";

/** Where a strand and its stream meet. */
export type SessionStart = {
  /** The newest message that the strand includes. */
  readonly after: number;
  /** The stream's end when it was looked at. */
  readonly last: number;
  /** The newest block that the stream led to; for the log. */
  readonly knownBlock: number;
};

/** What a session asks of its strand. */
export type SessionStrand = {
  open(): Promise<SharedStream>;
  /** Finds where to begin, and begins there. @throws HistoryError */
  start(stream: SharedStream): Promise<SessionStart>;
  /** Takes the next message; settles when there is room for more. */
  apply(sequence: number, message: Uint8Array): Promise<void> | undefined;
  /** How many of the journal's newest blocks the stream has not led to. */
  missing(): number;
  /** The oldest of these, to be published. */
  restored(): Promise<RecordBody>;
  /** Reading has ended, for now or for good. */
  ended(): void;
  /** Nothing can go on here. */
  failed(reason: string, error: unknown): void;
};

export type SessionOptions = {
  readonly submitter: Pick<Submitter<Sender>, "open" | "close" | "sign" | "trouble">;
  readonly random: Random;
  readonly logger: Logger;
};

export class StreamSession {
  readonly #strand: SessionStrand;
  readonly #options: SessionOptions;
  #outlet: Outlet | undefined;
  #isOpen = false;
  #stopped = false;

  constructor(strand: SessionStrand, options: SessionOptions) {
    this.#strand = strand;
    this.#options = options;
  }

  /** The stream, once it was read to its end and holds all that the journal holds. */
  get outlet(): Outlet | undefined {
    return this.#isOpen ? this.#outlet : undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.#outlet?.reader.stop();
  }

  /** Settles when it was stopped or has failed. */
  async run(): Promise<void> {
    const { logger } = this.#options;
    let complaint: string | undefined;
    while (!this.#stopped) {
      try {
        const stream = await this.#strand.open();
        const start = await this.#strand.start(stream);
        complaint = undefined;
        await this.#follow(stream, start);
      } catch (error) {
        if (this.#stopped) return;
        if (error instanceof HistoryError) {
          this.#strand.failed(OTHER_HISTORY, error);
          return;
        }
        // Said once for each reason, not five times a second.
        const next = error instanceof HansaError && error.nextStep !== undefined ? { next: error.nextStep } : {};
        const reason = messageOf(error);
        if (reason !== complaint) logger.warn("ordering engine not ready", { reason, ...next });
        complaint = reason;
        this.#options.submitter.trouble = reason;
        await pause(RETRY_MS);
      }
    }
  }

  /** Reads the stream until that cannot go on as it is. */
  async #follow(stream: SharedStream, { after, last, knownBlock }: SessionStart): Promise<void> {
    const { logger, submitter } = this.#options;
    const reader = new StreamReader(stream, after, logger);
    reader.expect(last);
    const outlet = { stream, reader };
    this.#outlet = outlet;
    logger.info("stream followed", { after, until: last, block: knownBlock });
    const opening = this.#open(outlet, last);
    try {
      if (this.#stopped) reader.stop();
      const end = await reader.run((sequence, message) => this.#strand.apply(sequence, message));
      if (end === "the stream lacks messages") throw new HistoryError("STREAM_TRIMMED", end);
      if (end !== "stopped") logger.error(end, { after: reader.position });
    } finally {
      this.#outlet = undefined;
      this.#isOpen = false;
      reader.stop();
      this.#strand.ended();
      submitter.close(IN_DOUBT);
      await opening;
    }
  }

  /** Lets messages in when the stream was read to its end and holds all that the journal holds. */
  async #open(outlet: Outlet, last: number): Promise<void> {
    const { logger, submitter } = this.#options;
    const isOver = () => this.#outlet !== outlet;
    const reached = async (sequence: number) => {
      while (outlet.reader.position < sequence && !isOver()) await pause(POLL_MS);
    };
    await reached(last);
    const blocks = isOver() ? 0 : this.#strand.missing();
    if (blocks > 0) logger.warn("stream is shorter than the journal: blocks are published again", { blocks });
    while (!isOver() && this.#strand.missing() > 0) {
      try {
        await reached(await this.#publish(outlet, await this.#strand.restored()));
      } catch (error) {
        logger.warn("block not published again yet", { reason: messageOf(error) });
        await pause(RETRY_MS);
      }
    }
    if (isOver()) return;
    this.#isOpen = true;
    submitter.open(outlet);
  }

  async #publish(outlet: Outlet, body: RecordBody): Promise<number> {
    const { random, submitter } = this.#options;
    const id = random.bytes(RECORD_ID_BYTES);
    const sequence = await outlet.stream.publish(submitter.sign(id, outlet, body), toHex(id));
    outlet.reader.expect(sequence);
    return sequence;
  }
}
