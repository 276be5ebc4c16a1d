/** An orderer's Journal service, as a witness uses it. One connection, made when it is first needed. */
import type { SigningIdentity } from "@hansa/msp";
import { type Bytes, type Clock, type Random, sha256 } from "@hansa/primitives";
import { type MethodDefinition, RpcClient, type TlsClient } from "@hansa/transport";
import { decode, encode, HeaderType, hansa, services, signedEnvelope, toLong, toNumber } from "@hansa/wire";

const { journal } = hansa;
const { FollowDigests, GetBlockTimes, GetConsistencyProof, CoSign } = services.Journal.methods;
const CALL_MS = 15_000;
const NONCE_BYTES = 24;

export type JournalLinkOptions = {
  readonly channelId: string;
  readonly address: string;
  readonly tls: TlsClient | undefined;
  /** DER of the client certificate that `tls` presents. */
  readonly tlsClientCert: Bytes | undefined;
  readonly signer: SigningIdentity;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
};

/** Every call throws RpcStatus when it fails, WireError for an answer that does not read. */
export class JournalLink {
  readonly #options: JournalLinkOptions;
  readonly #rpc: RpcClient;

  constructor(options: JournalLinkOptions) {
    this.#options = options;
    this.#rpc = new RpcClient(options.address, options.tls);
  }

  /** Digests that the orderer wants signed, until the signal fires or the orderer ends the stream. */
  async *digests(signal: AbortSignal): AsyncGenerator<hansa.journal.SignedDigest> {
    await this.#rpc.waitReady(this.#options.connectTimeoutMs);
    const request = this.#envelope(encode(journal.FollowDigestsRequest, {}));
    const stream = this.#rpc.serverStream(FollowDigests, request, { signal });
    try {
      for await (const bytes of stream.incoming) {
        yield decode(journal.SignedDigest, Buffer.from(bytes), "hansa.journal.SignedDigest");
      }
    } finally {
      stream.close();
    }
  }

  /** Times of these blocks, both ends included. An orderer may give fewer at once. */
  async blockTimes(first: number, last: number): Promise<number[]> {
    const request = { firstSequenceNo: toLong(first), lastSequenceNo: toLong(last) };
    const answer = await this.#ask(GetBlockTimes, encode(journal.GetBlockTimesRequest, request));
    return decode(journal.BlockTimes, answer, "hansa.journal.BlockTimes").timestampMs.map(toNumber);
  }

  async consistency(earlierTip: number, laterTip: number): Promise<hansa.journal.ConsistencyProof> {
    const request = { earlierTipSequenceNo: toLong(earlierTip), laterTipSequenceNo: toLong(laterTip) };
    const answer = await this.#ask(GetConsistencyProof, encode(journal.GetConsistencyProofRequest, request));
    return decode(journal.ConsistencyProof, Buffer.from(answer), "hansa.journal.ConsistencyProof");
  }

  async coSign(digest: Bytes, signature: Bytes): Promise<void> {
    await this.#ask(CoSign, encode(journal.CoSignRequest, { digest, signature }));
  }

  close(): void {
    this.#rpc.close();
  }

  #ask(method: MethodDefinition, data: Bytes): Promise<Uint8Array> {
    return this.#rpc.unary(method, this.#envelope(data), { timeoutMs: CALL_MS });
  }

  #envelope(data: Bytes): Uint8Array {
    const { channelId, signer, clock, random, tlsClientCert } = this.#options;
    return signedEnvelope({
      type: HeaderType.MESSAGE,
      channelId,
      creator: signer.serialized,
      nonce: random.bytes(NONCE_BYTES),
      timestampMs: clock.now(),
      ...(tlsClientCert === undefined ? {} : { tlsCertHash: sha256(tlsClientCert) }),
      data,
      sign: (payload) => signer.sign(payload),
    });
  }
}
