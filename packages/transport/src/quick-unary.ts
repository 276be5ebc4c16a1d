/**
 * Unary calls served straight from node's HTTP/2 streams.
 *
 * grpc-js listens, speaks TLS, keeps the sessions and serves all streaming calls. For a unary call, though, its layers
 * cost as much as HTTP/2 itself, and half of the garbage. So its servers are asked to hand such calls over: one message
 * in, one message or status out. A call that uses anything unusual (compression, another content type, a timeout that
 * does not parse) is left to grpc-js.
 * Source: grpc/grpc, doc/PROTOCOL-HTTP2.md.
 */
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { TLSSocket } from "node:tls";
import type { CancelSignal } from "@hansa/primitives";
import type { CallContext } from "./call-context.js";
import { encodeStatusDetails, GrpcStatus, RpcStatus, STATUS_DETAILS_KEY } from "./status.js";
import { Turns } from "./turns.js";

/** A unary call whose request is there. It is to be answered or failed, once; what comes later is dropped. */
export type UnaryCall = {
  readonly request: Uint8Array;
  readonly context: CallContext;
  answer(message: Uint8Array): void;
  fail(status: RpcStatus): void;
};

/** @returns who serves the method at this path, if it is unary */
export type UnaryMethods = (path: string) => ((call: UnaryCall) => void) | undefined;

type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => void;

const HEAD_BYTES = 5;
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };
const LONGEST_TIMER_MS = 0x7fff_ffff;
/** What Fabric's peers send, and no date with it: clients pay for each header that they read. */
const RESPONSE_HEADERS = { ":status": 200, "content-type": "application/grpc" };
const OK_TRAILERS = { "grpc-status": "0" };
const WITH_TRAILERS = { waitForTrailers: true, sendDate: false };
const WITHOUT_MESSAGE = { endStream: true, sendDate: false };
/** With 64 callers that query, 12 gave a quarter to a half more than all at once; 4 and 24 gave a little less. */
const turns = new Turns(12);

/**
 * Stands before the listeners that grpc-js has on its HTTP/2 server.
 * @param unserved why a path has no method at all; undefined when it has one
 */
export function serveUnary(
  server: Http2Server,
  methods: UnaryMethods,
  unserved: (path: string) => RpcStatus | undefined,
  maxMessageBytes: number,
): void {
  const others = server.listeners("stream") as StreamListener[];
  server.removeAllListeners("stream");
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => {
    const path = isPlain(headers) ? (headers[":path"] ?? "") : undefined;
    const serve = path === undefined ? undefined : methods(path);
    const refusal = path === undefined || serve !== undefined ? undefined : unserved(path);
    if (serve !== undefined) new QuickCall(stream, headers, maxMessageBytes, serve);
    else if (refusal !== undefined) refuse(stream, refusal);
    else for (const other of others) other.call(server, stream, headers, ...rest);
  });
}

function isPlain(headers: IncomingHttpHeaders): boolean {
  const { "grpc-encoding": encoding, "grpc-timeout": timeout, "content-type": type } = headers;
  return (
    headers[":method"] === "POST" &&
    type?.startsWith("application/grpc") === true &&
    (encoding === undefined || encoding === "identity") &&
    (timeout === undefined || (typeof timeout === "string" && TIMEOUT.test(timeout)))
  );
}

class QuickCall implements UnaryCall, CallContext, CancelSignal {
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #maxMessageBytes: number;
  readonly #serve: (call: UnaryCall) => void;
  readonly deadlineMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #request: Buffer | undefined;
  #state: "reading" | "serving" | "over" = "reading";
  #listeners: (() => void)[] = [];

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    maxMessageBytes: number,
    serve: (call: UnaryCall) => void,
  ) {
    this.#stream = stream;
    this.#headers = headers;
    this.#maxMessageBytes = maxMessageBytes;
    this.#serve = serve;
    const timeout = headers["grpc-timeout"] as string | undefined;
    if (timeout !== undefined) {
      const waitMs = durationMs(timeout);
      this.deadlineMs = Date.now() + waitMs;
      if (waitMs <= LONGEST_TIMER_MS) this.#timer = setTimeout(() => this.#tooLate(), waitMs);
    }
    // Every error has its "close".
    stream.on("error", () => {});
    stream.on("close", () => this.#gone());
    stream.on("data", (chunk: Buffer) => this.#read(chunk));
    stream.on("end", () => this.#readAll());
  }

  get request(): Uint8Array {
    return this.#request ?? Buffer.alloc(0);
  }

  get context(): CallContext {
    return this;
  }

  get signal(): CancelSignal {
    return this;
  }

  get aborted(): boolean {
    return this.#state === "over";
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }

  get peerAddress(): string {
    const { remoteAddress, remotePort } = this.#stream.session?.socket ?? {};
    if (remoteAddress === undefined) return "unknown";
    return remotePort === undefined ? remoteAddress : `${remoteAddress}:${remotePort}`;
  }

  get authority(): string {
    return this.#headers[":authority"] ?? this.#headers.host ?? "";
  }

  get tlsClientCert(): Uint8Array | undefined {
    const socket = this.#stream.session?.socket;
    return socket instanceof TLSSocket ? socket.getPeerCertificate().raw : undefined;
  }

  answer(message: Uint8Array): void {
    if (!this.#finish()) return;
    const stream = this.#stream;
    const frame = Buffer.allocUnsafe(HEAD_BYTES + message.length);
    frame[0] = 0;
    frame.writeUInt32BE(message.length, 1);
    frame.set(message, HEAD_BYTES);
    stream.respond(RESPONSE_HEADERS, WITH_TRAILERS);
    stream.on("wantTrailers", () => stream.sendTrailers(OK_TRAILERS));
    stream.end(frame);
  }

  fail(status: RpcStatus): void {
    const isRead = this.#state !== "reading";
    if (!this.#finish()) return;
    this.#stream.respond(statusHeaders(status), WITHOUT_MESSAGE);
    // The rest of the request is not wanted.
    if (!isRead) this.#stream.close();
  }

  #read(chunk: Buffer): void {
    if (this.#state !== "reading") return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < HEAD_BYTES) return;
    const size = this.#sizeOfMessage();
    if (size > this.#maxMessageBytes) {
      const text = `grpc: received message larger than max (${size} vs. ${this.#maxMessageBytes})`;
      this.fail(new RpcStatus(GrpcStatus.RESOURCE_EXHAUSTED, text));
    } else if (this.#bytes > HEAD_BYTES + size) {
      this.fail(new RpcStatus(GrpcStatus.UNIMPLEMENTED, "a unary call takes one message, and more came"));
    }
  }

  #sizeOfMessage(): number {
    const [first] = this.#chunks;
    // All but always the first chunk holds the whole message.
    if (first !== undefined && first.length >= HEAD_BYTES) return first.readUInt32BE(1);
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]?.readUInt32BE(1) ?? 0;
  }

  #readAll(): void {
    if (this.#state !== "reading") return;
    if (this.#bytes < HEAD_BYTES || this.#bytes < HEAD_BYTES + this.#sizeOfMessage()) {
      this.#state = "serving";
      this.fail(new RpcStatus(GrpcStatus.UNIMPLEMENTED, "a unary call takes one message, and none came"));
      return;
    }
    const [first] = this.#chunks;
    const whole = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#request = whole.subarray(HEAD_BYTES);
    this.#state = "serving";
    turns.whenItsTurn(() => this.#beServed());
  }

  #beServed(): void {
    if (this.#state === "serving") this.#serve(this);
  }

  /** @returns whether the status may still be sent */
  #finish(): boolean {
    if (this.#state === "over") return false;
    this.#state = "over";
    clearTimeout(this.#timer);
    this.#listeners = [];
    this.#chunks = [];
    return !this.#stream.destroyed && !this.#stream.closed;
  }

  #tooLate(): void {
    const listeners = this.#listeners;
    this.fail(new RpcStatus(GrpcStatus.DEADLINE_EXCEEDED, "Deadline exceeded"));
    for (const listener of listeners) listener();
  }

  /** The stream is over, with or without an answer. */
  #gone(): void {
    const listeners = this.#listeners;
    if (this.#state === "over") return;
    this.#finish();
    for (const listener of listeners) listener();
  }
}

function refuse(stream: ServerHttp2Stream, status: RpcStatus): void {
  stream.on("error", () => {});
  stream.respond(statusHeaders(status), WITHOUT_MESSAGE);
  stream.close();
}

function statusHeaders(status: RpcStatus): Record<string, string | number> {
  const headers: Record<string, string | number> = {
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": status.code,
    "grpc-message": percentEncoded(status.message),
  };
  if (status.details.length > 0) {
    headers[STATUS_DETAILS_KEY] = Buffer.from(encodeStatusDetails(status)).toString("base64");
  }
  return headers;
}

function durationMs(timeout: string): number {
  const [, amount, unit] = TIMEOUT.exec(timeout) ?? [];
  return Math.trunc(Number(amount) * (UNIT_MS[unit ?? ""] ?? 0));
}

/** Half a surrogate pair cannot be encoded, and error texts may quote what clients sent. */
function percentEncoded(text: string): string {
  return encodeURI(Buffer.from(text, "utf8").toString("utf8"));
}
