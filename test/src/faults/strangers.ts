/** Identities that should not be let in: of an unknown authority, expired, revoked. */

import { createPublicKey, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { CaClient, caSigner } from "@hansa/ca";
import { computeConfigUpdate, configUpdateEnvelope, signConfigUpdate } from "@hansa/channel-config";
import { Certificate, generatePrivateKey, privateKeyFromPem } from "@hansa/crypto";
import { createCsr, createRootCa, issueCertificate } from "@hansa/crypto/issuing";
import { createSigningIdentity, type SigningIdentity } from "@hansa/msp";
import type { Member } from "@hansa/network";
import type { RpcClient } from "@hansa/transport";
import { common, decode, encode, msp } from "@hansa/wire";
import { until } from "../support/until.js";

const HOUR_MS = 3_600_000;

/** Says it belongs to the member, with a certificate of an authority that nobody knows. */
export function forgedIdentity(mspId: string): SigningIdentity {
  const nowMs = Date.now();
  const root = createRootCa({
    commonName: "ca.alpha.example.com",
    organization: "alpha.example.com",
    validityMs: HOUR_MS,
    nowMs,
  });
  const key = generatePrivateKey("P-256");
  const certPem = issueCertificate({
    issuer: { certificate: Certificate.parse(root.certPem), key: privateKeyFromPem(root.keyPem) },
    publicKey: createPublicKey(key),
    subject: { commonName: "Stranger", organizationalUnits: ["client"] },
    profile: "identity",
    nowMs,
    validityMs: HOUR_MS,
  });
  return createSigningIdentity(mspId, certPem, key, null);
}

function adminOf(member: Member) {
  const folder = member.mspFolder("Admin");
  const certPem = readFileSync(path.join(folder, "signcerts", `Admin@${member.domain}-cert.pem`), "utf8");
  return caSigner(certPem, privateKeyFromPem(readFileSync(path.join(folder, "keystore", "priv_sk"), "utf8")));
}

/** A second certificate of the member's administrator, good for so long. */
export async function reenrolled(ca: RpcClient, member: Member, validityMs: number): Promise<SigningIdentity> {
  const key = generatePrivateKey("P-256");
  const csrPem = createCsr({ key, subject: { commonName: "Admin" } });
  const certPem = await new CaClient(ca).reenroll(adminOf(member), { csrPem, validityMs });
  return createSigningIdentity(member.mspId, certPem, key, null);
}

export async function expiredIdentity(ca: RpcClient, member: Member): Promise<SigningIdentity> {
  const identity = await reenrolled(ca, member, 1_500);
  await until("a certificate to expire", async () => (Date.now() > identity.certificate.notAfterMs ? true : undefined));
  return identity;
}

/** An identity whose certificate the authority revoked, and the CONFIG_UPDATE that tells the channel. */
export async function revokedIdentity(
  ca: RpcClient,
  member: Member,
  admin: SigningIdentity,
  config: common.IConfig,
): Promise<{ identity: SigningIdentity; update: Uint8Array }> {
  const identity = await reenrolled(ca, member, HOUR_MS);
  const client = new CaClient(ca);
  await client.revoke(adminOf(member), { serialHex: identity.certificate.serialHex });
  const { crlPem } = await client.revocationLists(adminOf(member));
  const updated = decode(common.Config, encode(common.Config, config), "common.Config");
  const value = updated.channelGroup!.groups!.Application!.groups![member.mspId]!.values!.MSP!;
  const mspConfig = decode(msp.MSPConfig, value.value!, "msp.MSPConfig");
  const fabric = decode(msp.FabricMSPConfig, mspConfig.config, "msp.FabricMSPConfig");
  fabric.revocationList = [Buffer.from(crlPem)];
  mspConfig.config = encode(msp.FabricMSPConfig, fabric);
  value.value = encode(msp.MSPConfig, mspConfig);
  const update = encode(common.ConfigUpdate, computeConfigUpdate("trade", config, updated));
  return {
    identity,
    update: configUpdateEnvelope({
      channelId: "trade",
      update,
      signatures: [signConfigUpdate(update, admin, randomBytes(24))],
      submitter: admin,
      nonce: randomBytes(24),
      timestampMs: Date.now(),
    }),
  };
}
