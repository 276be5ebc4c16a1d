/**
 * The two roots of an organisation: one signs identities, one signs TLS certificates, as in every Fabric network.
 *
 *     <folder>/ca-cert.pem, tlsca-cert.pem   the certificates
 *     <folder>/keys.json                     both private keys, encrypted
 *     <folder>/passphrase                    only when the operator gives none
 */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { Certificate, type KeyAlgorithm, privateKeyFromPem } from "@hansa/crypto";
import { createRootCa, type Issuer } from "@hansa/crypto/issuing";
import { messageOf } from "@hansa/primitives";
import { CaError } from "./error.js";
import { type Passphrase, passphraseBeside, readIfPresent, seal, unseal, writeDurably } from "./key-vault.js";

/** Everything PEM; the keys are secret. */
export type OrganizationRoots = { caCertPem: string; caKeyPem: string; tlsCaCertPem: string; tlsCaKeyPem: string };

export type RootsRequest = {
  /** e.g. "brewery.example.com": names the authorities ca.<domain> and tlsca.<domain>. */
  domain: string;
  algorithm?: KeyAlgorithm;
  nowMs: number;
  /** Default ten years. */
  validityMs?: number;
};

export const YEAR_MS = 365 * 86_400_000;

/** New roots, in memory. */
export function createOrganizationRoots(request: RootsRequest): OrganizationRoots {
  const { domain, algorithm, nowMs, validityMs = 10 * YEAR_MS } = request;
  const root = (prefix: string) =>
    createRootCa({ commonName: `${prefix}.${domain}`, organization: domain, algorithm, nowMs, validityMs });
  const [ca, tlsCa] = [root("ca"), root("tlsca")];
  return { caCertPem: ca.certPem, caKeyPem: ca.keyPem, tlsCaCertPem: tlsCa.certPem, tlsCaKeyPem: tlsCa.keyPem };
}

const files = (folder: string) => ({
  ca: path.join(folder, "ca-cert.pem"),
  tlsCa: path.join(folder, "tlsca-cert.pem"),
  keys: path.join(folder, "keys.json"),
});

/**
 * Puts roots where `startCa` finds them. The key file comes last: without it the folder counts as empty.
 * @param passphrase undefined draws one and keeps it beside the data
 * @throws CaError BAD_REQUEST when the folder has roots already
 */
export async function storeOrganizationRoots(
  folder: string,
  roots: OrganizationRoots,
  passphrase?: string,
): Promise<void> {
  const at = files(folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readIfPresent(at.keys)) !== undefined) {
    throw new CaError("BAD_REQUEST", `${folder} holds the roots of an organisation already`);
  }
  const sealed = seal({ ca: roots.caKeyPem, tlsCa: roots.tlsCaKeyPem }, await passphraseOf(folder, passphrase));
  await Promise.all([writeDurably(at.ca, roots.caCertPem, 0o644), writeDurably(at.tlsCa, roots.tlsCaCertPem, 0o644)]);
  await writeDurably(at.keys, sealed, 0o600);
}

export type Authorities = { identity: Issuer; tls: Issuer };

/**
 * @returns undefined when the folder has none
 * @throws CaError CORRUPT_STORE, WRONG_PASSPHRASE
 */
export async function loadAuthorities(folder: string, passphrase?: string): Promise<Authorities | undefined> {
  const at = files(folder);
  const sealed = await readIfPresent(at.keys);
  if (sealed === undefined) return undefined;
  const [ca, tlsCa] = await Promise.all([readIfPresent(at.ca), readIfPresent(at.tlsCa)]);
  if (ca === undefined || tlsCa === undefined) {
    throw new CaError("CORRUPT_STORE", `${folder} has the CA's keys but not both of its certificates`, {
      nextStep: "Restore ca-cert.pem and tlsca-cert.pem from a backup; nothing was changed.",
    });
  }
  requireCertificate(at.ca, ca);
  requireCertificate(at.tlsCa, tlsCa);
  const keys = unseal(sealed, await passphraseOf(folder, passphrase), at.keys);
  return authoritiesFrom({
    caCertPem: ca,
    caKeyPem: keys.ca ?? "",
    tlsCaCertPem: tlsCa,
    tlsCaKeyPem: keys.tlsCa ?? "",
  });
}

function requireCertificate(file: string, pem: string): void {
  try {
    Certificate.parse(pem);
  } catch (cause) {
    throw new CaError("CORRUPT_STORE", `${file} cannot be read: ${messageOf(cause)}`, {
      cause,
      nextStep: "Restore the file from a backup; nothing was changed.",
    });
  }
}

/** @throws CaError CORRUPT_STORE when a key does not belong to its certificate */
export function authoritiesFrom(roots: OrganizationRoots): Authorities {
  const issuer = (certPem: string, keyPem: string): Issuer => {
    const certificate = Certificate.parse(certPem);
    const key = privateKeyFromPem(keyPem);
    if (!certificate.isCa || !certificate.matchesKey(key)) {
      throw new CaError("CORRUPT_STORE", `the key of "${certificate.subjectCommonName}" does not fit its certificate`);
    }
    return { certificate, key };
  };
  return {
    identity: issuer(roots.caCertPem, roots.caKeyPem),
    tls: issuer(roots.tlsCaCertPem, roots.tlsCaKeyPem),
  };
}

/** The operator's, or the one that lies beside the data. */
export async function passphraseOf(folder: string, chosen: string | undefined): Promise<Passphrase> {
  return chosen === undefined ? passphraseBeside(folder) : { text: chosen, drawn: false };
}
