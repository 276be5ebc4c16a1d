/**
 * The pieces that certificates, requests and revocation lists share. Names, times and extensions are encoded by the
 * schema classes of @peculiar/asn1-x509; what exists as bytes already (keys, issuers' names) goes in as it is, so that
 * it comes out the same.
 */
import { createHash, type KeyObject, sign } from "node:crypto";
import type { Bytes } from "@hansa/primitives";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  Extension,
  GeneralName,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
} from "@peculiar/asn1-x509";
import { assembleSigned, type Certificate, Oid } from "../certificate.js";
import { CryptoError } from "../error.js";
import { describeKey, type KeyAlgorithm, keyAlgorithm, publicKeyToDer } from "../key.js";
import { toLowS } from "../low-s.js";

/** Organisational units keep their order; Fabric reads roles out of them. */
export type Subject = {
  commonName: string;
  organization?: string | undefined;
  organizationalUnits?: readonly string[] | undefined;
};

/** A certificate and the private key that goes with it. */
export type Issuer = { certificate: Certificate; key: KeyObject };

const SIGNATURE: Readonly<Record<KeyAlgorithm, { oid: string; hash: string | null }>> = {
  "P-256": { oid: "1.2.840.10045.4.3.2", hash: "sha256" },
  "P-384": { oid: "1.2.840.10045.4.3.3", hash: "sha384" },
  Ed25519: { oid: "1.3.101.112", hash: null },
};

/** X.520 upper bound for common name, organisation and unit. */
const MAX_NAME_LENGTH = 64;

/** DER of the name. @throws CryptoError MALFORMED_REQUEST for an empty or too long part */
export function nameOf(subject: Subject): Buffer {
  const parts: [string, string][] = [];
  if (subject.organization !== undefined) parts.push([Oid.organization, subject.organization]);
  for (const unit of subject.organizationalUnits ?? []) parts.push([Oid.organizationalUnit, unit]);
  parts.push([Oid.commonName, subject.commonName]);
  const name = new Name(
    parts.map(([type, text]) => {
      if (text.length === 0 || text.length > MAX_NAME_LENGTH) {
        throw new CryptoError(
          "MALFORMED_REQUEST",
          `a name part of ${text.length} characters is outside 1 to ${MAX_NAME_LENGTH}`,
        );
      }
      const value = new AttributeValue({ utf8String: text });
      return new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value })]);
    }),
  );
  return encoded(name);
}

export function extensionOf(oid: string, value: ArrayBuffer, critical = false): Extension {
  return new Extension({ extnID: oid, critical, extnValue: new OctetString(value) });
}

/** @throws CryptoError MALFORMED_REQUEST when an address is no IP address */
export function altNamesExtension(dnsNames: readonly string[], ipAddresses: readonly string[]): Extension {
  const names = dnsNames.map((dNSName) => new GeneralName({ dNSName }));
  for (const address of ipAddresses) {
    if (!isIpAddress(address)) throw new CryptoError("MALFORMED_REQUEST", `"${address}" is not an IP address`);
    names.push(new GeneralName({ iPAddress: address }));
  }
  return extensionOf(Oid.subjectAltName, AsnConvert.serialize(new SubjectAlternativeName(names)));
}

/** DER of a schema object. */
export function encoded(value: unknown): Buffer {
  return Buffer.from(AsnConvert.serialize(value));
}

/** DER of the AlgorithmIdentifier with which this private key signs. @throws CryptoError UNSUPPORTED_KEY */
export function algorithmOf(key: KeyObject): Buffer {
  return encoded(new AlgorithmIdentifier({ algorithm: SIGNATURE[issuingAlgorithm(key)].oid }));
}

function issuingAlgorithm(key: KeyObject): KeyAlgorithm {
  const algorithm = keyAlgorithm(key);
  if (algorithm !== undefined) return algorithm;
  throw new CryptoError("UNSUPPORTED_KEY", `cannot issue with a key ${describeKey(key)}; P-256, P-384 and Ed25519 can`);
}

/** Signs a body (DER); ECDSA signatures come out with low S, so that Fabric keeps the bytes as they are. */
export function signBody(body: Bytes, key: KeyObject): Buffer {
  const algorithm = issuingAlgorithm(key);
  const made = sign(SIGNATURE[algorithm].hash, body, key);
  const signature = algorithm === "Ed25519" ? made : toLowS(made, algorithm);
  if (signature === undefined) {
    throw new CryptoError("UNSUPPORTED_KEY", "the crypto library returned no ECDSA signature");
  }
  return assembleSigned(body, algorithmOf(key), signature);
}

/** SHA-256 over SubjectPublicKeyInfo: 32 bytes, like the tools of Fabric. Source: hyperledger/fabric, cryptogen ca. */
export function keyIdOf(publicKey: KeyObject): Buffer {
  return createHash("sha256").update(publicKeyToDer(publicKey)).digest();
}

export function arrayBuffer(bytes: Bytes): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

const checkedIssuers = new WeakSet<Issuer>();

/** @throws CryptoError UNSUPPORTED_KEY when the key is not the certificate's, or the certificate is no CA's */
export function checkIssuer(issuer: Issuer): void {
  if (checkedIssuers.has(issuer)) return;
  if (!issuer.certificate.matchesKey(issuer.key)) {
    throw new CryptoError("UNSUPPORTED_KEY", "the private key does not belong to the CA certificate");
  }
  if (!issuer.certificate.isCa) {
    throw new CryptoError("UNSUPPORTED_KEY", `"${issuer.certificate.subjectCommonName}" is not a CA certificate`);
  }
  checkedIssuers.add(issuer);
}

/** Dotted IPv4, or IPv6 in any notation that the URL standard accepts. */
function isIpAddress(text: string): boolean {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return text.split(".").every((part) => Number(part) <= 255);
  return text.includes(":") && /^[0-9a-fA-F:.]+$/.test(text) && URL.canParse(`http://[${text}]/`);
}
