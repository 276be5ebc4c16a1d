/** A call as grpc-js hands it over, made into what handlers take. */
import * as grpc from "@grpc/grpc-js";
import type { CancelSignal } from "@hansa/primitives";
import { asBuffer } from "@hansa/wire";
import type { UnaryCall } from "./quick-unary.js";
import { encodeStatusDetails, GrpcStatus, RpcStatus, STATUS_DETAILS_KEY } from "./status.js";

export type AnyCall =
  | grpc.ServerUnaryCall<Buffer, Buffer>
  | grpc.ServerDuplexStream<Buffer, Buffer>
  | grpc.ServerWritableStream<Buffer, Buffer>;

/** A handler for grpc-js, of a method whose calls are served in whatever way they come. */
export function unaryByGrpc(serve: (call: UnaryCall) => void): grpc.handleUnaryCall<Buffer, Buffer> {
  return (call, callback) =>
    serve({
      request: call.request,
      context: new Context(call, new CallSignal(call)),
      answer: (message) => callback(null, asBuffer(message)),
      fail: (status) => callback(statusObject(status)),
    });
}

/** One for all calls: grpc-js cancels every call when its stream closes, and an error with a stack trace is dear. */
export const CALL_OVER = new RpcStatus(GrpcStatus.CANCELLED, "the call is over");

/** A unary call's end before its answer, told to whoever listens. */
class CallSignal implements CancelSignal {
  readonly #call: AnyCall;
  #listeners: (() => void)[] | undefined;

  constructor(call: AnyCall) {
    this.#call = call;
  }

  get aborted() {
    return this.#call.cancelled;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    if (this.#listeners === undefined) {
      this.#listeners = [];
      (this.#call as NodeJS.EventEmitter).once("cancelled", () => {
        for (const each of this.#listeners?.splice(0) ?? []) each();
      });
    }
    this.#listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    const at = this.#listeners?.indexOf(listener) ?? -1;
    if (at >= 0) this.#listeners?.splice(at, 1);
  }
}

/** What a handler knows of its call. */
export class Context<S extends CancelSignal> {
  readonly #call: AnyCall;
  readonly signal: S;

  constructor(call: AnyCall, signal: S) {
    this.#call = call;
    this.signal = signal;
  }

  get peerAddress() {
    return this.#call.getPeer();
  }

  get authority() {
    return this.#call.getHost();
  }

  get tlsClientCert() {
    return this.#call.getAuthContext().sslPeerCertificate?.raw;
  }

  get deadlineMs() {
    const deadline = Number(this.#call.getDeadline());
    return Number.isFinite(deadline) ? deadline : undefined;
  }
}

/** A status as grpc-js ends a call with it. */
export function statusObject(status: RpcStatus): Partial<grpc.StatusObject> & Error {
  const metadata = new grpc.Metadata();
  if (status.details.length > 0) metadata.set(STATUS_DETAILS_KEY, asBuffer(encodeStatusDetails(status)));
  return Object.assign(new Error(status.message), {
    code: status.code as grpc.status,
    details: status.message,
    metadata,
  });
}
