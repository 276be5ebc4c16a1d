/**
 * One stream of blocks from one orderer: a signed SeekInfo from a number to the end of time, then blocks.
 * Source: hyperledger/fabric, internal/pkg/peer/blocksprovider.
 */
import type { SigningIdentity } from "@hansa/msp";
import { type Clock, messageOf, type Random, sha256 } from "@hansa/primitives";
import { RpcClient, type TlsClient } from "@hansa/transport";
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

export type OrdererStreamOptions = {
  readonly channelId: string;
  readonly address: string;
  readonly tls: TlsClient | undefined;
  /** DER of the client certificate that `tls` presents. */
  readonly tlsClientCert: Uint8Array | undefined;
  readonly from: number;
  readonly signer: SigningIdentity;
  readonly clock: Clock;
  readonly random: Random;
  readonly connectTimeoutMs: number;
  readonly onBlock: (block: Uint8Array) => void;
  readonly onEnd: (reason: string) => void;
};

const NO_END = 2n ** 64n - 1n;
const NONCE_BYTES = 24;

export class OrdererStream {
  readonly #options: OrdererStreamOptions;
  readonly #client: RpcClient;
  readonly #stop = new AbortController();
  #resume: (() => void) | undefined;
  #isPaused = false;

  constructor(options: OrdererStreamOptions) {
    this.#options = options;
    this.#client = new RpcClient(options.address, options.tls);
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
    let reason = "the orderer ended the stream";
    try {
      await this.#client.waitReady(this.#options.connectTimeoutMs);
      if (signal.aborted) return;
      const stream = this.#client.bidi(services.AtomicBroadcast.methods.Deliver, { signal });
      await stream.send(seekEnvelope(this.#options));
      for await (const bytes of stream.incoming) {
        if (signal.aborted) return;
        const { block, status } = readDeliverResponse(bytes);
        if (block === undefined) {
          reason = `the orderer answered ${statusName(status)}`;
          break;
        }
        this.#options.onBlock(block);
        if (this.#isPaused) await this.#untilResumed();
      }
    } catch (error) {
      reason = messageOf(error);
    } finally {
      this.#client.close();
      if (!signal.aborted) this.#options.onEnd(reason);
      this.#stop.abort();
    }
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
