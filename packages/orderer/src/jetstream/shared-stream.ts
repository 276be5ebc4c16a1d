/**
 * What the engine asks of a stream that several orderers share: an order of messages that survives the loss of a
 * minority of its servers. NATS JetStream is one; the tests have one in memory that fails on purpose.
 */
import type { Bytes } from "@hansa/primitives";

export type StreamBounds = {
  /** Sequence of the oldest message kept; one more than `last` when there is none. */
  readonly first: number;
  /** 0 before the first message. */
  readonly last: number;
  /** Somebody has deleted the stream, with all its messages. */
  readonly isGone?: true;
};

export type StreamFollower = {
  /** A message was appended. Some may be missed, and some may come again. */
  message(sequence: number, message: Bytes): void;
  /** The connection was lost and is there again. Anything may have happened meanwhile. */
  reconnected(): void;
};

export interface SharedStream {
  /** By which it was opened. */
  readonly id: string;
  /** The largest message it takes. */
  readonly maxMessageBytes: number;

  /**
   * Appends a message; settles with its sequence when the stream's servers hold it as often as asked for. Fails when
   * that is not known; the message may be there all the same.
   * @param id the same for the same message: a stream may drop what it has had lately
   * @param timeoutMs how long to wait; the stream's own unless given
   */
  publish(message: Bytes, id: string, timeoutMs?: number): Promise<number>;

  /** The message there; undefined when this stream's nearest server has none there, or not yet. */
  read(sequence: number): Promise<Bytes | undefined>;

  /** As the stream's leader knows them. */
  bounds(): Promise<StreamBounds>;

  /** Returns how to end it. */
  follow(follower: StreamFollower): () => void;
}

/** Where streams are. */
export interface StreamSource {
  /**
   * The stream with this id; makes it where there is none. Fails while the servers cannot be reached.
   * @param id 22 letters and digits; a strand's, mostly
   * @param what the strand in words, for those who look at the servers
   */
  open(id: string, what: string): Promise<SharedStream>;
  /** The stream with this id if there is one. Fails while the servers cannot be reached. */
  find(id: string, what: string): Promise<SharedStream | undefined>;
  close(): Promise<void>;
}
