/**
 * Signatures of identities. ECDSA is over SHA-256 on every curve (SHA3-256 where an MSP says so), DER with low S;
 * Ed25519 is over the message itself, 64 bytes. Everything is synchronous: handing one operation to the thread pool
 * gains nothing on a busy core.
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
  const algorithm = keyAlgorithm(publicKey);
  if (algorithm === undefined) return false;
  try {
    if (algorithm === "Ed25519") return signature.length === 64 && verify(null, message, publicKey, signature);
    if (!isLowS(signature, algorithm)) return false;
    // Only a signature with bytes around its two integers is rewritten; OpenSSL would refuse it where Go does not.
    const canonical = toLowS(signature, algorithm);
    return canonical !== undefined && verify(hash, message, publicKey, canonical);
  } catch {
    return false;
  }
}
