/** A small network and a client of the ordering service, for this package's tests. */
import { randomBytes } from "node:crypto";
import { genesisBlock } from "@hansa/channel-config";
import { type TestOrganization, testOrganization, testProfile } from "@hansa/channel-config/testing";
import { Certificate, generatePrivateKey, privateKeyFromPem, privateKeyToPem, publicPart } from "@hansa/crypto";
import { createRootCa, issueCertificate } from "@hansa/crypto/issuing";
import type { SigningIdentity } from "@hansa/msp";
import { type Clock, sha256, type UnixMs } from "@hansa/primitives";
import { RpcClient, type TlsClient } from "@hansa/transport";
import { common, encode, HeaderType, orderer, services, signedEnvelope } from "@hansa/wire";

const STARTED_MS = Date.now();

/** Runs like the real clock, in the time in which the test certificates are valid. */
export const testClock: Clock = {
  now: () => (Date.UTC(2026, 5, 1) + Date.now() - STARTED_MS) as UnixMs,
};

export function testNetwork(memberIds: readonly string[] = ["BreweryMSP", "PubMSP"]) {
  const orgs: TestOrganization[] = memberIds.map(testOrganization);
  const ordererOrg = testOrganization("OrdererMSP");
  const profile = testProfile(orgs, ordererOrg, { absoluteMaxBytes: 262_144, preferredMaxBytes: 65_536 });
  const genesis = genesisBlock(profile);
  return { orgs, ordererOrg, profile, genesis, ordererIdentity: ordererOrg.identity("orderer") };
}

/** A TLS authority with one certificate for 127.0.0.1 and one for a client. */
export function testTls() {
  const times = { nowMs: Date.now(), validityMs: 3_600_000 };
  const ca = createRootCa({ commonName: "tlsca", organization: "test", ...times });
  const issuer = { certificate: Certificate.parse(ca.certPem), key: privateKeyFromPem(ca.keyPem) };
  const issue = (commonName: string) => {
    const key = generatePrivateKey("P-256");
    const subject = { commonName };
    const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
    const certPem = issueCertificate({
      issuer,
      publicKey: publicPart(key),
      subject,
      profile: "tls",
      ...times,
      ...names,
    });
    return { certPem, keyPem: privateKeyToPem(key) };
  };
  const client = issue("client");
  return {
    caPem: ca.certPem,
    server: issue("orderer"),
    client,
    clientCertHash: sha256(Certificate.parse(client.certPem).raw),
  };
}

export type EnvelopeExtras = {
  type?: number;
  data?: string;
  spoil?: boolean;
  timestampMs?: number;
  tlsCertHash?: Uint8Array;
};
export type Answer = { status: number; info: string };

export class TestClient {
  readonly #rpc: RpcClient;

  constructor(address: string, tls?: TlsClient) {
    this.#rpc = new RpcClient(address, tls);
  }

  close(): void {
    this.#rpc.close();
  }

  envelope(signer: SigningIdentity, channelId: string, extras: EnvelopeExtras = {}, data?: Uint8Array): Uint8Array {
    return signedEnvelope({
      type: extras.type ?? HeaderType.ENDORSER_TRANSACTION,
      channelId,
      txId: "a transaction",
      creator: signer.serialized,
      nonce: randomBytes(24),
      timestampMs: extras.timestampMs ?? testClock.now(),
      ...(extras.tlsCertHash === undefined ? {} : { tlsCertHash: extras.tlsCertHash }),
      data: data ?? Buffer.from(extras.data ?? "data"),
      sign: (payload) => {
        const signature = Buffer.from(signer.sign(payload));
        if (extras.spoil) signature[signature.length - 1] = (signature.at(-1) as number) ^ 1;
        return signature;
      },
    });
  }

  /** Sends all on one stream; the answers until the server ends it. */
  async broadcast(envelopes: readonly Uint8Array[]): Promise<Answer[]> {
    const call = this.#rpc.bidi(services.AtomicBroadcast.methods.Broadcast);
    for (const envelope of envelopes) void call.send(envelope);
    call.end();
    const answers: Answer[] = [];
    for await (const bytes of call.incoming) {
      const { status, info } = orderer.BroadcastResponse.decode(bytes);
      answers.push({ status, info });
    }
    return answers;
  }

  seek(
    signer: SigningIdentity,
    channelId: string,
    start: orderer.ISeekPosition | undefined,
    stop: orderer.ISeekPosition,
    seek: Partial<orderer.ISeekInfo> = {},
    extras: EnvelopeExtras = {},
  ): Uint8Array {
    const data = encode(orderer.SeekInfo, { start: start ?? null, stop, ...seek });
    return this.envelope(signer, channelId, { type: HeaderType.DELIVER_SEEK_INFO, ...extras }, data);
  }

  deliver(...seek: Parameters<TestClient["seek"]>): Promise<{ blocks: Uint8Array[]; status: number }> {
    return this.deliverRaw(this.seek(...seek));
  }

  async deliverRaw(envelope: Uint8Array): Promise<{ blocks: Uint8Array[]; status: number }> {
    const call = this.#rpc.bidi(services.AtomicBroadcast.methods.Deliver);
    void call.send(envelope);
    const blocks: Uint8Array[] = [];
    for await (const bytes of call.incoming) {
      const { block, status } = orderer.DeliverResponse.decode(bytes);
      if (!block) {
        call.end();
        call.close();
        return { blocks, status: status ?? -1 };
      }
      blocks.push(encode(common.Block, block));
    }
    throw new Error("the stream ended without a status");
  }

  follow(...seek: Parameters<TestClient["seek"]>) {
    const call = this.#rpc.bidi(services.AtomicBroadcast.methods.Deliver);
    void call.send(this.seek(...seek));
    const incoming = call.incoming[Symbol.asyncIterator]();
    const next = async () => {
      const { value, done } = await incoming.next();
      if (done) throw new Error("the stream ended");
      return orderer.DeliverResponse.decode(value as Uint8Array);
    };
    return {
      nextBlock: async () => {
        const { block } = await next();
        if (!block) throw new Error("a status instead of a block");
        return encode(common.Block, block);
      },
      /** Skips blocks. */
      nextStatus: async () => {
        for (;;) {
          const response = await next();
          if (!response.block) return response.status;
        }
      },
      close: () => call.close(),
    };
  }
}
