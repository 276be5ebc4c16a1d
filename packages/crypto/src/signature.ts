/**
 * Signatures of identities. ECDSA is over SHA-256 on every curve (SHA3-256 where an MSP says so), DER with low S;
 * Ed25519 is over the message itself, 64 bytes. What is synchronous is so because handing one operation to the thread
 * pool gains nothing; `verifyInPool` is for those who have many.
 */
import { type KeyObject, sign, verify } from "node:crypto";
import type { Bytes } from "@hansa/primitives";
import { CryptoError } from "./error.js";
import { describeKey, type KeyAlgorithm, keyAlgorithm } from "./key.js";
import { isLowS, toLowS } from "./low-s.js";

export interface Signer {
  readonly algorithm: KeyAlgorithm;
  /** SHA-256 and DER with low S for the curves, raw 64 bytes for Ed25519. */
  sign(message: Bytes): Bytes;
}

export type SignatureHash = "sha256" | "sha3-256";

/** @throws CryptoError UNSUPPORTED_KEY when it is not a private key of a known algorithm */
export function createSigner(key: KeyObject): Signer {
  const algorithm = keyAlgorithm(key);
  if (algorithm === undefined || key.type !== "private") {
    throw new CryptoError("UNSUPPORTED_KEY", `a ${key.type} key ${describeKey(key)} cannot sign here`);
  }
  if (algorithm === "Ed25519") return { algorithm, sign: (message) => sign(null, message, key) };
  return {
    algorithm,
    sign(message) {
      const low = toLowS(sign("sha256", message, key), algorithm);
      if (low === undefined) throw new CryptoError("UNSUPPORTED_KEY", "the crypto library returned no ECDSA signature");
      return low;
    },
  };
}

/** False for a wrong signature, a high S, garbage, and keys of other algorithms. Never throws. */
export function verifySignature(
  publicKey: KeyObject,
  message: Bytes,
  signature: Bytes,
  hash: SignatureHash = "sha256",
): boolean {
  const asked = questionOf(publicKey, signature, hash);
  if (asked === undefined) return false;
  try {
    return verify(asked.hash, message, publicKey, asked.signature);
  } catch {
    return false;
  }
}

/** As `verifySignature`, on another thread: costs more CPU, and nearly nothing of it here. Never rejects. */
export function verifyInPool(
  publicKey: KeyObject,
  message: Bytes,
  signature: Bytes,
  hash: SignatureHash = "sha256",
): Promise<boolean> {
  const asked = questionOf(publicKey, signature, hash);
  if (asked === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    try {
      verify(asked.hash, message, publicKey, asked.signature, (error, valid) => resolve(error === null && valid));
    } catch {
      resolve(false);
    }
  });
}

/** What OpenSSL is to be asked; undefined for a signature that cannot be right. */
function questionOf(
  publicKey: KeyObject,
  signature: Bytes,
  hash: SignatureHash,
): { hash: SignatureHash | null; signature: Bytes } | undefined {
  const algorithm = keyAlgorithm(publicKey);
  if (algorithm === undefined) return undefined;
  if (algorithm === "Ed25519") return signature.length === 64 ? { hash: null, signature } : undefined;
  if (!isLowS(signature, algorithm)) return undefined;
  // Only a signature with bytes around its two integers is rewritten; OpenSSL would refuse it where Go does not.
  const canonical = toLowS(signature, algorithm);
  return canonical && { hash, signature: canonical };
}
