/** The digest and who signed it: the part that a receipt and an export have in common. */
import type { Bytes } from "@hansa/primitives";
import { type Certificate, chainTo, isSignedBy, readCertificate } from "./certificate.js";
import { certificatesIn, equal, Malformed } from "./encoding.js";
import { Message } from "./protobuf.js";
import { readingField, type SignatureParts, WrongField } from "./receipt-file.js";

export const DIGEST_FORMAT = "hansa.journal.digest/1";
const HASH_BYTES = 32;

export type DigestParts = {
  readonly hash: Bytes;
  readonly logRoot: Bytes;
  readonly strandId: string;
  /** Number of the last block covered. */
  readonly tip: number;
  readonly channel: string;
  readonly tipTimestampMs: number;
};

/** "orderer" wrote the journal; "peer" is a member's witness, who follows it. */
export type SignerRole = "orderer" | "peer";

export type Signer = {
  /** Common name in the certificate. */
  readonly name: string;
  readonly role: SignerRole;
  /** Common name of the root. */
  readonly root: string;
  /** Position among the certificates of `roots`. */
  readonly rootIndex: number;
};

/** @throws WrongField */
export function readDigest(bytes: Bytes): DigestParts {
  return readingField("digest", () => {
    const digest = new Message(bytes);
    const format = digest.text(1);
    if (format !== DIGEST_FORMAT) throw new Malformed(`is no digest of a journal: its format is "${format}"`);
    const tip = digest.message(3);
    const [hash, logRoot] = [digest.bytes(2), digest.bytes(6)];
    if (hash.length !== HASH_BYTES || logRoot.length !== HASH_BYTES) throw new Malformed("has a root that is no hash");
    return {
      hash,
      logRoot,
      strandId: tip.text(1),
      tip: tip.number(2),
      channel: digest.text(4),
      tipTimestampMs: digest.number(5),
    };
  });
}

/**
 * Roots as people keep them: any number of texts, each with any number of certificates.
 * @throws WrongField
 */
export function readRoots(pems: readonly string[]): Certificate[] {
  const roots = pems.flatMap((text) =>
    readingField("a root certificate", () => certificatesIn(text).map(readCertificate)),
  );
  if (roots.length === 0) throw new WrongField("roots", "hold no certificate");
  return roots;
}

/**
 * Who signed the digest. Every signature must hold, one of them an ordering node's, and every certificate must be needed.
 * @throws WrongField
 */
export function verifySignatures(
  bytes: Bytes,
  digest: DigestParts,
  signatures: readonly SignatureParts[],
  intermediateDers: readonly Bytes[],
  roots: readonly Certificate[],
): Signer[] {
  const field = (i: number) => `intermediateCertificates[${i}]`;
  const intermediates = intermediateDers.map((der, i) => readingField(field(i), () => readCertificate(der)));
  const used = new Set<Certificate>();
  const signers = signatures.map(({ certificate: der, signature }, i): Signer => {
    const certificateField = `signatures[${i}].certificate`;
    const certificate = readingField(certificateField, () => readCertificate(der));
    if (signatures.findIndex((other) => equal(other.certificate, der)) !== i) {
      throw new WrongField(certificateField, "has signed before in this list");
    }
    const chain = chainTo(certificate, intermediates, roots);
    if (typeof chain === "string") throw new WrongField(certificateField, chain);
    for (const each of chain) used.add(each);
    const role = roleOf(certificate);
    if (role === undefined) {
      const units = certificate.units.join(", ") || "none";
      const detail = `of "${certificate.commonName}" is neither an ordering node's nor a peer's (its units: ${units})`;
      throw new WrongField(certificateField, detail);
    }
    if (certificate.notAfterMs < digest.tipTimestampMs) {
      throw new WrongField(
        certificateField,
        `of "${certificate.commonName}" had expired before the digest's last block`,
      );
    }
    if (!isSignedBy(certificate.publicKey, bytes, signature, true)) {
      const detail = `is not a signature of "${certificate.commonName}" over the digest`;
      throw new WrongField(`signatures[${i}].signature`, detail);
    }
    const root = chain.at(-1) as Certificate;
    return { name: certificate.commonName, role, root: root.commonName, rootIndex: roots.indexOf(root) };
  });
  const unused = intermediates.findIndex((each) => !used.has(each));
  if (unused >= 0) throw new WrongField(field(unused), "is not needed for any signer's chain");
  if (!signers.some(({ role }) => role === "orderer")) {
    throw new WrongField("signatures", "hold none of an ordering node");
  }
  return signers;
}

/** As the organisational units say that Fabric's certificates carry. */
function roleOf({ units }: Certificate): SignerRole | undefined {
  if (units.includes("orderer")) return "orderer";
  return units.includes("peer") ? "peer" : undefined;
}
