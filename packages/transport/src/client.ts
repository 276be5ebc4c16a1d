/** A gRPC client that sends and receives raw message bytes, one connection per client. */
import { connect, isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import * as grpc from "@grpc/grpc-js";
import type { CancelSignal } from "@hansa/primitives";
import { asBuffer } from "@hansa/wire";
import { identity, MAX_MESSAGE_BYTES, type MethodDefinition } from "./method.js";
import { decodeStatusDetails, GrpcStatus, RpcStatus, STATUS_DETAILS_KEY } from "./status.js";
import { type Incoming, incomingFrom, type Send, sendInto } from "./stream.js";

export type TlsClient = {
  readonly rootPems: readonly string[];
  readonly certPem?: string;
  readonly keyPem?: string;
  /** Name to expect in the server's certificate in place of the address's host. */
  readonly serverName?: string;
};

export type CallOptions = {
  /** The longest to wait, in ms from now. */
  readonly timeoutMs?: number;
  readonly signal?: CancelSignal;
};

export type RpcClientOptions = {
  readonly maxMessageBytes?: number;
  /** `:authority` of its calls in place of the address: how a chaincode shows who it is. */
  readonly authority?: string;
  /** The longest pause between two attempts to connect; 1 s unless told. */
  readonly reconnectLongestMs?: number;
};

/** One open stream to the server. `incoming` ends by error with RpcStatus when the server ended it with a code. */
export type ClientStream = {
  readonly incoming: Incoming;
  readonly send: Send;
  /** No more from here; the server may still send. */
  end(): void;
  /** Ends the call at once, both ways. */
  close(): void;
};

/** A server that was killed is back within a second: whoever needs it should not find out much later. */
const RECONNECT_FIRST_MS = 50;
const RECONNECT_LONGEST_MS = 250;
/** How a stream notices that its server's machine is gone. Source: hyperledger/fabric, internal/pkg/comm/config.go. */
const KEEPALIVE_INTERVAL_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;

/** What a server may have under way to us, on a stream and in all: a block fits, which HTTP/2's own 64 KiB would cut up. */
const WINDOW_BYTES = 1024 * 1024;

/** A method that no server has: that it says so is an answer. */
const PROBE: MethodDefinition = {
  path: "/hansa.Probe/Probe",
  requestStream: false,
  responseStream: false,
};
const PROBE_TIMEOUT_MS = 250;

export class RpcClient {
  readonly address: string;
  readonly #client: grpc.Client;

  constructor(address: string, tls?: TlsClient, options: RpcClientOptions = {}) {
    const limit = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
    this.address = address;
    const host = hostOf(address);
    const checkedName = tls?.serverName ?? host;
    // TLS knows no IP addresses as server names: none is sent then, or rather one that nobody looks at.
    const sentName = isIP(checkedName) ? "localhost" : checkedName;
    this.#client = new grpc.Client(address, clientCredentials(tls, checkedName), {
      "grpc.max_receive_message_length": limit,
      "grpc.max_send_message_length": limit,
      "grpc.enable_channelz": 0,
      "grpc.enable_retries": 0,
      "grpc.enable_http_proxy": 0,
      "grpc.service_config_disable_resolution": 1,
      "grpc.initial_reconnect_backoff_ms": RECONNECT_FIRST_MS,
      "grpc.max_reconnect_backoff_ms": options.reconnectLongestMs ?? RECONNECT_LONGEST_MS,
      "grpc-node.flow_control_window": WINDOW_BYTES,
      "grpc.keepalive_time_ms": KEEPALIVE_INTERVAL_MS,
      "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
      ...(options.authority === undefined ? {} : { "grpc.default_authority": options.authority }),
      ...(tls && sentName !== host ? { "grpc.ssl_target_name_override": sentName } : {}),
    });
  }

  /** @throws RpcStatus */
  unary(method: MethodDefinition, request: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) return reject(new RpcStatus(GrpcStatus.CANCELLED, "cancelled before the call"));
      const cancel = () => call.cancel();
      const call = withoutStack(() =>
        this.#client.makeUnaryRequest(
          method.path,
          asBuffer,
          identity,
          request,
          callOptions(options),
          (error: grpc.ServiceError | null, response?: Buffer) => {
            signal?.removeEventListener("abort", cancel);
            if (error) reject(toRpcStatus(error));
            else resolve(response ?? Buffer.alloc(0));
          },
        ),
      );
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  bidi(method: MethodDefinition, options: CallOptions = {}): ClientStream {
    const call = this.#client.makeBidiStreamRequest(method.path, asBuffer, identity, callOptions(options));
    return clientStream(call, call, options.signal, () => call.end());
  }

  serverStream(method: MethodDefinition, request: Uint8Array, options: CallOptions = {}): ClientStream {
    const call = this.#client.makeServerStreamRequest(method.path, asBuffer, identity, request, callOptions(options));
    return clientStream(call, undefined, options.signal, () => {});
  }

  isConnected(): boolean {
    return this.#client.getChannel().getConnectivityState(false) === grpc.connectivityState.READY;
  }

  /** Whether somebody listens at the address right now, which a client between two attempts to connect does not know. */
  async isListenedAt(timeoutMs: number): Promise<boolean> {
    return (await this.dial(timeoutMs)) === "connected";
  }

  /** What comes of connecting to the address right now, without TLS: the error, or none within the time. */
  dial(timeoutMs: number): Promise<"connected" | "silent" | Error> {
    return new Promise((resolve) => {
      const at = this.address.lastIndexOf(":");
      const socket = connect({ host: hostOf(this.address), port: Number(this.address.slice(at + 1)) });
      const answer = (outcome: "connected" | "silent" | Error) => {
        clearTimeout(timer);
        socket.destroy();
        resolve(outcome);
      };
      const timer = setTimeout(answer, timeoutMs, "silent");
      socket.once("connect", () => answer("connected"));
      // A name with several addresses fails with all their errors.
      socket.on("error", (error) => answer(error instanceof AggregateError ? (error.errors[0] as Error) : error));
    });
  }

  /** @throws RpcStatus UNAVAILABLE when there is no connection within the time */
  waitReady(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(Date.now() + timeoutMs, (error) => {
        if (error === undefined) resolve();
        else
          this.#whyUnconnected().then((reason) => {
            const text = `no connection to ${this.address} within ${timeoutMs} ms${reason === "" ? "" : `: ${reason}`}`;
            reject(new RpcStatus(GrpcStatus.UNAVAILABLE, text));
          });
      });
    });
  }

  /** What the last attempt to connect ended with: only a call that fails tells. Empty when nothing is known. */
  async #whyUnconnected(): Promise<string> {
    const call = this.unary(PROBE, new Uint8Array(0), { timeoutMs: PROBE_TIMEOUT_MS });
    const failure = await call.then(
      () => "",
      (error: RpcStatus) => error.message,
    );
    return /Last error: (?:Error: )?(.*?)\.?(?: Resolution note:.*)?$/s.exec(failure)?.[1] ?? "";
  }

  /** Whether the server answers at all within this time, whatever it serves: a process that hangs keeps its connections. */
  isAnswering(timeoutMs: number): Promise<boolean> {
    return this.unary(PROBE, new Uint8Array(0), { timeoutMs }).then(
      () => true,
      ({ code }: RpcStatus) => !NO_ANSWER.has(code),
    );
  }

  close(): void {
    this.#client.close();
  }
}

const NO_ANSWER: ReadonlySet<number> = new Set([
  GrpcStatus.UNAVAILABLE,
  GrpcStatus.DEADLINE_EXCEEDED,
  GrpcStatus.CANCELLED,
]);

type Call = grpc.ClientReadableStream<Buffer>;

function clientStream(
  call: Call,
  writable: grpc.ClientDuplexStream<Uint8Array, Buffer> | undefined,
  signal: CancelSignal | undefined,
  end: () => void,
): ClientStream {
  const ended = new AbortController();
  const close = () => call.cancel();
  // The listener is also what keeps an unobserved stream's failure from ending the process.
  const over = () => {
    ended.abort();
    signal?.removeEventListener("abort", close);
  };
  call.on("error", over);
  call.on("close", over);
  call.on("status", over);
  if (signal?.aborted) close();
  signal?.addEventListener("abort", close, { once: true });
  return {
    incoming: incomingFrom(call as never, (error) => toRpcStatus(error as grpc.ServiceError)),
    send: writable ? sendInto(writable, ended.signal, asBuffer) : () => undefined,
    end,
    close,
  };
}

/** grpc-js records a stack at each call's start, in case it fails: a tenth of the call's cost, for text we never show. */
function withoutStack<T>(call: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return call();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function callOptions({ timeoutMs }: CallOptions): grpc.CallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function toRpcStatus(error: grpc.ServiceError): RpcStatus {
  const packed = error.metadata?.get(STATUS_DETAILS_KEY)[0];
  const details = packed instanceof Buffer ? decodeStatusDetails(packed) : [];
  return new RpcStatus(error.code ?? GrpcStatus.UNKNOWN, error.details ?? error.message, details, { cause: error });
}

function hostOf(address: string): string {
  const host = address.slice(0, address.lastIndexOf(":"));
  return host.startsWith("[") ? host.slice(1, -1) : host;
}

function clientCredentials(tls: TlsClient | undefined, checkedName: string): grpc.ChannelCredentials {
  if (tls === undefined) return grpc.credentials.createInsecure();
  const buffer = (pem: string | undefined) => (pem === undefined ? null : Buffer.from(pem));
  const roots = tls.rootPems.length > 0 ? Buffer.from(tls.rootPems.join("\n")) : null;
  return grpc.credentials.createSsl(roots, buffer(tls.keyPem), buffer(tls.certPem), {
    checkServerIdentity: (_sentName, certificate) => checkServerIdentity(checkedName, certificate),
  });
}
