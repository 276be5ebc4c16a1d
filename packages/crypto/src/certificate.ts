/**
 * One X.509 certificate. OpenSSL (through node:crypto) parses it and holds the key; the DER reader adds what node
 * does not expose. Everything beyond parsing is read on first use and kept.
 */
import { type KeyObject, verify, X509Certificate } from "node:crypto";
import { type Bytes, equalBytes, messageOf, toUtf8 } from "@hansa/primitives";
import { contextTag, DerReader, derElement, integerHex, oidText, stringText, Tag, timeMs } from "./der.js";
import { CryptoError } from "./error.js";
import { keyAlgorithm } from "./key.js";
import { toLowS } from "./low-s.js";
import { derFrom, toPem } from "./pem.js";

/** Extension in which fabric-ca keeps attributes. Source: hyperledger/fabric-ca, lib/attrmgr. */
export const ATTRIBUTES_OID = "1.2.3.4.5.6.7.8.1";

export const Oid = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  organizationalUnit: "2.5.4.11",
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  anyExtendedKeyUsage: "2.5.29.37.0",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

/** Digest by signature algorithm; undefined for Ed25519, which hashes by itself. */
const SIGNATURE_HASH: Readonly<Record<string, { hash: string | null; ecdsa: boolean }>> = {
  "1.2.840.10045.4.1": { hash: "sha1", ecdsa: true },
  "1.2.840.10045.4.3.2": { hash: "sha256", ecdsa: true },
  "1.2.840.10045.4.3.3": { hash: "sha384", ecdsa: true },
  "1.2.840.10045.4.3.4": { hash: "sha512", ecdsa: true },
  "1.2.840.113549.1.1.11": { hash: "sha256", ecdsa: false },
  "1.2.840.113549.1.1.12": { hash: "sha384", ecdsa: false },
  "1.2.840.113549.1.1.13": { hash: "sha512", ecdsa: false },
  "1.3.101.112": { hash: null, ecdsa: false },
};

/** A signed structure (certificate or revocation list): what was signed, how, and the signature. */
export type Signed = { signedBytes: Bytes; algorithmOid: string; algorithmRaw: Bytes; signature: Bytes };

export function readSigned(der: Bytes, what: string): Signed {
  const outer = new DerReader(der, what);
  const body = outer.enter();
  if (!outer.done) throw new CryptoError("MALFORMED_DER", `${what} has bytes after its end`);
  const signedBytes = body.next(Tag.sequence).raw;
  const algorithm = body.next(Tag.sequence);
  const bits = body.next(Tag.bitString).content;
  if (bits[0] !== 0) throw new CryptoError("MALFORMED_DER", `${what} has a signature that is not whole bytes`);
  const signature = bits.subarray(1);
  const algorithmOid = oidText(new DerReader(algorithm.content, what).next(Tag.oid).content);
  return { signedBytes, algorithmOid, algorithmRaw: algorithm.raw, signature };
}

export function isEcdsaSigned(signed: Signed): boolean {
  return SIGNATURE_HASH[signed.algorithmOid]?.ecdsa === true;
}

/** Whether `publicKey` signed the structure. High S is allowed here: Fabric mends certificates rather than refuse them. */
export function isSignedWith(signed: Signed, publicKey: KeyObject): boolean {
  const rule = SIGNATURE_HASH[signed.algorithmOid];
  if (rule === undefined) return false;
  const expectedType = rule.ecdsa ? "ec" : rule.hash === null ? "ed25519" : "rsa";
  if (publicKey.asymmetricKeyType !== expectedType) return false;
  try {
    return verify(rule.hash, signed.signedBytes, publicKey, signed.signature);
  } catch {
    return false;
  }
}

export type CertificateExtension = { oid: string; critical: boolean; value: Bytes };

/** Bits of KeyUsage as in RFC 5280, bit 0 first. */
export type KeyUsage = { digitalSignature: boolean; certSign: boolean; crlSign: boolean };

type Fields = {
  signed: Signed;
  serialHex: string;
  issuerRaw: Bytes;
  subjectRaw: Bytes;
  notBeforeMs: number;
  notAfterMs: number;
  publicKeyRaw: Bytes;
  extensions: readonly CertificateExtension[];
};

export class Certificate {
  /** DER, as received. */
  readonly raw: Bytes;
  readonly #x509: X509Certificate;
  #fields: Fields | undefined;
  #publicKey: KeyObject | undefined;
  #pem: string | undefined;
  #units: readonly string[] | undefined;

  private constructor(raw: Bytes, x509: X509Certificate) {
    this.raw = raw;
    this.#x509 = x509;
  }

  /**
   * The first PEM block of a text, or DER.
   * @throws CryptoError MALFORMED_PEM, MALFORMED_CERTIFICATE
   */
  static parse(pemOrDer: string | Bytes): Certificate {
    const der = derFrom(pemOrDer, "the certificate");
    try {
      const certificate = new Certificate(Buffer.from(der), new X509Certificate(der));
      certificate.#read();
      return certificate;
    } catch (cause) {
      const message =
        cause instanceof CryptoError ? cause.message : `the certificate cannot be read: ${messageOf(cause)}`;
      throw new CryptoError("MALFORMED_CERTIFICATE", message, { cause });
    }
  }

  get pem(): string {
    this.#pem ??= toPem("CERTIFICATE", this.raw);
    return this.#pem;
  }

  /** Lower-case hex without leading zeros. */
  get serialHex(): string {
    return this.#read().serialHex;
  }

  get notBeforeMs(): number {
    return this.#read().notBeforeMs;
  }

  get notAfterMs(): number {
    return this.#read().notAfterMs;
  }

  /** "" when the subject has none. */
  get subjectCommonName(): string {
    return nameParts(this.#read().subjectRaw, Oid.commonName).at(-1) ?? "";
  }

  get issuerCommonName(): string {
    return nameParts(this.#read().issuerRaw, Oid.commonName).at(-1) ?? "";
  }

  get organizations(): readonly string[] {
    return nameParts(this.#read().subjectRaw, Oid.organization);
  }

  /** In the order of the subject. */
  get organizationalUnits(): readonly string[] {
    this.#units ??= nameParts(this.#read().subjectRaw, Oid.organizationalUnit);
    return this.#units;
  }

  /** One line, e.g. "CN=peer0.org1.example.com, OU=peer, C=US". */
  get subject(): string {
    return this.#x509.subject.split("\n").reverse().join(", ");
  }

  get issuer(): string {
    return this.#x509.issuer.split("\n").reverse().join(", ");
  }

  /** DER of the names; two names are the same when these bytes are. */
  get subjectRaw(): Bytes {
    return this.#read().subjectRaw;
  }

  get issuerRaw(): Bytes {
    return this.#read().issuerRaw;
  }

  get publicKey(): KeyObject {
    this.#publicKey ??= this.#x509.publicKey;
    return this.#publicKey;
  }

  /** DER of SubjectPublicKeyInfo. */
  get publicKeyRaw(): Bytes {
    return this.#read().publicKeyRaw;
  }

  get extensions(): readonly CertificateExtension[] {
    return this.#read().extensions;
  }

  extension(oid: string): CertificateExtension | undefined {
    return this.extensions.find((extension) => extension.oid === oid);
  }

  /** Basic constraints present, with the CA flag set. */
  get isCa(): boolean {
    return this.basicConstraints?.isCa === true;
  }

  get basicConstraints(): { isCa: boolean; maxPathLength: number | undefined } | undefined {
    const extension = this.extension(Oid.basicConstraints);
    if (extension === undefined) return undefined;
    const body = new DerReader(extension.value, "basic constraints").enter();
    const isCa = (body.optional(Tag.boolean)?.content[0] ?? 0) !== 0;
    const length = body.optional(Tag.integer);
    return { isCa, maxPathLength: length === undefined ? undefined : Number.parseInt(integerHex(length.content), 16) };
  }

  /** Undefined when the certificate does not restrict its key. */
  get keyUsage(): KeyUsage | undefined {
    const extension = this.extension(Oid.keyUsage);
    if (extension === undefined) return undefined;
    const bits = new DerReader(extension.value, "key usage").next(Tag.bitString).content[1] ?? 0;
    return { digitalSignature: (bits & 0x80) !== 0, certSign: (bits & 0x04) !== 0, crlSign: (bits & 0x02) !== 0 };
  }

  /** OIDs; empty when the certificate has no such extension. */
  get extendedKeyUsage(): readonly string[] {
    const extension = this.extension(Oid.extendedKeyUsage);
    if (extension === undefined) return [];
    const body = new DerReader(extension.value, "extended key usage").enter();
    const oids: string[] = [];
    while (!body.done) oids.push(oidText(body.next(Tag.oid).content));
    return oids;
  }

  get subjectKeyId(): Bytes | undefined {
    const extension = this.extension(Oid.subjectKeyId);
    return extension && new DerReader(extension.value, "subject key id").next(Tag.octetString).content;
  }

  get authorityKeyId(): Bytes | undefined {
    const extension = this.extension(Oid.authorityKeyId);
    return extension && readAuthorityKeyId(extension.value);
  }

  /** e.g. ["DNS:peer0.org1.example.com", "IP Address:127.0.0.1"]. */
  get subjectAltNames(): readonly string[] {
    return this.#x509.subjectAltName?.split(", ") ?? [];
  }

  get isEcdsaSigned(): boolean {
    return isEcdsaSigned(this.#read().signed);
  }

  /** DER of the signature that the issuer made. */
  get signature(): Bytes {
    return this.#read().signed.signature;
  }

  /** The issuer's name and signature fit, and the issuer may sign certificates. Says nothing about dates. */
  isIssuedBy(ca: Certificate): boolean {
    if (!equalBytes(this.issuerRaw, ca.subjectRaw)) return false;
    if (!ca.isCa || ca.keyUsage?.certSign === false) return false;
    return isSignedWith(this.#read().signed, ca.publicKey);
  }

  /** Whether the private or public key belongs to this certificate. */
  matchesKey(key: KeyObject): boolean {
    return key.type === "private" ? this.#x509.checkPrivateKey(key) : key.equals(this.publicKey);
  }

  /**
   * Attributes that the CA vouches for, from the extension {"attrs":{name: value}}. Empty when there is none or it
   * does not parse, as for the client identity library of contracts.
   */
  attributes(): Readonly<Record<string, string>> {
    const extension = this.extension(ATTRIBUTES_OID);
    if (extension === undefined) return {};
    try {
      const parsed: unknown = JSON.parse(toUtf8(extension.value));
      const attrs = parsed !== null && typeof parsed === "object" && "attrs" in parsed ? parsed.attrs : undefined;
      if (attrs === null || typeof attrs !== "object") return {};
      return Object.fromEntries(
        Object.entries(attrs).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
      );
    } catch {
      return {};
    }
  }

  /**
   * The certificate as Fabric keeps it: with its issuer's ECDSA signature in low S. The same object when it already
   * is. Fabric compares and hashes identities in this form.
   * @throws CryptoError MALFORMED_CERTIFICATE when the signature is no ECDSA signature
   */
  sanitized(issuer: Certificate): Certificate {
    const { signed } = this.#read();
    const curve = keyAlgorithm(issuer.publicKey);
    if (!isEcdsaSigned(signed) || curve === undefined || curve === "Ed25519") return this;
    const low = toLowS(signed.signature, curve);
    if (low === undefined) throw new CryptoError("MALFORMED_CERTIFICATE", "the certificate's signature cannot be read");
    return low === signed.signature
      ? this
      : Certificate.parse(assembleSigned(signed.signedBytes, signed.algorithmRaw, low));
  }

  #read(): Fields {
    if (this.#fields !== undefined) return this.#fields;
    const signed = readSigned(this.raw, "the certificate");
    const tbs = new DerReader(signed.signedBytes, "the certificate").enter();
    tbs.optional(contextTag(0));
    const serialHex = integerHex(tbs.next(Tag.integer).content);
    if (!equalBytes(tbs.next(Tag.sequence).raw, signed.algorithmRaw)) {
      throw new CryptoError("MALFORMED_CERTIFICATE", "the certificate names two different signature algorithms");
    }
    const issuerRaw = tbs.next(Tag.sequence).raw;
    const validity = tbs.enter();
    const notBeforeMs = timeMs(validity.next());
    const notAfterMs = timeMs(validity.next());
    if (Number.isNaN(notBeforeMs) || Number.isNaN(notAfterMs)) {
      throw new CryptoError("MALFORMED_CERTIFICATE", "the certificate's validity is not two UTC times");
    }
    const subjectRaw = tbs.next(Tag.sequence).raw;
    const publicKeyRaw = tbs.next(Tag.sequence).raw;
    tbs.optional(contextTag(1, false));
    tbs.optional(contextTag(2, false));
    const extensions = tbs.nextTag === contextTag(3) ? readExtensions(tbs.enter(contextTag(3))) : [];
    this.#fields = { signed, serialHex, issuerRaw, subjectRaw, notBeforeMs, notAfterMs, publicKeyRaw, extensions };
    return this.#fields;
  }
}

/** Values of one attribute type in a DER name, in order. */
export function nameParts(nameRaw: Bytes, oid: string): string[] {
  const name = new DerReader(nameRaw, "the name").enter();
  const parts: string[] = [];
  while (!name.done) {
    const set = name.enter(Tag.set);
    while (!set.done) {
      const pair = set.enter();
      if (oidText(pair.next(Tag.oid).content) === oid) parts.push(stringText(pair.next()));
    }
  }
  return parts;
}

/** `wrapped` stands inside the explicit tag: one SEQUENCE OF Extension. */
export function readExtensions(wrapped: DerReader): CertificateExtension[] {
  const list = wrapped.enter();
  const extensions: CertificateExtension[] = [];
  while (!list.done) {
    const item = list.enter();
    const oid = oidText(item.next(Tag.oid).content);
    const critical = (item.optional(Tag.boolean)?.content[0] ?? 0) !== 0;
    extensions.push({ oid, critical, value: item.next(Tag.octetString).content });
  }
  return extensions;
}

/** The keyIdentifier of an AuthorityKeyIdentifier extension. */
export function readAuthorityKeyId(value: Bytes): Bytes | undefined {
  return new DerReader(value, "authority key id").enter().optional(contextTag(0, false))?.content;
}

/** SEQUENCE { signed, algorithm, BIT STRING }: the shape of certificates, requests and revocation lists. */
export function assembleSigned(signedBytes: Bytes, algorithmRaw: Bytes, signature: Bytes): Buffer {
  return derElement(Tag.sequence, signedBytes, algorithmRaw, derElement(Tag.bitString, Buffer.from([0]), signature));
}
