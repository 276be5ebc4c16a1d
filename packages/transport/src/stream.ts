/** A stream of messages as both ends see it. */

/**
 * Sends one message. Undefined while there is room; otherwise a promise that settles when there is room again or the
 * call has ended. `await send(bytes)` always does the right thing.
 */
export type Send = (bytes: Uint8Array) => Promise<void> | undefined;

/** The receiving half: either iterate it, or take each message in a callback (cheaper by an order of magnitude). */
export interface Incoming extends AsyncIterable<Uint8Array> {
  /**
   * From now on every message goes to `onMessage`, in order. Where it returns a promise, the next message waits for it,
   * and so, by flow control, does the sender. `onEnd` comes once, with the error when the stream did not end well or
   * `onMessage` failed.
   */
  subscribe(onMessage: (bytes: Uint8Array) => unknown, onEnd: (error?: Error) => void): void;
}

type Readable = {
  iterator(options: { destroyOnReturn: boolean }): AsyncIterable<Uint8Array>;
  on(event: string, listener: (value: never) => void): unknown;
  pause(): unknown;
  resume(): unknown;
};

type Writable = {
  write(bytes: Buffer, onFlushed?: () => void): boolean;
  once(event: string, listener: () => void): unknown;
  removeListener(event: string, listener: () => void): unknown;
};

export function incomingFrom(stream: Readable, toError: (error: Error) => Error = (error) => error): Incoming {
  return {
    subscribe(onMessage, onEnd) {
      let ended = false;
      const end = (error?: Error) => {
        if (ended) return;
        ended = true;
        onEnd(error && toError(error));
      };
      const resume = () => void stream.resume();
      const deliver = (bytes: Buffer) => {
        if (ended) return;
        try {
          const handled = onMessage(bytes);
          if (!(handled instanceof Promise)) return;
          stream.pause();
          handled.then(resume, end);
        } catch (error) {
          end(error as Error);
        }
      };
      stream.on("error", (error: Error) => end(error));
      stream.on("cancelled", () => end());
      stream.on("end", () => end());
      stream.on("data", deliver as (value: never) => void);
    },
    async *[Symbol.asyncIterator]() {
      try {
        // Left to itself, iteration destroys the stream at its end, and with it the half that still sends.
        for await (const bytes of stream.iterator({ destroyOnReturn: false })) yield bytes;
      } catch (error) {
        throw error instanceof Error ? toError(error) : error;
      }
    },
  };
}

/**
 * Streams count what they hold by messages, some sixteen. Of larger ones than this each is waited for, so that a client
 * which reads nothing costs no more than a megabyte and one message.
 */
const LARGE_MESSAGE_BYTES = 64 * 1024;

/** @param ended aborts when nothing more can be sent, so that no sender waits for room that never comes */
export function sendInto(stream: Writable, ended: AbortSignal, toBuffer: (bytes: Uint8Array) => Buffer): Send {
  // One promise for all who find the stream full: those who do not wait must not pile up listeners.
  let room: Promise<void> | undefined;
  const roomAgain = () =>
    new Promise<void>((resolve) => {
      const done = () => {
        room = undefined;
        stream.removeListener("drain", done);
        ended.removeEventListener("abort", done);
        resolve();
      };
      stream.once("drain", done);
      ended.addEventListener("abort", done);
    });
  const flushed = (bytes: Uint8Array) =>
    new Promise<void>((resolve) => {
      const done = () => {
        ended.removeEventListener("abort", done);
        resolve();
      };
      ended.addEventListener("abort", done);
      stream.write(toBuffer(bytes), done);
    });
  return (bytes) => {
    if (ended.aborted) return undefined;
    if (bytes.length >= LARGE_MESSAGE_BYTES) return flushed(bytes);
    if (stream.write(toBuffer(bytes))) return undefined;
    room ??= roomAgain();
    return room;
  };
}
