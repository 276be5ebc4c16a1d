/**
 * Issues certificates: roots, intermediates, identities and TLS.
 * Shapes follow cryptogen and fabric-ca, so that tools of Fabric find what they look for.
 */
import { createPublicKey, type KeyObject, randomBytes } from "node:crypto";
import type { Bytes } from "@hansa/primitives";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  ExtendedKeyUsage,
  type Extension,
  Extensions,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  SubjectKeyIdentifier,
  Validity,
  Version,
} from "@peculiar/asn1-x509";
import { ATTRIBUTES_OID, Oid } from "../certificate.js";
import { contextTag, derElement, Tag } from "../der.js";
import { CryptoError } from "../error.js";
import {
  describeKey,
  generatePrivateKey,
  type KeyAlgorithm,
  keyAlgorithm,
  privateKeyToPem,
  publicKeyToDer,
} from "../key.js";
import { toPem } from "../pem.js";
import {
  algorithmOf,
  altNamesExtension,
  arrayBuffer,
  checkIssuer,
  encoded,
  extensionOf,
  type Issuer,
  keyIdOf,
  nameOf,
  type Subject,
  signBody,
} from "./encoding.js";

/** Certificates are valid a little before they are made: clocks of two machines differ. */
export const BACKDATE_MS = 5 * 60_000;

export type CaRequest = {
  commonName: string;
  organization: string;
  algorithm?: KeyAlgorithm;
  validityMs: number;
  nowMs: number;
};

export type KeyedCertificate = { certPem: string; keyPem: string };

/** A self-signed CA with a new key. */
export function createRootCa(request: CaRequest): KeyedCertificate {
  const key = generatePrivateKey(request.algorithm ?? "P-256");
  const name = nameOf({ commonName: request.commonName, organization: request.organization });
  const keyId = keyIdOf(key);
  const certPem = certify({
    name,
    issuerName: name,
    publicKey: createPublicKey(key),
    signingKey: key,
    notBeforeMs: request.nowMs - BACKDATE_MS,
    notAfterMs: request.nowMs + request.validityMs,
    extensions: [...caExtensions(keyId), authorityExtension(keyId)],
  });
  return { certPem, keyPem: privateKeyToPem(key) };
}

/** A CA below another one, with a new key. */
export function createIntermediateCa(request: CaRequest & { issuer: Issuer }): KeyedCertificate {
  const key = generatePrivateKey(request.algorithm ?? "P-256");
  const { certificate } = request.issuer;
  checkIssuer(request.issuer);
  const certPem = certify({
    name: nameOf({ commonName: request.commonName, organization: request.organization }),
    issuerName: certificate.subjectRaw,
    publicKey: createPublicKey(key),
    signingKey: request.issuer.key,
    notBeforeMs: Math.max(request.nowMs - BACKDATE_MS, certificate.notBeforeMs),
    notAfterMs: Math.min(request.nowMs + request.validityMs, certificate.notAfterMs),
    extensions: [...caExtensions(keyIdOf(key)), authorityExtension(issuerKeyId(request.issuer))],
  });
  return { certPem, keyPem: privateKeyToPem(key) };
}

export type CertificateRequest = {
  issuer: Issuer;
  publicKey: KeyObject;
  subject: Subject;
  /** "tls" adds key encipherment and server and client authentication. */
  profile: "identity" | "tls";
  nowMs: number;
  validityMs: number;
  dnsNames?: readonly string[];
  ipAddresses?: readonly string[];
  attributes?: Readonly<Record<string, string>>;
};

/**
 * One end-entity certificate, PEM. Its validity never reaches beyond its issuer's on either side, because Fabric
 * checks a chain at the moment its leaf became valid.
 * @throws CryptoError UNSUPPORTED_KEY, MALFORMED_REQUEST
 */
export function issueCertificate(request: CertificateRequest): string {
  const { certificate, key } = request.issuer;
  if (keyAlgorithm(request.publicKey) === undefined) {
    throw new CryptoError("UNSUPPORTED_KEY", `cannot certify a key ${describeKey(request.publicKey)}`);
  }
  checkIssuer(request.issuer);
  const tls = request.profile === "tls";
  const usage = KeyUsageFlags.digitalSignature | (tls ? KeyUsageFlags.keyEncipherment : 0);
  const extensions = [extensionOf(Oid.keyUsage, AsnConvert.serialize(new KeyUsage(usage)), true)];
  if (tls) {
    const purposes = new ExtendedKeyUsage([Oid.serverAuth, Oid.clientAuth]);
    extensions.push(extensionOf(Oid.extendedKeyUsage, AsnConvert.serialize(purposes)));
  }
  extensions.push(extensionOf(Oid.basicConstraints, AsnConvert.serialize(new BasicConstraints({ cA: false })), true));
  extensions.push(subjectKeyExtension(keyIdOf(request.publicKey)), authorityExtension(issuerKeyId(request.issuer)));
  const { dnsNames = [], ipAddresses = [], attributes } = request;
  if (dnsNames.length + ipAddresses.length > 0) extensions.push(altNamesExtension(dnsNames, ipAddresses));
  if (attributes !== undefined) {
    extensions.push(
      extensionOf(ATTRIBUTES_OID, arrayBuffer(Buffer.from(JSON.stringify({ attrs: attributes }), "utf8"))),
    );
  }
  return certify({
    name: nameOf(request.subject),
    issuerName: certificate.subjectRaw,
    publicKey: request.publicKey,
    signingKey: key,
    notBeforeMs: Math.max(request.nowMs - BACKDATE_MS, certificate.notBeforeMs),
    notAfterMs: Math.min(request.nowMs + request.validityMs, certificate.notAfterMs),
    extensions,
  });
}

type Parts = {
  /** DER of the names. */
  name: Bytes;
  issuerName: Bytes;
  publicKey: KeyObject;
  signingKey: KeyObject;
  notBeforeMs: number;
  notAfterMs: number;
  extensions: Extension[];
};

function certify(parts: Parts): string {
  if (!(parts.notAfterMs > parts.notBeforeMs)) {
    throw new CryptoError("MALFORMED_REQUEST", "the certificate would end before it begins");
  }
  const validity = new Validity({
    notBefore: wholeSeconds(parts.notBeforeMs),
    notAfter: wholeSeconds(parts.notAfterMs),
  });
  const body = derElement(
    Tag.sequence,
    derElement(contextTag(0), derElement(Tag.integer, Buffer.from([Version.v3]))),
    derElement(Tag.integer, randomSerial()),
    algorithmOf(parts.signingKey),
    parts.issuerName,
    encoded(validity),
    parts.name,
    publicKeyToDer(parts.publicKey),
    derElement(contextTag(3), encoded(new Extensions(parts.extensions))),
  );
  return toPem("CERTIFICATE", signBody(body, parts.signingKey));
}

/** 128 bits, positive, first byte never zero. */
function randomSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

export function wholeSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

function caExtensions(keyId: Buffer): Extension[] {
  const usage =
    KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment | KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
  return [
    extensionOf(Oid.keyUsage, AsnConvert.serialize(new KeyUsage(usage)), true),
    extensionOf(Oid.basicConstraints, AsnConvert.serialize(new BasicConstraints({ cA: true })), true),
    subjectKeyExtension(keyId),
  ];
}

function subjectKeyExtension(keyId: Buffer): Extension {
  return extensionOf(Oid.subjectKeyId, AsnConvert.serialize(new SubjectKeyIdentifier(arrayBuffer(keyId))));
}

export function authorityExtension(keyId: Uint8Array): Extension {
  const value = new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(arrayBuffer(keyId)) });
  return extensionOf(Oid.authorityKeyId, AsnConvert.serialize(value));
}

export function issuerKeyId(issuer: Issuer): Uint8Array {
  return issuer.certificate.subjectKeyId ?? keyIdOf(issuer.certificate.publicKey);
}
