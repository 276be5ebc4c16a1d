/** PKCS #10 certificate requests. */
import type { KeyObject } from "node:crypto";
import { type Bytes, messageOf } from "@hansa/primitives";
import { Attributes, CertificationRequest, CertificationRequestInfo } from "@peculiar/asn1-csr";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Attribute, Extensions, SubjectAlternativeName, SubjectPublicKeyInfo } from "@peculiar/asn1-x509";
import { isSignedWith, Oid, readSigned } from "../certificate.js";
import { CryptoError } from "../error.js";
import { describeKey, keyAlgorithm, publicKeyFromDer, publicKeyToDer } from "../key.js";
import { derFrom, toPem } from "../pem.js";
import { altNamesExtension, arrayBuffer, nameOf, type Subject, signStructure } from "./encoding.js";

const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const MAX_ALT_NAMES = 100;

/** What a request asks for. The signature under it has been verified: whoever asks holds the key. */
export type ReadRequest = {
  publicKey: KeyObject;
  commonName: string;
  organizationalUnits: readonly string[];
  dnsNames: readonly string[];
  ipAddresses: readonly string[];
};

/** PEM, signed with the key that it is for. */
export function createCsr(request: {
  key: KeyObject;
  subject: Subject;
  dnsNames?: readonly string[];
  ipAddresses?: readonly string[];
}): string {
  const { dnsNames = [], ipAddresses = [] } = request;
  const attributes = new Attributes();
  if (dnsNames.length + ipAddresses.length > 0) {
    const extensions = new Extensions([altNamesExtension(dnsNames, ipAddresses)]);
    attributes.push(new Attribute({ type: EXTENSION_REQUEST, values: [AsnConvert.serialize(extensions)] }));
  }
  const body = new CertificationRequestInfo({
    subject: nameOf(request.subject),
    subjectPKInfo: AsnConvert.parse(arrayBuffer(publicKeyToDer(request.key)), SubjectPublicKeyInfo),
    attributes,
  });
  return toPem("CERTIFICATE REQUEST", signStructure(body, request.key));
}

/** @throws CryptoError MALFORMED_PEM, MALFORMED_REQUEST, UNSUPPORTED_KEY */
export function readCsr(pemOrDer: string | Bytes): ReadRequest {
  const der = derFrom(pemOrDer, "the certificate request");
  try {
    return read(der);
  } catch (cause) {
    if (cause instanceof CryptoError && cause.fault === "UNSUPPORTED_KEY") throw cause;
    throw new CryptoError("MALFORMED_REQUEST", `the certificate request cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function read(der: Bytes): ReadRequest {
  const signed = readSigned(der, "the certificate request");
  const info = AsnConvert.parse(arrayBuffer(der), CertificationRequest).certificationRequestInfo;
  const publicKey = publicKeyFromDer(Buffer.from(AsnConvert.serialize(info.subjectPKInfo)));
  if (keyAlgorithm(publicKey) === undefined) {
    throw new CryptoError(
      "UNSUPPORTED_KEY",
      `the request is for a key ${describeKey(publicKey)}; P-256, P-384 and Ed25519 are known`,
    );
  }
  if (!isSignedWith(signed, publicKey))
    throw new CryptoError("MALFORMED_REQUEST", "its signature does not fit its key");
  const names = Array.from(info.subject, (part) =>
    Array.from(part, (pair) => [pair.type, pair.value.toString()] as const),
  ).flat();
  const named = (oid: string) => names.filter(([type]) => type === oid).map(([, text]) => text);
  const dnsNames: string[] = [];
  const ipAddresses: string[] = [];
  for (const attribute of info.attributes) {
    if (attribute.type !== EXTENSION_REQUEST || attribute.values[0] === undefined) continue;
    for (const extension of AsnConvert.parse(attribute.values[0], Extensions)) {
      if (extension.extnID !== Oid.subjectAltName) continue;
      for (const name of AsnConvert.parse(extension.extnValue.buffer, SubjectAlternativeName)) {
        if (name.dNSName !== undefined) dnsNames.push(name.dNSName);
        if (name.iPAddress !== undefined) ipAddresses.push(name.iPAddress);
      }
    }
  }
  if (dnsNames.length + ipAddresses.length > MAX_ALT_NAMES) {
    throw new CryptoError("MALFORMED_REQUEST", `it asks for more than ${MAX_ALT_NAMES} alternative names`);
  }
  return {
    publicKey,
    commonName: named(Oid.commonName).at(-1) ?? "",
    organizationalUnits: named(Oid.organizationalUnit),
    dnsNames,
    ipAddresses,
  };
}
