/** What a handler is told about the call that it serves. */
import type { CancelSignal } from "@hansa/primitives";

export type CallContext = {
  /** Aborted when the client cancels, its deadline passes, or the connection is lost. */
  readonly signal: CancelSignal;
  readonly peerAddress: string;
  /** The `:authority` that the client asked for: usually the server's address. */
  readonly authority: string;
  /** DER of the client's TLS certificate, with mutual TLS. */
  readonly tlsClientCert: Uint8Array | undefined;
  /** When the client stops waiting, in ms since 1970; undefined without a deadline. */
  readonly deadlineMs: number | undefined;
};

/** Streams last, so theirs is a whole AbortSignal. */
export type StreamContext = CallContext & { readonly signal: AbortSignal };
