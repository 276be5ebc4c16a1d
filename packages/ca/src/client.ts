/** A client of one organisation's CA. Private keys are made here and stay here; the CA sees requests only. */
import type { KeyObject } from "node:crypto";
import { Certificate, createSigner } from "@hansa/crypto";
import {
  type Bytes,
  type Clock,
  type MspId,
  messageOf,
  NO_BYTES,
  type Random,
  systemClock,
  systemRandom,
  toUtf8,
} from "@hansa/primitives";
import { type RpcClient, RpcStatus } from "@hansa/transport";
import { type common, decode, encode, hansa, readPair, services, toLong, toNumber } from "@hansa/wire";
import { CaError } from "./error.js";
import { writeAsk, writeRegistration } from "./messages.js";
import type { CertificateAsk, Registration } from "./registration.js";
import { faultOf } from "./service.js";
import { type CaSigner, signRequest } from "./signed-requests.js";

export type CaInfo = { name: string; caCertificatePem: string; tlsCaCertificatePem: string; version: string };

/** Only `csrPem` is needed. */
export type Ask = Partial<CertificateAsk> & Pick<CertificateAsk, "csrPem">;
/** Only `id` and `type` are needed. */
export type NewIdentity = Partial<Registration> & Pick<Registration, "id" | "type">;

/** What a decision makes of one channel. */
export type EnactmentRequest = {
  readonly enactmentId: string;
  readonly channelId: string;
  /** The configuration that the update starts from. */
  readonly current: common.IConfig;
  /** Bytes of common.ConfigUpdate. */
  readonly configUpdate: Bytes;
};

/** Encoded hansa.governance.StrandBlock messages from this number on, all that there are. */
export type BlocksFrom = (sequenceNo: number) => Promise<readonly Bytes[]>;

type Method = keyof typeof services.HansaCa.methods;

const DEFAULT_TIMEOUT_MS = 10_000;
const CHUNK_BYTES = 4 * 1024 * 1024;
/** The authority may have been restarted since it was last told of the strand, and again while it is told. */
const MAX_TELLINGS = 3;

/** What an enrolled identity signs its requests with. */
export function caSigner(certPem: string, key: KeyObject): CaSigner {
  const signer = createSigner(key);
  return { certificate: Certificate.parse(certPem), sign: (message) => signer.sign(message) };
}

export class CaClient {
  readonly #rpc: RpcClient;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #random: Random;
  #name: string | undefined;
  /** How much of the governance strand the authority had seen when it last answered. */
  #toldBlocks = 0;

  /** @param options `caName` spares the question for it before the first signed request */
  constructor(rpc: RpcClient, options: { caName?: string; timeoutMs?: number; clock?: Clock; random?: Random } = {}) {
    this.#rpc = rpc;
    this.#name = options.caName;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
  }

  async info(): Promise<CaInfo> {
    const answer = await this.#call("Info", encode(hansa.ca.InfoRequest, {}));
    const { caName, caCertificatePem, tlsCaCertificatePem, version } = decode(
      hansa.ca.InfoResponse,
      answer,
      "hansa.ca.InfoResponse",
    );
    this.#name = caName;
    return { name: caName, caCertificatePem, tlsCaCertificatePem, version };
  }

  /** Returns the certificate, PEM. @throws CaError UNAUTHENTICATED, REFUSED, BAD_REQUEST, OVERLOADED, UNAVAILABLE */
  async enroll(request: { id: string; secret: string } & Ask): Promise<string> {
    const { id: enrollmentId, secret } = request;
    const answer = await this.#call(
      "Enroll",
      encode(hansa.ca.EnrollRequest, { enrollmentId, secret, ask: writeAsk(request) }),
    );
    return decode(hansa.ca.EnrollResponse, answer, "hansa.ca.EnrollResponse").certificatePem;
  }

  /** Registers and certifies in one step, all or none. Returns the certificates of each item in the order of its asks. */
  async enrollMany(signer: CaSigner, items: readonly (NewIdentity & { asks: readonly Ask[] })[]): Promise<string[][]> {
    const request = encode(hansa.ca.EnrollManyRequest, {
      items: items.map((item) => ({ registration: writeRegistration(item), asks: item.asks.map(writeAsk) })),
    });
    const answer = await this.#signed("EnrollMany", signer, request);
    return decode(hansa.ca.EnrollManyResponse, answer, "hansa.ca.EnrollManyResponse").items.map(
      (item) => item.certificatePems ?? [],
    );
  }

  /** Returns the secret, which is nowhere else. */
  async register(signer: CaSigner, identity: NewIdentity): Promise<string> {
    const answer = await this.#signed(
      "Register",
      signer,
      encode(hansa.ca.RegisterRequest, writeRegistration(identity)),
    );
    return decode(hansa.ca.RegisterResponse, answer, "hansa.ca.RegisterResponse").secret;
  }

  async reenroll(signer: CaSigner, ask: Ask): Promise<string> {
    const answer = await this.#signed("Reenroll", signer, encode(hansa.ca.ReenrollRequest, { ask: writeAsk(ask) }));
    return decode(hansa.ca.EnrollResponse, answer, "hansa.ca.EnrollResponse").certificatePem;
  }

  /** By id, or one certificate by serial number. Returns the serial numbers that were not revoked before. */
  async revoke(
    signer: CaSigner,
    target: { id: string; reason?: string } | { serialHex: string; reason?: string },
  ): Promise<string[]> {
    const request = encode(hansa.ca.RevokeRequest, {
      enrollmentId: "id" in target ? target.id : "",
      serialHex: "serialHex" in target ? target.serialHex : "",
      reason: target.reason ?? "",
    });
    const answer = await this.#signed("Revoke", signer, request);
    return decode(hansa.ca.RevokeResponse, answer, "hansa.ca.RevokeResponse").serialHex;
  }

  async revocationLists(signer: CaSigner): Promise<{ crlPem: string; tlsCrlPem: string }> {
    const answer = await this.#signed("GetCrl", signer, encode(hansa.ca.GetCrlRequest, {}));
    const { crlPem, tlsCrlPem } = decode(hansa.ca.GetCrlResponse, answer, "hansa.ca.GetCrlResponse");
    return { crlPem, tlsCrlPem };
  }

  /** The organisation's governance identity (msp.SerializedIdentity), made at the first request. */
  async governanceIdentity(signer: CaSigner, mspId: MspId): Promise<Bytes> {
    const request = encode(hansa.governance.GovernanceIdentityRequest, { mspId });
    const answer = await this.#signed("GovernanceIdentity", signer, request);
    const name = "hansa.governance.GovernanceIdentityResponse";
    return decode(hansa.governance.GovernanceIdentityResponse, answer, name).identity;
  }

  /**
   * The organisation's signature under an act of its own.
   * @param record bytes of hansa.governance.Record
   * @throws CaError FORBIDDEN when the act is another's
   */
  async signGovernanceRecord(signer: CaSigner, record: Bytes): Promise<{ identity: Bytes; signature: Bytes }> {
    const request = encode(hansa.governance.SignRecordRequest, { record });
    const answer = await this.#signed("SignGovernanceRecord", signer, request);
    const name = "hansa.governance.SignRecordResponse";
    const { signature } = decode(hansa.governance.SignRecordResponse, answer, name);
    return { identity: signature?.identity ?? NO_BYTES, signature: signature?.signature ?? NO_BYTES };
  }

  /**
   * The organisation's signature under a channel update that it stands for. The authority judges that by the strand,
   * which it is told as far as it does not know it.
   * @throws CaError FORBIDDEN when it does not stand for it, or the update is another one; NOT_FOUND when no such
   *   decision waits
   */
  async signEnactment(
    signer: CaSigner,
    request: EnactmentRequest,
    blocksFrom: BlocksFrom,
  ): Promise<common.IConfigSignature> {
    for (let telling = 1; ; telling++) {
      const first = this.#toldBlocks;
      try {
        const signature = await this.#tellAndAsk(signer, request, first, await blocksFrom(first));
        if (signature) return signature;
        throw new CaError("UNAVAILABLE", "the authority answered without a signature");
      } catch (error) {
        const needed = blocksNeeded(error);
        if (needed === undefined || telling >= MAX_TELLINGS) throw error;
        this.#toldBlocks = needed;
      }
    }
  }

  async #tellAndAsk(
    signer: CaSigner,
    request: EnactmentRequest,
    first: number,
    blocks: readonly Bytes[],
  ): Promise<common.IConfigSignature | null | undefined> {
    const { SignEnactmentRequest, SignEnactmentResponse, StrandBlock } = hansa.governance;
    const ask = async (message: hansa.governance.ISignEnactmentRequest) => {
      const answer = await this.#signed("SignEnactment", signer, encode(SignEnactmentRequest, message));
      const decoded = decode(SignEnactmentResponse, answer, "hansa.governance.SignEnactmentResponse");
      this.#toldBlocks = toNumber(decoded.nextSequenceNo);
      return decoded.signature;
    };
    let firstSequenceNo = first;
    let chunk: hansa.governance.StrandBlock[] = [];
    let bytes = 0;
    for (const block of blocks) {
      if (chunk.length > 0 && bytes + block.length > CHUNK_BYTES) {
        await ask({ firstSequenceNo: toLong(firstSequenceNo), blocks: chunk });
        firstSequenceNo += chunk.length;
        chunk = [];
        bytes = 0;
      }
      chunk.push(decode(StrandBlock, block, "hansa.governance.StrandBlock"));
      bytes += block.length;
    }
    return ask({ ...request, firstSequenceNo: toLong(firstSequenceNo), blocks: chunk });
  }

  async #signed(method: Method, signer: CaSigner, request: Uint8Array): Promise<Uint8Array> {
    const caName = this.#name ?? (await this.info()).name;
    return this.#call(
      method,
      signRequest(signer, { caName, method, request, clock: this.#clock, random: this.#random }),
    );
  }

  async #call(method: Method, request: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#rpc.unary(services.HansaCa.methods[method], request, { timeoutMs: this.#timeoutMs });
    } catch (cause) {
      const fault = cause instanceof RpcStatus ? faultOf(cause.code) : "UNAVAILABLE";
      throw new CaError(fault, messageOf(cause), { cause });
    }
  }
}

/** From which block on the authority wants to be told of the strand, if that is why it refused. */
function blocksNeeded(error: unknown): number | undefined {
  if (!(error instanceof CaError) || !(error.cause instanceof RpcStatus)) return undefined;
  for (const detail of error.cause.details) {
    const [type, bytes] = readPair(detail, "google.protobuf.Any");
    if (!toUtf8(type).endsWith("/hansa.governance.BlocksNeeded")) continue;
    return toNumber(decode(hansa.governance.BlocksNeeded, bytes, "hansa.governance.BlocksNeeded").firstSequenceNo);
  }
  return undefined;
}
