/** Members made for tests. Not exported from the package. */
import type { KeyObject } from "node:crypto";
import { Certificate, generatePrivateKey, type KeyAlgorithm, privateKeyFromPem, publicPart } from "@hansa/crypto";
import {
  createIntermediateCa,
  createRevocationList,
  createRootCa,
  type Issuer,
  issueCertificate,
} from "@hansa/crypto/issuing";
import { type MspFolder, mspConfigFromFiles, mspFolderFiles } from "./folder.js";
import { Msp, type MspOptions } from "./msp.js";
import { createSigningIdentity, type SigningIdentity } from "./signing-identity.js";

export const NOW = Date.UTC(2026, 10, 21, 12);
export const YEAR = 365 * 86_400_000;

export function rootCa(name: string, algorithm: KeyAlgorithm = "P-256"): Issuer {
  return keyed(
    createRootCa({ commonName: `ca.${name}`, organization: name, algorithm, validityMs: 10 * YEAR, nowMs: NOW }),
  );
}

export function intermediateCa(issuer: Issuer, name: string): Issuer {
  return keyed(
    createIntermediateCa({ issuer, commonName: name, organization: name, validityMs: 5 * YEAR, nowMs: NOW }),
  );
}

function keyed({ certPem, keyPem }: { certPem: string; keyPem: string }): Issuer {
  return { certificate: Certificate.parse(certPem), key: privateKeyFromPem(keyPem) };
}

export type Made = { certPem: string; key: KeyObject; certificate: Certificate };

export function certify(issuer: Issuer, commonName: string, units: readonly string[], more: Partial<Ask> = {}): Made {
  const key = generatePrivateKey(more.algorithm ?? "P-256");
  const certPem = issueCertificate({
    issuer,
    publicKey: publicPart(key),
    subject: { commonName, organizationalUnits: units },
    profile: more.profile ?? "identity",
    nowMs: NOW,
    validityMs: more.validityMs ?? YEAR,
  });
  return { certPem, key, certificate: Certificate.parse(certPem) };
}

type Ask = { algorithm: KeyAlgorithm; profile: "identity" | "tls"; validityMs: number };

export function mspOf(
  mspId: string,
  folder: Partial<MspFolder> & Pick<MspFolder, "caCertPems">,
  options?: MspOptions,
): Msp {
  return Msp.fromConfig(mspConfigFromFiles(mspFolderFiles({ domain: "test", ...folder }), mspId), options);
}

export function revocationList(issuer: Issuer, revoked: readonly Made[]): string {
  return createRevocationList({
    issuer,
    revoked: revoked.map(({ certificate }) => ({ serialHex: certificate.serialHex, revokedAtMs: NOW })),
    number: 1,
    nowMs: NOW,
    nextUpdateMs: NOW + YEAR,
  });
}

export function signerOf(mspId: string, made: Made): SigningIdentity {
  return createSigningIdentity(mspId, made.certPem, made.key, null);
}
