/** The control plane's own certificate for HTTPS on loopback, made the first time and again before it expires. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { writeFileDurably } from "../plan/state-file.js";

export type ServerCertificate = {
  readonly certPem: string;
  readonly keyPem: string;
  /** The root that clients must trust: AWS_CA_BUNDLE, NODE_EXTRA_CA_CERTS. */
  readonly caFile: string;
};

const DAY_MS = 86_400_000;
const VALID_DAYS = 397;
const RENEWED_BEFORE_DAYS = 30;

/** @param region whose service name the certificate carries besides localhost and 127.0.0.1 */
export async function ownCertificate(controlPlaneFolder: string, region: string): Promise<ServerCertificate> {
  const at = (name: string) => path.join(controlPlaneFolder, "tls", name);
  const caFile = at("ca.crt");
  const host = `managedblockchain.${region}.amazonaws.com`;
  const files = await Promise.all(
    [caFile, at("server.crt"), at("server.key")].map((file) => readFile(file, "utf8").catch(() => "")),
  );
  const [, certPem, keyPem] = files as [string, string, string];
  if (files.every((text) => text !== "") && serves(certPem, host)) return { certPem, keyPem, caFile };
  return { ...(await makeCertificate(at, host)), caFile };
}

function serves(certPem: string, host: string): boolean {
  try {
    const certificate = new X509Certificate(certPem);
    const leftMs = Date.parse(certificate.validTo) - Date.now();
    return leftMs > RENEWED_BEFORE_DAYS * DAY_MS && certificate.checkHost(host) !== undefined;
  } catch {
    return false;
  }
}

/** Its root's key is kept nowhere: another certificate gets another root. */
async function makeCertificate(at: (name: string) => string, host: string) {
  const [{ Certificate, generatePrivateKey, privateKeyFromPem, privateKeyToPem, publicPart }, issuing] =
    await Promise.all([import("@hansa/crypto"), import("@hansa/crypto/issuing")]);
  const times = { nowMs: Date.now(), validityMs: VALID_DAYS * DAY_MS };
  const root = issuing.createRootCa({ commonName: "Hansa control plane", organization: "Hansa", ...times });
  const key = generatePrivateKey("P-256");
  const certPem = issuing.issueCertificate({
    issuer: { certificate: Certificate.parse(root.certPem), key: privateKeyFromPem(root.keyPem) },
    publicKey: publicPart(key),
    subject: { commonName: "localhost" },
    profile: "tls",
    dnsNames: ["localhost", host],
    ipAddresses: ["127.0.0.1"],
    ...times,
  });
  const keyPem = privateKeyToPem(key);
  await writeFileDurably(at("server.key"), keyPem, 0o600);
  await writeFileDurably(at("server.crt"), certPem);
  await writeFileDurably(at("ca.crt"), root.certPem);
  return { certPem, keyPem };
}
