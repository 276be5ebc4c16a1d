/**
 * One stream of blocks from one orderer: a signed SeekInfo from a number to the end of time, then blocks.
 * Source: hyperledger/fabric, internal/pkg/peer/blocksprovider.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { SigningIdentity } from "@hansa/msp";
import { type Clock, messageOf, type Random, sha256 } from "@hansa/primitives";
import { RpcClient, type Send, type TlsClient } from "@hansa/transport";
import {
  common,
  decode,
  encode,
  FieldScanner,
  HeaderType,
  orderer,
  services,
  signedEnvelope,
  statusName,
  toLong,
} from "@hansa/wire";

/** Hands every encoded orderer.DeliverResponse to one seek to `send`, and waits where that returns a promise. */
export type Deliver = (seekEnvelope: Uint8Array, send: Send, signal: AbortSignal) => Promise<void>;

export type OrdererStreamOptions = {
  readonly channelId: string;
  readonly address: string;
  readonly tls: TlsClient | undefined;
  /** Deliver of an orderer in this process, in place of a connection. */
  readonly deliver: Deliver | undefined;
  /** DER of the client certificate that `tls` presents. */
  readonly tlsClientCert: Uint8Array | undefined;
  readonly from: number;
  readonly signer: SigningIdentity;
  readonly clock: Clock;
  readonly random: Random;
  readonly connectTimeoutMs: number;
  /** When no block has come for a while, the orderer is asked for a sign of life; undefined where there is no other. */
  readonly watch: StreamWatch | undefined;
  readonly onBlock: (block: Uint8Array) => void;
  readonly onEnd: (reason: string) => void;
};

export type StreamWatch = { readonly silentMs: number; readonly answerMs: number };

const NO_END = 2n ** 64n - 1n;
const NONCE_BYTES = 24;

export class OrdererStream {
  readonly #options: OrdererStreamOptions;
  readonly #stop = new AbortController();
  #resume: (() => void) | undefined;
  #isPaused = false;
  #heard = 0;

  constructor(options: OrdererStreamOptions) {
    this.#options = options;
    void this.#run();
  }

  /** Blocks that are on their way already still come, a few at most; then the orderer waits. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#resume?.();
  }

  /** Nothing is reported after this. */
  close(): void {
    this.#stop.abort();
    this.#resume?.();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { deliver } = this.#options;
    let reason = "the orderer ended the stream";
    try {
      if (deliver === undefined) await this.#dial();
      else await deliver(seekEnvelope(this.#options), (bytes) => this.#receive(bytes), signal);
    } catch (error) {
      reason = messageOf(error);
    } finally {
      if (!signal.aborted) this.#options.onEnd(reason);
      this.#stop.abort();
    }
  }

  async #dial(): Promise<void> {
    const { signal } = this.#stop;
    const { address, tls, connectTimeoutMs } = this.#options;
    const client = new RpcClient(address, tls);
    try {
      await client.waitReady(connectTimeoutMs);
      if (signal.aborted) return;
      const stream = client.bidi(services.AtomicBroadcast.methods.Deliver, { signal });
      await stream.send(seekEnvelope(this.#options));
      await new Promise<void>((resolve, reject) => {
        stream.incoming.subscribe(
          (bytes) => this.#receive(bytes),
          (error) => (error === undefined ? resolve() : reject(error)),
        );
        this.#untilSilent(client).then(resolve, reject);
      });
    } finally {
      client.close();
    }
  }

  /** Settles when this ends. @throws Error when the orderer gives no sign of life: its process hangs, or the way to it does */
  async #untilSilent(client: RpcClient): Promise<void> {
    const { watch } = this.#options;
    const { signal } = this.#stop;
    const wait = (ms: number) => pause(ms, undefined, { signal, ref: false }).catch(() => {});
    while (watch !== undefined && !signal.aborted) {
      const heard = this.#heard;
      await wait(watch.silentMs);
      if (signal.aborted || this.#isPaused || this.#heard > heard) continue;
      if ((await client.isAnswering(watch.answerMs)) || this.#heard > heard || signal.aborted) continue;
      throw new Error(`the orderer gives no sign of life for ${watch.silentMs + watch.answerMs} ms`);
    }
    if (!signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }

  /** @throws Error with what the orderer answered in place of a block */
  #receive(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#stop.signal.aborted) return undefined;
    this.#heard++;
    const { block, status } = readDeliverResponse(bytes);
    if (block === undefined) throw new Error(`the orderer answered ${statusName(status)}`);
    this.#options.onBlock(block);
    return this.#isPaused ? this.#untilResumed() : undefined;
  }

  async #untilResumed(): Promise<void> {
    while (this.#isPaused && !this.#stop.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
      });
    }
  }
}

/** A signed request for all blocks from a number on, waiting for those that are not there yet. */
export function seekEnvelope({
  channelId,
  from,
  signer,
  clock,
  random,
  tlsClientCert,
}: Pick<OrdererStreamOptions, "channelId" | "from" | "signer" | "clock" | "random" | "tlsClientCert">): Uint8Array {
  const data = encode(orderer.SeekInfo, {
    start: { specified: { number: toLong(from) } },
    stop: { specified: { number: toLong(NO_END) } },
    behavior: orderer.SeekInfo.SeekBehavior.BLOCK_UNTIL_READY,
  });
  return signedEnvelope({
    type: HeaderType.DELIVER_SEEK_INFO,
    channelId,
    creator: signer.serialized,
    nonce: random.bytes(NONCE_BYTES),
    timestampMs: clock.now(),
    ...(tlsClientCert === undefined ? {} : { tlsCertHash: sha256(tlsClientCert) }),
    data,
    sign: (payload) => signer.sign(payload),
  });
}

/** orderer.DeliverResponse: status = 1 or block = 2, the block as the bytes that came. */
function readDeliverResponse(bytes: Uint8Array): { block: Uint8Array | undefined; status: common.Status } {
  const scanner = new FieldScanner(bytes, "orderer.DeliverResponse");
  while (scanner.next()) {
    if (scanner.number === 2 && scanner.wireType === 2) return { block: scanner.bytes, status: common.Status.SUCCESS };
  }
  return { block: undefined, status: decode(orderer.DeliverResponse, bytes, "orderer.DeliverResponse").status ?? 0 };
}
