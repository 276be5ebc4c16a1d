/** PKCS #10 certificate requests. */
import type { KeyObject } from "node:crypto";
import { type Bytes, messageOf, toUtf8 } from "@hansa/primitives";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Attribute, Extensions } from "@peculiar/asn1-x509";
import { isSignedWith, nameParts, Oid, readExtensions, readSigned } from "../certificate.js";
import { contextTag, type DerElement, DerReader, derElement, oidText, Tag } from "../der.js";
import { CryptoError } from "../error.js";
import { describeKey, keyAlgorithm, publicKeyFromDer, publicKeyToDer } from "../key.js";
import { derFrom, toPem } from "../pem.js";
import { altNamesExtension, encoded, nameOf, type Subject, signBody } from "./encoding.js";

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
  const attributes: Buffer[] = [];
  if (dnsNames.length + ipAddresses.length > 0) {
    const extensions = new Extensions([altNamesExtension(dnsNames, ipAddresses)]);
    attributes.push(encoded(new Attribute({ type: EXTENSION_REQUEST, values: [AsnConvert.serialize(extensions)] })));
  }
  const body = derElement(
    Tag.sequence,
    derElement(Tag.integer, Buffer.from([0])),
    nameOf(request.subject),
    publicKeyToDer(request.key),
    derElement(contextTag(0), ...attributes),
  );
  return toPem("CERTIFICATE REQUEST", signBody(body, request.key));
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
  const what = "the certificate request";
  const signed = readSigned(der, what);
  const info = new DerReader(signed.signedBytes, what).enter();
  info.next(Tag.integer);
  const subjectRaw = info.next(Tag.sequence).raw;
  const publicKey = publicKeyFromDer(info.next(Tag.sequence).raw);
  if (keyAlgorithm(publicKey) === undefined) {
    throw new CryptoError(
      "UNSUPPORTED_KEY",
      `the request is for a key ${describeKey(publicKey)}; P-256, P-384 and Ed25519 are known`,
    );
  }
  if (!isSignedWith(signed, publicKey)) {
    throw new CryptoError("MALFORMED_REQUEST", "its signature does not fit its key");
  }
  const altNames = info.nextTag === contextTag(0) ? readAltNames(info.enter(contextTag(0))) : [];
  if (altNames.length > MAX_ALT_NAMES) {
    throw new CryptoError("MALFORMED_REQUEST", `it asks for more than ${MAX_ALT_NAMES} alternative names`);
  }
  return {
    publicKey,
    commonName: nameParts(subjectRaw, Oid.commonName).at(-1) ?? "",
    organizationalUnits: nameParts(subjectRaw, Oid.organizationalUnit),
    dnsNames: altNames.filter((name) => name.tag === DNS_NAME).map(({ content }) => toUtf8(content)),
    ipAddresses: altNames.filter((name) => name.tag === IP_ADDRESS).map(({ content }) => ipText(content)),
  };
}

/** General names in the extensions that the attributes of a request ask for. */
function readAltNames(attributes: DerReader): DerElement[] {
  const names: DerElement[] = [];
  while (!attributes.done) {
    const attribute = attributes.enter();
    if (oidText(attribute.next(Tag.oid).content) !== EXTENSION_REQUEST) continue;
    const extension = readExtensions(attribute.enter(Tag.set)).find(({ oid }) => oid === Oid.subjectAltName);
    if (extension === undefined) continue;
    const list = new DerReader(extension.value, "the alternative names").enter();
    while (!list.done) names.push(list.next());
  }
  return names;
}

const DNS_NAME = contextTag(2, false);
const IP_ADDRESS = contextTag(7, false);

function ipText(bytes: Bytes): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) throw new CryptoError("MALFORMED_REQUEST", `an IP address of ${bytes.length} bytes`);
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return groups.join(":");
}
