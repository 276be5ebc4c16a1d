/**
 * Brings this node's messages into a shared stream: gathers them into records, one on its way at a time, publishes a
 * record until it is met in the stream, and keeps who waits for which message.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { SigningIdentity } from "@hansa/msp";
import {
  type Admitted,
  arrived,
  type Batching,
  type BatchLimits,
  DEFAULT_PACE,
  gapMs,
  type IgnoreReason,
  type ItemRef,
  type Pace,
  type PaceSettings,
  RECORD_ID_BYTES,
  RECORD_WINDOW,
  RESTED,
  type RecordBody,
  signRecord,
  woken,
} from "@hansa/ordering";
import {
  assert,
  type Bytes,
  bytesKey,
  type Clock,
  type Logger,
  messageOf,
  type Random,
  toHex,
  type UnixMs,
} from "@hansa/primitives";
import { Status } from "@hansa/wire";
import { type Answer, type Outcome, SUCCESS } from "../engine.js";
import type { StreamReader } from "./reader.js";
import type { SharedStream } from "./shared-stream.js";

/** How long a sender waits for messages that do not get into the stream. */
const PLACE_WITHIN_MS = 15_000;
const SWEEP_EVERY_MS = 500;
const RETRY_MS = 50;
/** Once an answer did not come, the stream has no leader perhaps: soon asked again, for it will have one any moment. */
const RETRY_TIMEOUT_MS = 300;
/** Per message of a record and per record, beside the envelopes: tags, lengths, identity, signature. */
const ITEM_OVERHEAD_BYTES = 32;
const RECORD_OVERHEAD_BYTES = 8 * 1024;

/** What is said while nothing else is known of why. */
export const AWAY = "the ordering engine cannot be reached";

const NOT_AN_ORDERER: Outcome = {
  status: Status.SERVICE_UNAVAILABLE,
  info: "the channel does not accept this node's certificate as an orderer's",
};

/** What a record carries of a message. A configuration comes alone. */
type Submittable = Pick<Admitted, "kind" | "envelope" | "sequence">;

export type Sender = { readonly admitted: Submittable; readonly answer: Answer };

type Waiting<S extends Sender> = { readonly sender: S; readonly since: number; answered: boolean };

type OwnRecord<S extends Sender> = {
  readonly items: readonly Waiting<S>[];
  readonly afterSequence: number;
  /** The stream has it, and it counted. */
  isPlaced: boolean;
};

export type SubmitterOptions = {
  readonly identity: SigningIdentity;
  readonly batching: Batching;
  /** As it is to be now; `DEFAULT_PACE` when absent. */
  readonly pace: (() => PaceSettings) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
};

/** Where records go; absent while the stream cannot be written. */
export type Outlet = { readonly stream: SharedStream; readonly reader: StreamReader };

export class Submitter<S extends Sender> {
  readonly #options: SubmitterOptions;
  readonly #records = new Map<string, OwnRecord<S>>();
  readonly #queue: Waiting<S>[] = [];
  #outlet: Outlet | undefined;
  #limits: BatchLimits = { maxMessageCount: 1, preferredMaxBytes: 0 };
  #inFlight: string | undefined;
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #pace: Pace = RESTED;
  #lastPublishAt = 0;
  #waitingCount = 0;
  #onAnswered: () => void = () => {};
  /** Why records do not get into the stream, in words, while they do not. */
  trouble: string | undefined;
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: SubmitterOptions) {
    this.#options = options;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_EVERY_MS);
    this.#sweeper.unref();
  }

  /** How many wait for an answer. */
  get waiting(): number {
    return this.#waitingCount;
  }

  /** Calls back whenever somebody was answered. */
  set onAnswered(callback: () => void) {
    this.#onAnswered = callback;
  }

  /** The largest envelope that a record can carry. */
  maxEnvelopeBytes(stream: SharedStream): number {
    return stream.maxMessageBytes - RECORD_OVERHEAD_BYTES - ITEM_OVERHEAD_BYTES;
  }

  /** How long messages should gather, as busy as the channel is now; ms. */
  get gapMs(): number {
    return gapMs(this.#pace, this.#now(), this.#options.pace?.() ?? DEFAULT_PACE);
  }

  /** Messages came by way of other orderers: they fill the same blocks. */
  heard(messages: number): void {
    for (let i = 0; i < messages; i++) this.#arrived();
  }

  submit(sender: S): void {
    this.#waitingCount++;
    this.#arrived();
    this.#queue.push({ sender, since: performance.now(), answered: false });
    this.#schedule();
  }

  /** A record holds no more than a block should. */
  limit({ maxMessageCount, preferredMaxBytes }: BatchLimits): void {
    this.#limits = { maxMessageCount, preferredMaxBytes };
  }

  open(outlet: Outlet): void {
    this.trouble = undefined;
    this.#outlet = outlet;
    this.#schedule();
  }

  /** The stream's history is in doubt: nobody can say what became of the messages on their way. */
  close(outcome: Outcome): void {
    this.#outlet = undefined;
    this.#clearTimer();
    for (const { items } of this.#records.values()) for (const item of items) this.#answer(item, outcome);
    this.#records.clear();
    this.#inFlight = undefined;
  }

  /** Nobody waits any more. */
  end(outcome: Outcome): void {
    this.close(outcome);
    for (const item of this.#queue.splice(0)) this.#answer(item, outcome);
    clearInterval(this.#sweeper);
  }

  /** Whether the message is one of this node's. */
  isOwn(ref: ItemRef): boolean {
    return this.#records.has(ref.recordId);
  }

  /** The stream was applied up to here. A record that was not met would be ignored from here on, wherever it comes. */
  advanced(sequence: number): void {
    for (const [id, record] of this.#records) {
      if (!record.isPlaced && sequence > record.afterSequence + RECORD_WINDOW) this.#again(id, record);
    }
  }

  /** The stream has the record, and it counts. @returns whether it is one of this node's */
  placed(recordId: string): boolean {
    const record = this.#records.get(recordId);
    if (record === undefined) return false;
    record.isPlaced = true;
    this.#landed(recordId);
    return true;
  }

  /** The stream has the record, and it does not count. */
  ignored(recordId: string, reason: IgnoreReason): void {
    const record = this.#records.get(recordId);
    if (record === undefined || record.isPlaced) return;
    if (reason === "not signed by an orderer") {
      // Sending it again would not help.
      for (const item of record.items) this.#answer(item, NOT_AN_ORDERER);
    }
    this.#again(recordId, record);
  }

  /** The message is in a durable block, or refused. */
  settle({ recordId, index }: ItemRef, outcome: Outcome = SUCCESS): void {
    const record = this.#records.get(recordId);
    const item = record?.items[index];
    if (record === undefined || item === undefined) return;
    this.#answer(item, outcome);
    if (record.isPlaced && record.items.every(({ answered }) => answered)) this.#records.delete(recordId);
  }

  /** The sender of a message of this node that is not ordered and may be sent again. */
  take({ recordId, index }: ItemRef): S | undefined {
    const item = this.#records.get(recordId)?.items[index];
    if (item === undefined || item.answered) return undefined;
    item.answered = true;
    this.#waitingCount--;
    return item.sender;
  }

  /** What is pending for this block need not wait for company. Of no consequence when it was cut meanwhile. */
  askForCut(blockNumber: bigint): void {
    const outlet = this.#outlet;
    if (outlet === undefined) return;
    const id = this.#options.random.bytes(RECORD_ID_BYTES);
    const message = this.sign(id, outlet, { kind: "cut", blockNumber });
    outlet.stream.publish(message, toHex(id)).then(
      (sequence) => outlet.reader.expect(sequence),
      (error: unknown) => this.#options.logger.debug("cut not acknowledged", { reason: messageOf(error) }),
    );
  }

  #again(id: string, { items }: OwnRecord<S>): void {
    this.#records.delete(id);
    this.#queue.unshift(...items.filter(({ answered }) => !answered));
    this.#landed(id);
  }

  #landed(id: string): void {
    if (this.#inFlight !== id) return;
    this.#inFlight = undefined;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#outlet === undefined || this.#inFlight !== undefined || this.#queue.length === 0) return;
    if (this.#timer !== undefined) return;
    const now = this.#now();
    const gap = this.#options.batching === "adaptive" ? this.gapMs : 0;
    const due = Math.max(now, this.#lastPublishAt + gap);
    const publish = () => {
      this.#timer = undefined;
      this.#pace = woken(this.#pace, this.#now() - due);
      this.#publishNext();
    };
    // At the end of this turn of the event loop, so that all that has arrived shares the record.
    this.#timer = due <= now ? setImmediate(publish) : setTimeout(publish, due - now);
  }

  #publishNext(): void {
    const outlet = this.#outlet;
    if (outlet === undefined || this.#inFlight !== undefined) return;
    const items = this.#nextItems(this.maxEnvelopeBytes(outlet.stream));
    if (items.length === 0) return;
    const { batching, random } = this.#options;
    this.#lastPublishAt = this.#now();
    const id = random.bytes(RECORD_ID_BYTES);
    const afterSequence = outlet.reader.position;
    const submitted = items.map(({ sender: { admitted } }) => ({
      envelope: admitted.envelope,
      configSequence: admitted.sequence,
      isConfig: admitted.kind === "config",
    }));
    const cutAfterMs = batching === "adaptive" ? this.gapMs : undefined;
    const body: RecordBody = { kind: "submission", items: submitted, cutAfterMs };
    const key = bytesKey(id);
    this.#records.set(key, { items, afterSequence, isPlaced: false });
    this.#inFlight = key;
    void this.#publish(outlet, key, this.sign(id, outlet, body), toHex(id));
  }

  /** A record of this node, ready to be published there. */
  sign(id: Bytes, { stream, reader }: Outlet, body: RecordBody): Bytes {
    const fields = { id, streamId: stream.id, afterSequence: reader.position, timestampMs: this.#now(), body };
    return signRecord(fields, this.#options.identity);
  }

  /** What goes into the next record: a configuration alone, others as many as fit. */
  #nextItems(streamBytes: number): Waiting<S>[] {
    const { maxMessageCount, preferredMaxBytes } = this.#limits;
    const maxBytes = Math.min(preferredMaxBytes, streamBytes);
    const items: Waiting<S>[] = [];
    let bytes = 0;
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || items.length >= maxMessageCount) break;
      const size = next.sender.admitted.envelope.length + ITEM_OVERHEAD_BYTES;
      const isConfig = next.sender.admitted.kind === "config";
      if (items.length > 0 && (isConfig || bytes + size > maxBytes)) break;
      this.#queue.shift();
      if (next.answered) continue;
      items.push(next);
      bytes += size;
      if (isConfig) break;
    }
    return items;
  }

  async #publish(outlet: Outlet, key: string, message: Bytes, messageId: string): Promise<void> {
    const record = this.#records.get(key);
    assert(record !== undefined, "a record that nobody knows");
    const isWanted = () => this.#records.has(key) && !record.isPlaced && record.items.some(({ answered }) => !answered);
    let timeoutMs: number | undefined;
    while (this.#outlet === outlet && isWanted()) {
      try {
        const sequence = await outlet.stream.publish(message, messageId, timeoutMs);
        this.trouble = undefined;
        if (sequence <= record.afterSequence) outlet.reader.doubt();
        outlet.reader.expect(sequence);
        break;
      } catch (error) {
        if (this.#outlet !== outlet || !isWanted()) break;
        this.trouble = messageOf(error);
        this.#options.logger.debug("record not acknowledged, sent again", { reason: this.trouble });
        // The stream may be no more what it was when it was opened.
        outlet.reader.doubt();
        timeoutMs = RETRY_TIMEOUT_MS;
        await pause(RETRY_MS);
      }
    }
    // Acknowledged: the next may go. What is not met in the stream is found out by `advanced`.
    if (this.#outlet === outlet) this.#landed(key);
  }

  #sweep(): void {
    const before = performance.now() - PLACE_WITHIN_MS;
    const unavailable = (info: string): Outcome => ({ status: Status.SERVICE_UNAVAILABLE, info });
    const reason = this.trouble ?? AWAY;
    const waiting = this.#waitingCount;
    const [unsent, unplaced] = [
      `${reason}; the message was not ordered`,
      `${reason}; the message may still be ordered`,
    ];
    for (const item of this.#queue) if (item.since < before) this.#answer(item, unavailable(unsent));
    while (this.#queue[0]?.answered) this.#queue.shift();
    for (const [id, { items, isPlaced }] of this.#records) {
      if (!isPlaced) for (const item of items) if (item.since < before) this.#answer(item, unavailable(unplaced));
      if (items.every(({ answered }) => answered) && this.#inFlight !== id) this.#records.delete(id);
    }
    const messages = waiting - this.#waitingCount;
    if (messages > 0) this.#options.logger.warn("messages not ordered in time", { messages, reason });
  }

  #answer(item: Waiting<S>, outcome: Outcome): void {
    if (item.answered) return;
    item.answered = true;
    this.#waitingCount--;
    assert(this.#waitingCount >= 0, "more answers than senders");
    item.sender.answer(outcome);
    this.#onAnswered();
  }

  #arrived(): void {
    this.#pace = arrived(this.#pace, this.#now(), this.#options.pace?.() ?? DEFAULT_PACE);
  }

  #now(): UnixMs {
    return this.#options.clock.now();
  }

  #clearTimer(): void {
    clearTimeout(this.#timer as NodeJS.Timeout);
    clearImmediate(this.#timer as NodeJS.Immediate);
    this.#timer = undefined;
  }
}
