/**
 * The stream between the peer and a chaincode process that it started: the same protos.ChaincodeMessage as over gRPC,
 * each behind its length, on a pipe that the process inherits. HTTP/2 and gRPC around messages of a hundred bytes cost
 * more than the messages; and nobody but that process can have the pipe, so it needs no secret.
 *
 * A frame is the message's length, 4 bytes, big end first, and the message.
 */

/** File descriptor of the pipe in the chaincode process. */
export const PIPE_DESCRIPTOR = 3;
/** Set where there is a pipe; its value is the descriptor. */
export const PIPE_VARIABLE = "HANSA_CHAINCODE_PIPE";

/** One message at most: what gRPC takes here too, Fabric's 100 MB. */
export const MAX_FRAME_BYTES = 100 * 1024 * 1024;

/** What frames go over: a socket, or what acts like one. */
export interface MessagePipe {
  on(event: string, listener: (chunk: Buffer) => void): unknown;
  write(bytes: Uint8Array): unknown;
  end(): unknown;
  destroy(): unknown;
}

export type FrameEvents = {
  onMessage(message: Uint8Array): void;
  /** Once: the pipe is over, in whatever way. @param reason why it was ended here; undefined when the other side did */
  onEnd(reason?: string): void;
};

/**
 * Reads and writes frames. What is sent within one turn of the event loop goes out in one piece. A frame above
 * `maxBytes` ends the pipe.
 *
 * Travels to chaincode processes as text, so it must stand alone.
 * @returns how to send one message
 */
export function framed(pipe: MessagePipe, maxBytes: number, events: FrameEvents): (message: Uint8Array) => void {
  const HEAD_BYTES = 4;
  let held: Buffer[] = [];
  let heldBytes = 0;
  let wanted = HEAD_BYTES;
  let isOver = false;
  const end = (reason?: string) => {
    if (isOver) return;
    isOver = true;
    pipe.destroy();
    events.onEnd(reason);
  };
  const take = (bytes: Buffer) => {
    let at = 0;
    wanted = HEAD_BYTES;
    while (!isOver && bytes.length - at >= HEAD_BYTES) {
      const size = bytes.readUInt32BE(at);
      if (size > maxBytes) return end(`a message of ${size} bytes exceeds ${maxBytes}`);
      const next = at + HEAD_BYTES + size;
      if (next > bytes.length) {
        wanted = HEAD_BYTES + size;
        break;
      }
      events.onMessage(bytes.subarray(at + HEAD_BYTES, next));
      at = next;
    }
    held = at < bytes.length ? [bytes.subarray(at)] : [];
    heldBytes = bytes.length - at;
  };
  pipe.on("data", (chunk: Buffer) => {
    if (isOver) return;
    if (heldBytes === 0) return take(chunk);
    held.push(chunk);
    heldBytes += chunk.length;
    if (heldBytes >= wanted) take(Buffer.concat(held, heldBytes));
  });
  for (const event of ["end", "error", "close"]) pipe.on(event, () => end());

  let outgoing: Uint8Array[] = [];
  const flush = () => {
    const parts = outgoing;
    outgoing = [];
    if (!isOver) pipe.write(Buffer.concat(parts));
  };
  return (message) => {
    if (isOver) return;
    if (outgoing.length === 0) setImmediate(flush);
    const head = Buffer.allocUnsafe(HEAD_BYTES);
    head.writeUInt32BE(message.length);
    outgoing.push(head, message);
  };
}

type ShimMessage = { serializeBinary(): Uint8Array };
type Protos = {
  readonly peer: {
    readonly ChaincodeMessage: { deserializeBinary(bytes: Uint8Array): ShimMessage };
    readonly ChaincodeSupportClient: { prototype: { register(...parts: unknown[]): unknown } };
  };
};

/**
 * In the chaincode's process or worker: its first stream to the peer goes over the pipe that `open` gives.
 * Travels as text together with `framed`.
 */
export function registerBy(protos: Protos, open: () => MessagePipe, maxBytes: number, frame: typeof framed): void {
  const { ChaincodeMessage, ChaincodeSupportClient } = protos.peer;
  const { prototype } = ChaincodeSupportClient;
  const { register } = prototype;
  const { EventEmitter } = process.getBuiltinModule("node:events");
  if (typeof register !== "function" || typeof ChaincodeMessage.deserializeBinary !== "function") return;
  prototype.register = () => {
    prototype.register = register;
    const pipe = open();
    const stream = new EventEmitter();
    const send = frame(pipe, maxBytes, {
      onMessage: (bytes) => stream.emit("data", ChaincodeMessage.deserializeBinary(bytes)),
      onEnd: () => stream.emit("end"),
    });
    return Object.assign(stream, {
      write: (message: ShimMessage) => send(message.serializeBinary()),
      end: () => pipe.end(),
    });
  };
}
