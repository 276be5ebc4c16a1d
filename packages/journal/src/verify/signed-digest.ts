/** The digest and who signed it: the part that a receipt and an export have in common. */
import type { Bytes } from "@hansa/primitives";
import { type Certificate, chainTo, isSignedBy, NO_ROOT, readCertificate } from "./certificate.js";
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
  /** Position among those certificates of `roots` that this verifier can read. */
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
 * Roots as people keep them: any number of texts, each with any number of certificates. One of a kind that this verifier
 * does not know vouches for nobody.
 * @throws WrongField when there is none that it knows
 */
export function readRoots(pems: readonly string[]): Certificate[] {
  const roots: Certificate[] = [];
  let flaw = "hold no certificate";
  for (const text of pems) {
    for (const der of readingField("roots", () => certificatesIn(text))) {
      try {
        roots.push(readCertificate(der));
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        flaw = `hold no certificate that can be used here: one ${error.message}`;
      }
    }
  }
  if (roots.length === 0) throw new WrongField("roots", flaw);
  return roots;
}

export type Signers = {
  readonly signers: readonly Signer[];
  /** Common names of peers that signed too, certified by nobody whom the reader knows. They count for nothing. */
  readonly strangers: readonly string[];
};

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
): Signers {
  const intermediates = new Intermediates(intermediateDers);
  const found = checkSignatures(bytes, digest.tipTimestampMs, signatures, intermediates, roots, "signatures");
  intermediates.allNeeded();
  if (!found.signers.some(({ role }) => role === "orderer")) {
    throw new WrongField("signatures", "hold none of an ordering node");
  }
  return found;
}

/** The certificates between signers and roots, and which of them were needed. */
export class Intermediates {
  readonly list: readonly Certificate[];
  readonly #used = new Set<Certificate>();

  /** @throws WrongField */
  constructor(ders: readonly Bytes[]) {
    this.list = ders.map((der, i) => readingField(`intermediateCertificates[${i}]`, () => readCertificate(der)));
  }

  use(chain: readonly Certificate[]): void {
    for (const each of chain) this.#used.add(each);
  }

  /** Those that lead from a certificate towards roots that nobody knows. */
  useAbove(certificate: Certificate): void {
    for (const each of this.list) {
      if (this.#used.has(each) || !equal(each.subject, certificate.issuer)) continue;
      this.#used.add(each);
      this.useAbove(each);
    }
  }

  /** @throws WrongField naming one that was not */
  allNeeded(): void {
    const unused = this.list.findIndex((each) => !this.#used.has(each));
    if (unused < 0) return;
    throw new WrongField(`intermediateCertificates[${unused}]`, "is not needed for any signer's chain");
  }
}

/** @param where the path of the list of signatures @throws WrongField */
export function checkSignatures(
  bytes: Bytes,
  tipTimestampMs: number,
  signatures: readonly SignatureParts[],
  intermediates: Intermediates,
  roots: readonly Certificate[],
  where: string,
): Signers {
  const signers: Signer[] = [];
  const strangers: string[] = [];
  for (const [i, { certificate: der, signature }] of signatures.entries()) {
    const certificateField = `${where}[${i}].certificate`;
    const certificate = readingField(certificateField, () => readCertificate(der));
    if (signatures.findIndex((other) => equal(other.certificate, der)) !== i) {
      throw new WrongField(certificateField, "has signed before in this list");
    }
    const role = roleOf(certificate);
    const chain = chainTo(certificate, intermediates.list, roots);
    const isStranger = role === "peer" && typeof chain === "string" && chain.endsWith(NO_ROOT);
    if (typeof chain !== "string") intermediates.use(chain);
    else if (isStranger) intermediates.useAbove(certificate);
    else throw new WrongField(certificateField, chain);
    if (role === undefined) {
      const units = certificate.units.join(", ") || "none";
      const detail = `of "${certificate.commonName}" is neither an ordering node's nor a peer's (its units: ${units})`;
      throw new WrongField(certificateField, detail);
    }
    if (certificate.notAfterMs < tipTimestampMs) {
      throw new WrongField(
        certificateField,
        `of "${certificate.commonName}" had expired before the digest's last block`,
      );
    }
    if (!isSignedBy(certificate.publicKey, bytes, signature, true)) {
      const detail = `is not a signature of "${certificate.commonName}" over the digest`;
      throw new WrongField(`${where}[${i}].signature`, detail);
    }
    if (typeof chain === "string") {
      strangers.push(certificate.commonName);
      continue;
    }
    const root = chain.at(-1) as Certificate;
    signers.push({ name: certificate.commonName, role, root: root.commonName, rootIndex: roots.indexOf(root) });
  }
  return { signers, strangers };
}

/** As the organisational units say that Fabric's certificates carry. */
export function roleOf({ units }: Certificate): SignerRole | undefined {
  if (units.includes("orderer")) return "orderer";
  return units.includes("peer") ? "peer" : undefined;
}
