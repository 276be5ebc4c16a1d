/** Organisations and channels for tests: real certificates, made on the spot. */
import {
  Certificate,
  generatePrivateKey,
  type KeyAlgorithm,
  privateKeyFromPem,
  privateKeyToPem,
  publicPart,
} from "@hansa/crypto";
import { createRootCa, issueCertificate } from "@hansa/crypto/issuing";
import { createSigningIdentity, type SigningIdentity } from "@hansa/msp";
import { type common, common as commonTypes, encode, msp } from "@hansa/wire";
import type { ChannelProfile } from "../profile.js";
import { configUpdateEnvelope, signConfigUpdate } from "../signing.js";

const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

export type TestOrganization = {
  mspId: string;
  mspConfig: Uint8Array;
  caPem: string;
  /** P-256 unless another kind of key is asked for. */
  identity(role: TestRole, algorithm?: KeyAlgorithm): SigningIdentity;
  /** The same identity as it would lie on disk. */
  credentials(role: TestRole): { mspId: string; certPem: string; keyPem: string };
};

type TestRole = "admin" | "client" | "peer" | "orderer";

export function testOrganization(mspId: string): TestOrganization {
  const validityMs = 3650 * DAY_MS;
  const ca = createRootCa({ commonName: `ca.${mspId}`, organization: mspId, nowMs: NOW_MS, validityMs });
  const issuer = { certificate: Certificate.parse(ca.certPem), key: privateKeyFromPem(ca.keyPem) };
  const unit = (name: string) => ({ organizationalUnitIdentifier: name, certificate: Buffer.from(ca.certPem) });
  const config = encode(msp.FabricMSPConfig, {
    name: mspId,
    rootCerts: [Buffer.from(ca.certPem)],
    tlsRootCerts: [Buffer.from(ca.certPem)],
    cryptoConfig: { signatureHashFamily: "SHA2", identityIdentifierHashFunction: "SHA256" },
    fabricNodeOus: {
      enable: true,
      clientOuIdentifier: unit("client"),
      peerOuIdentifier: unit("peer"),
      adminOuIdentifier: unit("admin"),
      ordererOuIdentifier: unit("orderer"),
    },
  });
  const identities = new Map<string, SigningIdentity>();
  const keyPems = new Map<string, string>();
  return {
    mspId,
    mspConfig: encode(msp.MSPConfig, { type: 0, config }),
    caPem: ca.certPem,
    identity(role, algorithm = "P-256") {
      const known = identities.get(`${role} ${algorithm}`);
      if (known !== undefined) return known;
      const key = generatePrivateKey(algorithm);
      const certPem = issueCertificate({
        issuer,
        publicKey: publicPart(key),
        subject: { commonName: `${role}.${mspId}`, organizationalUnits: [role] },
        profile: "identity",
        nowMs: NOW_MS,
        validityMs: 365 * DAY_MS,
      });
      const keyPem = privateKeyToPem(key);
      const identity = createSigningIdentity(mspId, certPem, privateKeyFromPem(keyPem));
      identities.set(`${role} ${algorithm}`, identity);
      keyPems.set(`${role} ${algorithm}`, keyPem);
      return identity;
    },
    credentials(role) {
      const { certificate } = this.identity(role);
      return { mspId, certPem: certificate.pem, keyPem: keyPems.get(`${role} P-256`) as string };
    },
  };
}

export function testProfile(
  members: readonly TestOrganization[],
  ordererOrg: TestOrganization,
  extra: Partial<ChannelProfile> = {},
): ChannelProfile {
  return {
    channelId: "trade",
    createdAtMs: NOW_MS,
    organizations: members.map(({ mspId, mspConfig }) => ({
      mspId,
      mspConfig,
      anchorPeers: [{ host: `peer.${mspId.toLowerCase()}`, port: 7051 }],
    })),
    ordererOrgs: [{ mspId: ordererOrg.mspId, mspConfig: ordererOrg.mspConfig, endpoints: ["orderer.example:7050"] }],
    consenters: [
      { host: "orderer.example", port: 7050, clientTlsCertPem: ordererOrg.caPem, serverTlsCertPem: ordererOrg.caPem },
    ],
    ...extra,
  };
}

/** A CONFIG_UPDATE envelope signed by all of them, sent by the first. */
export function signedUpdate(update: common.IConfigUpdate, signers: readonly SigningIdentity[]): Uint8Array {
  const bytes = encode(commonTypes.ConfigUpdate, update);
  const nonce = Buffer.alloc(24, 7);
  return configUpdateEnvelope({
    channelId: update.channelId ?? "",
    update: bytes,
    signatures: signers.map((signer) => signConfigUpdate(bytes, signer, nonce)),
    submitter: signers[0]!,
    nonce,
    timestampMs: NOW_MS,
  });
}
