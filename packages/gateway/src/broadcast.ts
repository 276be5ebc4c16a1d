/**
 * AtomicBroadcast.Broadcast to one orderer: a few streams that stay open, each with many envelopes under way. An
 * orderer answers in the order in which a stream's envelopes came, so answers find their askers by position.
 *
 * An orderer ends a stream with its first refusal, and leaves unanswered what came after it. Those envelopes are not
 * to blame and are sent again on another stream; one that was ordered after all is then a duplicate, which peers
 * recognise by its transaction id.
 */
import { type ClientStream, GrpcStatus, RpcClient, RpcStatus, type TlsClient } from "@hansa/transport";
import { decode, orderer, Status, services } from "@hansa/wire";
import type { GatewayOrderer } from "./host.js";

/** A stream more is opened only while all others wait for answers. */
const MAX_STREAMS = 4;
/** How often one envelope may find itself behind a refused one. */
const MAX_RESENDS = 8;

export type BroadcastAnswer = { readonly status: number; readonly info: string };

type Asker = {
  readonly since: number;
  resolve(answer: BroadcastAnswer | "unanswered"): void;
  reject(error: Error): void;
};

export class BroadcastClient {
  readonly #orderer: GatewayOrderer;
  readonly #tlsIdentity: TlsIdentity | undefined;
  #client: RpcClient | undefined;
  readonly #streams = new Set<BroadcastStream>();

  constructor(target: GatewayOrderer, tlsIdentity: TlsIdentity | undefined) {
    this.#orderer = target;
    this.#tlsIdentity = tlsIdentity;
  }

  /**
   * @param envelope bytes of common.Envelope, sent as they are
   * @throws RpcStatus when there is no answer within the time
   */
  async send(envelope: Uint8Array, timeoutMs: number): Promise<BroadcastAnswer> {
    const { broadcast } = this.#orderer;
    return within(broadcast ? broadcast(envelope).then(readAnswer) : this.#ask(envelope), timeoutMs);
  }

  /** How long the orderer has left somebody without an answer by now, ms; 0 when nobody waits. */
  get silentMs(): number {
    let since = Number.POSITIVE_INFINITY;
    for (const stream of this.#streams) since = Math.min(since, stream.waitsSince);
    return Math.max(0, performance.now() - since);
  }

  async #ask(envelope: Uint8Array): Promise<BroadcastAnswer> {
    for (let attempt = 0; attempt <= MAX_RESENDS; attempt++) {
      const answer = await this.#freestStream().send(envelope);
      if (answer !== "unanswered") return answer;
    }
    throw new RpcStatus(GrpcStatus.UNAVAILABLE, "the orderer ended the stream before it answered");
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
    this.#client?.close();
    this.#client = undefined;
  }

  #freestStream(): BroadcastStream {
    let freest: BroadcastStream | undefined;
    for (const stream of this.#streams) {
      if (freest === undefined || stream.underWay < freest.underWay) freest = stream;
    }
    if (freest !== undefined && (freest.underWay === 0 || this.#streams.size >= MAX_STREAMS)) return freest;
    this.#client ??= new RpcClient(this.#orderer.address, tlsOf(this.#orderer, this.#tlsIdentity));
    const stream = new BroadcastStream(this.#client.bidi(services.AtomicBroadcast.methods.Broadcast), () => {
      this.#streams.delete(stream);
    });
    this.#streams.add(stream);
    return stream;
  }
}

export type TlsIdentity = { readonly certPem: string; readonly keyPem: string };

class BroadcastStream {
  readonly #stream: ClientStream;
  readonly #askers: Asker[] = [];
  readonly #onEnd: () => void;
  #ended = false;

  constructor(stream: ClientStream, onEnd: () => void) {
    this.#stream = stream;
    this.#onEnd = onEnd;
    stream.incoming.subscribe(
      (bytes) => this.#answered(bytes),
      (error) => this.#end(error ?? new RpcStatus(GrpcStatus.UNAVAILABLE, "the orderer closed the stream")),
    );
  }

  get underWay(): number {
    return this.#askers.length;
  }

  /** When the oldest envelope without an answer was sent; infinite without any. */
  get waitsSince(): number {
    return this.#askers[0]?.since ?? Number.POSITIVE_INFINITY;
  }

  send(envelope: Uint8Array): Promise<BroadcastAnswer | "unanswered"> {
    return new Promise((resolve, reject) => {
      this.#askers.push({ since: performance.now(), resolve, reject });
      void this.#stream.send(envelope);
    });
  }

  close(): void {
    this.#stream.close();
  }

  #answered(bytes: Uint8Array): void {
    if (this.#ended) return;
    let answer: BroadcastAnswer;
    try {
      answer = readAnswer(bytes);
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    this.#askers.shift()?.resolve(answer);
    if (answer.status === Status.SUCCESS) return;
    this.#end(undefined);
  }

  #end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    this.#stream.end();
    if (error !== undefined) this.close();
    for (const asker of this.#askers.splice(0)) {
      if (error === undefined) asker.resolve("unanswered");
      else asker.reject(error);
    }
  }
}

function readAnswer(bytes: Uint8Array): BroadcastAnswer {
  const { status, info } = decode(orderer.BroadcastResponse, bytes, "BroadcastResponse");
  return { status, info };
}

function tlsOf(target: GatewayOrderer, identity: TlsIdentity | undefined): TlsClient | undefined {
  if (target.tlsRootPems.length === 0) return undefined;
  const { tlsRootPems: rootPems, serverName } = target;
  return { rootPems, ...identity, ...(serverName === undefined ? {} : { serverName }) };
}

function within<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new RpcStatus(GrpcStatus.DEADLINE_EXCEEDED, "context deadline exceeded")),
      timeoutMs,
    );
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
