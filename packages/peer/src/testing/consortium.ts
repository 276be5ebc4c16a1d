/** Organisations, an ordering service and clients in one process, for this package's tests. */
import { randomBytes } from "node:crypto";
import { ChannelConfig, genesisBlock } from "@hansa/channel-config";
import { Certificate, generatePrivateKey, privateKeyFromPem, privateKeyToPem, publicPart } from "@hansa/crypto";
import { createRootCa, issueCertificate } from "@hansa/crypto/issuing";
import { createSigningIdentity, mspConfigFromFiles, mspFolderFiles, type SigningIdentity } from "@hansa/msp";
import { concatBytes, NO_BYTES, silentLogger } from "@hansa/primitives";
import { RpcServer } from "@hansa/transport";
import {
  blockDataHash,
  blockHeaderBytes,
  blockHeaderHash,
  common,
  encode,
  fieldHead,
  joinBlock,
  type msp,
  orderer,
  readEnvelope,
  services,
  splitBlock,
  toLong,
  toNumber,
} from "@hansa/wire";

const YEAR_MS = 365 * 86_400_000;

export type KeyedIdentity = SigningIdentity & { readonly certPem: string; readonly keyPem: string };

export type TestOrg = {
  readonly mspId: string;
  readonly mspConfig: msp.IMSPConfig;
  readonly tlsRootPem: string;
  identity(name: string, unit: "admin" | "client" | "peer" | "orderer", validityMs?: number): KeyedIdentity;
  /** For a server on this machine, under the same root. */
  tls(name: string): { readonly certPem: string; readonly keyPem: string };
};

export function testOrg(mspId: string): TestOrg {
  const nowMs = Date.now();
  const ca = createRootCa({ commonName: `ca.${mspId}`, organization: mspId, nowMs, validityMs: 10 * YEAR_MS });
  const issuer = { certificate: Certificate.parse(ca.certPem), key: privateKeyFromPem(ca.keyPem) };
  const files = mspFolderFiles({ domain: mspId, caCertPems: [ca.certPem], tlsCaCertPems: [ca.certPem] });
  return {
    mspId,
    mspConfig: mspConfigFromFiles(files, mspId),
    tlsRootPem: ca.certPem,
    identity(name, unit, validityMs = YEAR_MS) {
      const key = generatePrivateKey("P-256");
      const certPem = issueCertificate({
        issuer,
        publicKey: publicPart(key),
        subject: { commonName: name, organizationalUnits: [unit] },
        profile: "identity",
        nowMs,
        validityMs,
      });
      return { ...createSigningIdentity(mspId, certPem, key), certPem, keyPem: privateKeyToPem(key) };
    },
    tls(name) {
      const key = generatePrivateKey("P-256");
      const certPem = issueCertificate({
        issuer,
        publicKey: publicPart(key),
        subject: { commonName: name },
        profile: "tls",
        ipAddresses: ["127.0.0.1"],
        nowMs,
        validityMs: YEAR_MS,
      });
      return { certPem, keyPem: privateKeyToPem(key) };
    },
  };
}

export function testGenesis(channelId: string, members: readonly TestOrg[], ordering: TestOrg, endpoint: string) {
  const [host = "", port = ""] = endpoint.split(":");
  const certPem = ordering.identity("consenter", "orderer").certPem;
  return genesisBlock({
    channelId,
    createdAtMs: Date.now(),
    organizations: members.map(({ mspId, mspConfig }) => ({ mspId, mspConfig })),
    ordererOrgs: [{ mspId: ordering.mspId, mspConfig: ordering.mspConfig, endpoints: [endpoint] }],
    consenters: [{ host, port: Number(port), clientTlsCertPem: certPem, serverTlsCertPem: certPem }],
  });
}

/** An ordering service without rules: each call of `order` makes one block, and streams carry them. */
export class TestOrderer {
  readonly #server = new RpcServer({ logger: silentLogger });
  readonly #blocks = new Map<string, Uint8Array[]>();
  readonly #signer: SigningIdentity;
  #address = "";

  constructor(signer: SigningIdentity) {
    this.#signer = signer;
    this.#server.addService(services.AtomicBroadcast, {
      Deliver: async (incoming, context, send) => {
        for await (const bytes of incoming) {
          const { channelHeader, data } = readEnvelope(bytes);
          const blocks = this.#blocks.get(channelHeader.channelId) ?? [];
          let number = toNumber(orderer.SeekInfo.decode(data).start?.specified?.number);
          while (!context.signal.aborted) {
            const block = blocks[number];
            if (block === undefined) await new Promise((resolve) => setTimeout(resolve, 2));
            else {
              await send(concatBytes(fieldHead(2, block.length), block));
              number += 1;
            }
          }
        }
      },
    });
  }

  get address(): string {
    return this.#address;
  }

  async start(address = "127.0.0.1:0"): Promise<string> {
    this.#address = (await this.#server.listen(address)).address;
    return this.#address;
  }

  stop(): Promise<void> {
    return this.#server.stop({ graceMs: 0 });
  }

  addChannel(genesis: Uint8Array): void {
    this.#blocks.set(ChannelConfig.fromBlock(genesis).channelId, [genesis]);
  }

  block(channelId: string, number: number): Uint8Array {
    return this.#blocks.get(channelId)?.[number] ?? NO_BYTES;
  }

  /** Number of the block that holds the envelopes. */
  order(channelId: string, ...envelopes: Uint8Array[]): number {
    const blocks = this.#blocks.get(channelId);
    const last = blocks?.at(-1);
    if (blocks === undefined || last === undefined) throw new Error(`no channel ${channelId}`);
    const previousHash = blockHeaderHash(splitBlock(last).header);
    const header = { number: BigInt(blocks.length), previousHash, dataHash: blockDataHash(envelopes) };
    const value = encode(common.OrdererBlockMetadata, { lastConfig: { index: toLong(0) } });
    const signatureHeader = encode(common.SignatureHeader, {
      creator: this.#signer.serialized,
      nonce: randomBytes(24),
    });
    const signature = this.#signer.sign(concatBytes(value, signatureHeader, blockHeaderBytes(header)));
    const signatures = encode(common.Metadata, { value, signatures: [{ signatureHeader, signature }] });
    blocks.push(joinBlock({ header, envelopes, metadata: [signatures, NO_BYTES, NO_BYTES, NO_BYTES, NO_BYTES] }));
    return blocks.length - 1;
  }
}
