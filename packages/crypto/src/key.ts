/**
 * Keys of network identities. Private keys are KeyObjects from the moment they are read: parsing PEM costs fifteen
 * times a signature.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject as NodeKey,
} from "node:crypto";
import { type Bytes, messageOf } from "@hansa/primitives";
import { CryptoError } from "./error.js";

export type KeyAlgorithm = "P-256" | "P-384" | "Ed25519";

const CURVES: Readonly<Record<string, KeyAlgorithm>> = { prime256v1: "P-256", secp384r1: "P-384" };

const algorithms = new WeakMap<NodeKey, KeyAlgorithm | "other">();

/** Which of our algorithms the key is for; undefined for any other kind (RSA, other curves). */
export function keyAlgorithm(key: NodeKey): KeyAlgorithm | undefined {
  let algorithm = algorithms.get(key);
  if (algorithm === undefined) {
    if (key.asymmetricKeyType === "ed25519") algorithm = "Ed25519";
    else if (key.asymmetricKeyType === "ec") {
      algorithm = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ""] ?? "other";
    } else algorithm = "other";
    algorithms.set(key, algorithm);
  }
  return algorithm === "other" ? undefined : algorithm;
}

export function generatePrivateKey(algorithm: KeyAlgorithm): NodeKey {
  switch (algorithm) {
    case "P-256":
      return generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey;
    case "P-384":
      return generateKeyPairSync("ec", { namedCurve: "secp384r1" }).privateKey;
    case "Ed25519":
      return generateKeyPairSync("ed25519").privateKey;
  }
}

/**
 * PKCS #8 or SEC 1, unencrypted.
 * @throws CryptoError MALFORMED_KEY, UNSUPPORTED_KEY; neither quotes the text
 */
export function privateKeyFromPem(pem: string): NodeKey {
  let key: NodeKey;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new CryptoError("MALFORMED_KEY", "the private key is not readable PEM (PKCS #8 or SEC 1)", { cause });
  }
  if (keyAlgorithm(key) === undefined) {
    throw new CryptoError(
      "UNSUPPORTED_KEY",
      `the private key is ${describeKey(key)}; P-256, P-384 and Ed25519 are known`,
    );
  }
  return key;
}

/** PKCS #8. */
export function privateKeyToPem(key: NodeKey): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

/** @throws CryptoError MALFORMED_KEY */
export function publicKeyFromDer(subjectPublicKeyInfo: Bytes): NodeKey {
  try {
    return createPublicKey({ key: Buffer.from(subjectPublicKeyInfo), format: "der", type: "spki" });
  } catch (cause) {
    throw new CryptoError("MALFORMED_KEY", `the public key cannot be read: ${messageOf(cause)}`, { cause });
  }
}

const encodedKeys = new WeakMap<NodeKey, Buffer>();

/** SubjectPublicKeyInfo, DER. Kept with the key: OpenSSL takes longer to write it than to verify a signature. */
export function publicKeyToDer(key: NodeKey): Buffer {
  let encoded = encodedKeys.get(key);
  if (encoded === undefined) {
    encoded = publicPart(key).export({ type: "spki", format: "der" });
    encodedKeys.set(key, encoded);
  }
  return encoded;
}

/** The public key of a private key; a public key is returned as it is. */
export function publicPart(key: NodeKey): NodeKey {
  return key.type === "private" ? createPublicKey(key) : key;
}

const fingerprints = new WeakMap<NodeKey, string>();

/** SHA-256 of SubjectPublicKeyInfo, one character a byte: a Map key. Computed once per key object. */
export function keyFingerprint(key: NodeKey): string {
  let fingerprint = fingerprints.get(key);
  if (fingerprint === undefined) {
    fingerprint = createHash("sha256")
      .update(publicKeyToDer(key))
      .digest("latin1" as "hex");
    fingerprints.set(key, fingerprint);
  }
  return fingerprint;
}

export function describeKey(key: NodeKey): string {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return curve === undefined ? (key.asymmetricKeyType ?? "of an unknown kind") : `${key.asymmetricKeyType} on ${curve}`;
}
