/**
 * A gRPC server whose handlers take and give raw message bytes.
 *
 * Bytes in, bytes out: what was signed is never decoded and re-encoded on the way, and no object conversion is paid.
 * A handler that throws RpcStatus ends the call with it; any other error ends it with INTERNAL and a log line, never
 * with a stack on the wire.
 */
import type { Http2SecureServer, Http2Server, ServerHttp2Session } from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import { asBuffer } from "@hansa/wire";
import { type Admission, admissionOf } from "./admission.js";
import type { CallContext, StreamContext } from "./call-context.js";
import { answersAsGo, checkedIncoming, checkMessage, checkRequest, unimplemented } from "./go-answers.js";
import { type AnyCall, CALL_OVER, Context, statusObject, unaryByGrpc } from "./grpc-call.js";
import { identity, MAX_MESSAGE_BYTES, type MethodDefinition, type ServiceDefinition } from "./method.js";
import { serveUnary, type UnaryCall } from "./quick-unary.js";
import { GrpcStatus, RpcStatus } from "./status.js";
import { type Incoming, incomingFrom, type Send, sendInto } from "./stream.js";

export type TlsServer = {
  readonly certPem: string;
  readonly keyPem: string;
  /** Roots that client certificates must chain to. */
  readonly clientCaPems?: readonly string[];
  /** True refuses a client without a certificate that chains to `clientCaPems`. */
  readonly requireClientCert?: boolean;
};

export type UnaryHandler = (request: Uint8Array, context: CallContext) => Promise<Uint8Array> | Uint8Array;
export type ServerStreamHandler = (request: Uint8Array, context: StreamContext, send: Send) => Promise<void>;
export type BidiHandler = (incoming: Incoming, context: StreamContext, send: Send) => Promise<void>;

type HandlerOf<M extends MethodDefinition> = M["requestStream"] extends true
  ? BidiHandler
  : M["requestStream"] extends false
    ? M["responseStream"] extends true
      ? ServerStreamHandler
      : M["responseStream"] extends false
        ? UnaryHandler
        : UnaryHandler | ServerStreamHandler
    : UnaryHandler | ServerStreamHandler | BidiHandler;

export type Handlers<S extends ServiceDefinition> = { readonly [M in keyof S["methods"]]?: HandlerOf<S["methods"][M]> };

export type ServiceOptions = {
  /** Calls under way at once, over all methods of the service; one more is refused. */
  readonly maxConcurrentCalls?: number;
};

export type RpcServerOptions = {
  readonly tls?: TlsServer;
  readonly maxMessageBytes?: number;
  /** Told of connections and calls: a place for metrics. */
  readonly meter?: ServerMeter;
  readonly logger: Logger;
};

export interface ServerMeter {
  connectionOpened(): void;
  connectionClosed(): void;
  /** Asked once for each method that is served. @param path "/protos.Endorser/ProcessProposal" */
  method(path: string, isStream: boolean): MethodMeter;
}

export interface MethodMeter {
  received(): void;
  /** @param code of gRPC */
  completed(code: number, seconds: number): void;
  /** Of streams. */
  messageReceived(): void;
  messageSent(): void;
}

/**
 * What a client may have under way to us on one connection. HTTP/2's own 64 KiB is some thirty proposals: with more in
 * flight, client and server would only ever work in turns.
 */
const CONNECTION_WINDOW_BYTES = 1024 * 1024;
const DEFAULT_GRACE_MS = 1_000;
/** Who is still shaking hands when the others have been ended is not waited for. */
const HANDSHAKE_GRACE_MS = 200;

export class RpcServer {
  readonly #server: grpc.Server;
  readonly #options: RpcServerOptions;
  /** Where it listens; undefined before and after. */
  #boundTo: string | undefined;
  readonly #unaryMethods = new Map<string, (call: UnaryCall) => void>();
  /** Methods by the name of their service. */
  readonly #served = new Map<string, Set<string>>();
  /** How to end each open stream, and whether it is a client's of Fabric's services. */
  readonly #streamEnds = new Map<(status?: RpcStatus) => void, boolean>();
  #unaryUnderWay = 0;
  #stopping = false;

  constructor(options: RpcServerOptions) {
    const limit = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
    this.#options = options;
    this.#server = new grpc.Server({
      "grpc.max_receive_message_length": limit,
      "grpc.max_send_message_length": limit,
      "grpc.enable_channelz": 0,
    });
  }

  /** Adds a service, or the part of it that `handlers` has; the rest answers UNIMPLEMENTED. */
  addService<S extends ServiceDefinition>(service: S, handlers: Handlers<S>, options: ServiceOptions = {}): void {
    const admission = admissionOf(service.name, options.maxConcurrentCalls);
    for (const [name, handler] of Object.entries(handlers)) {
      const method = service.methods[name];
      if (method === undefined || handler === undefined) continue;
      const served = this.#served.get(service.name) ?? new Set();
      this.#served.set(service.name, served.add(name));
      this.#register(method, handler as UnaryHandler | ServerStreamHandler | BidiHandler, admission);
    }
  }

  /**
   * @param address "host:port", where port 0 takes a free one, or "unix:/path"
   * @throws HansaError PORT_IN_USE or LISTEN_FAILED
   */
  async listen(address: string): Promise<{ port: number; address: string }> {
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(address, serverCredentials(this.#options.tls), (error, bound) => {
        if (error) reject(listenError(address, error));
        else resolve(bound);
      });
    });
    this.#serveUnaryQuickly();
    this.#boundTo = address.startsWith("unix:") ? address : `${address.slice(0, address.lastIndexOf(":"))}:${port}`;
    return { port, address: this.#boundTo };
  }

  /**
   * From now on, clients' certificates must chain to these roots: for a server that listens and asks for them.
   * Connections that are open stay.
   */
  trustClients(caPems: readonly string[]): void {
    const { tls } = this.#options;
    if (tls === undefined || tls.requireClientCert !== true) return;
    for (const server of this.#http2Servers() ?? [])
      if ("setSecureContext" in server)
        server.setSecureContext({ cert: tls.certPem, key: tls.keyPem, ca: [...caPems] });
  }

  /**
   * Takes no more connections and calls, and ends clients' streams of Fabric's services with UNAVAILABLE. Lets unary
   * calls under way finish for at most `graceMs`; those that fail meanwhile fail with UNAVAILABLE, as nobody can tell
   * whether the stop is why. Then ends the other streams and whatever else is left. May be called again.
   */
  stop(options: { graceMs?: number } = {}): Promise<void> {
    const graceMs = options.graceMs ?? DEFAULT_GRACE_MS;
    // Not forceShutdown: without channelz, grpc-js knows no sessions there and would end none. drain keeps its own list
    // of them, and must come first, because tryShutdown marks them closed.
    if (this.#boundTo !== undefined) this.#server.drain(this.#boundTo, graceMs);
    this.#boundTo = undefined;
    this.#stopping = true;
    for (const [end, isClients] of [...this.#streamEnds]) if (isClients) end(stopping());
    this.#endStreamsWhenIdle();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs + HANDSHAKE_GRACE_MS);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #register(
    method: MethodDefinition,
    handler: UnaryHandler | ServerStreamHandler | BidiHandler,
    admission: Admission,
  ): void {
    const { requestStream, responseStream, path } = method;
    const asGo = answersAsGo(path);
    const meter = this.#options.meter?.method(path, requestStream || responseStream);
    const received = meter === undefined ? identity : counted(() => meter.messageReceived());
    const sent = meter === undefined ? identity : counted(() => meter.messageSent());
    if (requestStream) {
      this.#server.register(
        path,
        this.#stream(path, admission, meter, (call, context, send) =>
          (handler as BidiHandler)(
            asGo ? checkedIncoming(incomingFrom(call as never)) : incomingFrom(call as never),
            context,
            send,
          ),
        ),
        sent,
        received,
        "bidi",
      );
    } else if (responseStream) {
      this.#server.register(
        path,
        this.#stream(path, admission, meter, async (call, context, send) => {
          const { request } = call as grpc.ServerWritableStream<Buffer, Buffer>;
          if (asGo) checkMessage(request);
          await (handler as ServerStreamHandler)(request, context, send);
        }) as never,
        sent,
        received,
        "serverStream",
      );
    } else {
      const answer = handler as UnaryHandler;
      const checked: UnaryHandler = (request, context) => {
        checkRequest(request);
        return answer(request, context);
      };
      const serve = (call: UnaryCall) => this.#unary(path, admission, meter, asGo ? checked : answer, call);
      this.#unaryMethods.set(path, serve);
      this.#server.register(path, unaryByGrpc(serve), identity, identity, "unary");
    }
  }

  /** grpc-js has no public way to them. */
  #http2Servers(): (Http2Server | Http2SecureServer)[] | undefined {
    const { http2Servers } = this.#server as unknown as { http2Servers?: unknown };
    return http2Servers instanceof Map ? [...http2Servers.keys()] : undefined;
  }

  #serveUnaryQuickly(): void {
    const servers = this.#http2Servers();
    // Without them grpc-js serves unary calls as well.
    if (servers === undefined) return;
    const limit = this.#options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
    for (const server of servers) {
      serveUnary(
        server,
        (path) => this.#unaryMethods.get(path),
        (path) => unimplemented(path, this.#served),
        limit,
      );
      server.on("session", (session: ServerHttp2Session) => {
        session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
        const { meter } = this.#options;
        if (meter === undefined) return;
        meter.connectionOpened();
        session.once("close", () => meter.connectionClosed());
      });
    }
  }

  #unary(
    path: string,
    admission: Admission,
    meter: MethodMeter | undefined,
    handler: UnaryHandler,
    call: UnaryCall,
  ): void {
    const startedAt = meter === undefined ? 0 : performance.now();
    meter?.received();
    if (!admission.enter()) {
      meter?.completed(admission.refusal.code, 0);
      call.fail(admission.refusal);
      return;
    }
    this.#unaryUnderWay++;
    const leave = (code: number) => {
      admission.leave();
      this.#unaryUnderWay--;
      meter?.completed(code, (performance.now() - startedAt) / 1000);
      if (this.#stopping) this.#endStreamsWhenIdle();
    };
    const fail = (error: unknown) => {
      const status = this.#stopping ? stopping() : this.#toStatus(path, error);
      leave(status.code);
      call.fail(status);
    };
    const answer = (bytes: Uint8Array) => {
      leave(GrpcStatus.OK);
      call.answer(bytes);
    };
    try {
      const result = handler(call.request, call.context);
      if (result instanceof Uint8Array) answer(result);
      else result.then(answer, fail);
    } catch (error) {
      fail(error);
    }
  }

  #stream(
    path: string,
    admission: Admission,
    meter: MethodMeter | undefined,
    run: (call: AnyCall, context: StreamContext, send: Send) => Promise<void>,
  ): grpc.handleBidiStreamingCall<Buffer, Buffer> {
    return async (call) => {
      const startedAt = performance.now();
      meter?.received();
      if (!admission.enter()) {
        meter?.completed(admission.refusal.code, 0);
        call.emit("error", statusObject(admission.refusal));
        return;
      }
      const controller = new AbortController();
      const abort = () => controller.abort(CALL_OVER);
      if (call.cancelled) abort();
      else (call as NodeJS.EventEmitter).once("cancelled", abort);
      let over = false;
      const end = (status?: RpcStatus) => {
        if (over) return;
        over = true;
        const code = status?.code ?? (call.cancelled ? GrpcStatus.CANCELLED : GrpcStatus.OK);
        meter?.completed(code, (performance.now() - startedAt) / 1000);
        this.#streamEnds.delete(end);
        if (status === undefined) call.end();
        else if (!call.cancelled) call.emit("error", statusObject(status));
        abort();
      };
      this.#streamEnds.set(end, answersAsGo(path));
      try {
        const { signal } = controller;
        await run(call, new Context(call, signal), sendInto(call, signal, asBuffer));
        end();
      } catch (error) {
        if (!over && !call.cancelled) end(this.#toStatus(path, error));
        else end();
      } finally {
        admission.leave();
      }
    };
  }

  /** Streams are open-ended, and calls under way may need them: so they end when no call is left. */
  #endStreamsWhenIdle(): void {
    if (this.#unaryUnderWay > 0) return;
    for (const end of [...this.#streamEnds.keys()]) end(stopping());
  }

  #toStatus(path: string, error: unknown): RpcStatus {
    if (error instanceof RpcStatus) return error;
    this.#options.logger.error("call failed", {
      path,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return new RpcStatus(GrpcStatus.INTERNAL, "internal error");
  }
}

const stopping = () => new RpcStatus(GrpcStatus.UNAVAILABLE, "the server is stopping");

/** For grpc-js' own way of turning messages into bytes and back, which ours are already. */
function counted(count: () => void): (bytes: Buffer) => Buffer {
  return (bytes) => {
    count();
    return bytes;
  };
}

function serverCredentials(tls: TlsServer | undefined): grpc.ServerCredentials {
  if (tls === undefined) return grpc.ServerCredentials.createInsecure();
  // Without roots Node loads the system's whole store, some 50 ms; where no client certificate is asked for, any will do.
  const roots = Buffer.from(tls.clientCaPems?.length ? tls.clientCaPems.join("\n") : tls.certPem);
  const pair = { private_key: Buffer.from(tls.keyPem), cert_chain: Buffer.from(tls.certPem) };
  return grpc.ServerCredentials.createSsl(roots, [pair], tls.requireClientCert ?? false);
}

function listenError(address: string, error: Error): HansaError {
  if (/EADDRINUSE/.test(messageOf(error)))
    return new HansaError("PORT_IN_USE", `${address} is in use by another process`, {
      cause: error,
      nextStep: "Stop that process, or choose another port; port 0 takes a free one.",
    });
  return new HansaError("LISTEN_FAILED", `cannot listen on ${address}: ${messageOf(error)}`, {
    cause: error,
    nextStep: "Check that the host name belongs to this machine and that the port is allowed.",
  });
}
