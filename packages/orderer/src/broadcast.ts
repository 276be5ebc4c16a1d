/**
 * AtomicBroadcast.Broadcast: messages in, one answer each, in order. The stream ends at the first answer other than
 * SUCCESS. Messages of one stream are accepted without waiting for the answers before them, so that they can share a
 * block; a slow reader of answers, or a full backlog, slows the reading of messages down.
 * Source: hyperledger/fabric, orderer/common/broadcast/broadcast.go.
 */
import { readBroadcast, unknownChannel } from "@hansa/ordering";
import { type BidiHandler, GrpcStatus, type Incoming, RpcStatus, type Send } from "@hansa/transport";
import { encode, orderer, Status, WireError } from "@hansa/wire";
import type { OrderedChannel } from "./channel.js";
import type { Outcome } from "./engine.js";
import type { OrdererMeasures } from "./measures.js";

/** Answers outstanding on one stream before its next message is read. */
const STREAM_WINDOW = 1_000;

export type Channels = { get(channelId: string): OrderedChannel | undefined };

export function broadcastHandler(channels: Channels, measures: OrdererMeasures): BidiHandler {
  return (incoming, _context, send) => new BroadcastStream(channels, measures, send).run(incoming);
}

class BroadcastStream {
  readonly #channels: Channels;
  readonly #measures: OrdererMeasures;
  readonly #send: Send;
  /** One slot per message, oldest first; undefined until its answer is known. */
  readonly #slots: { outcome: Outcome | undefined }[] = [];
  #ended = false;
  #readError: Error | undefined;
  #sendBlocked: Promise<void> | undefined;
  #change: () => void = () => {};

  constructor(channels: Channels, measures: OrdererMeasures, send: Send) {
    this.#channels = channels;
    this.#measures = measures;
    this.#send = send;
  }

  async run(incoming: Incoming): Promise<void> {
    let allRead = false;
    const reading = this.#read(incoming).then(
      () => {
        allRead = true;
        this.#change();
      },
      (error: Error) => {
        allRead = true;
        this.#readError = error;
        this.#change();
      },
    );
    // The answers go out as they become known; this only waits for the end.
    while (!this.#ended && !(allRead && this.#slots.length === 0)) await this.#changed();
    await this.#sendBlocked;
    if (!this.#ended) await reading;
    if (!this.#ended && this.#readError !== undefined) throw this.#readError;
  }

  #read(incoming: Incoming): Promise<void> {
    return new Promise((resolve, reject) => {
      incoming.subscribe(
        (raw) => (this.#ended ? undefined : this.#roomAfter(this.#accept(raw))),
        (error) => (error === undefined ? resolve() : reject(error)),
      );
    });
  }

  /** Undefined when the next message may come at once. */
  #roomAfter(channel: OrderedChannel | undefined): Promise<void> | undefined {
    const full = channel?.room();
    if (full === undefined && this.#sendBlocked === undefined && this.#slots.length < STREAM_WINDOW) return undefined;
    return this.#untilRoom(full);
  }

  async #untilRoom(full: Promise<void> | undefined): Promise<void> {
    await full;
    await this.#sendBlocked;
    while (this.#slots.length >= STREAM_WINDOW && !this.#ended) await this.#changed();
  }

  /** Takes one message; its answer comes now or later. */
  #accept(raw: Uint8Array): OrderedChannel | undefined {
    const message = readMessage(raw);
    const slot: { outcome: Outcome | undefined } = { outcome: undefined };
    this.#slots.push(slot);
    return submit(this.#channels, this.#measures, message, (outcome) => {
      slot.outcome = outcome;
      this.#flush();
    });
  }

  #flush(): void {
    while (!this.#ended) {
      const outcome = this.#slots[0]?.outcome;
      if (outcome === undefined) break;
      this.#slots.shift();
      const blocked = this.#send(encode(orderer.BroadcastResponse, outcome));
      if (blocked !== undefined) {
        this.#sendBlocked = blocked.then(() => {
          this.#sendBlocked = undefined;
        });
      }
      if (outcome.status !== Status.SUCCESS) this.#ended = true;
    }
    this.#change();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#change;
      this.#change = () => {
        this.#change = () => {};
        before();
        resolve();
      };
    });
  }
}

/** One message without a stream around it: for callers in the same process. */
export function broadcastOne(channels: Channels, measures: OrdererMeasures, raw: Uint8Array): Promise<Outcome> {
  return new Promise((resolve) => {
    submit(channels, measures, readMessage(raw), ({ status, info }) => resolve({ status, info }));
  });
}

/** Returns the channel that took the message, if one did. */
function submit(
  channels: Channels,
  measures: OrdererMeasures,
  message: ReturnType<typeof readBroadcast>,
  answer: (outcome: Outcome) => void,
): OrderedChannel | undefined {
  if (message.kind === "rejected") {
    measures.refused(message.status);
    answer(message);
    return undefined;
  }
  const channel = channels.get(message.channelId);
  if (channel === undefined) {
    const refusal = unknownChannel();
    measures.refused(refusal.status);
    answer(refusal);
  } else measures.submit(channel, message, answer);
  return channel;
}

function readMessage(raw: Uint8Array): ReturnType<typeof readBroadcast> {
  try {
    // A copy: what gRPC hands over may be a view into a larger chunk, and this lives until its block is durable.
    return readBroadcast(Buffer.from(raw));
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new RpcStatus(GrpcStatus.INTERNAL, `grpc: failed to unmarshal the received message: ${error.message}`);
  }
}
