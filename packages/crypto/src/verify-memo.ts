/**
 * Remembers signatures that verified, so that one process pays once for a signature that several of its parts check:
 * creator and endorsements travel through endorser, gateway, orderer and committer. Verification is a pure function,
 * so nobody's verdict changes. Failures are never remembered: they are rare, and an attacker could fill the memo.
 */
import { hash, type KeyObject } from "node:crypto";
import { type Bytes, bytesKey, LruMap } from "@hansa/primitives";
import { keyFingerprint } from "./key.js";
import { type SignatureHash, verifyInPool, verifySignature } from "./signature.js";

export class VerifyMemo {
  readonly #valid: LruMap<string, true>;

  /** `capacity` counts signatures, about 300 bytes each. */
  constructor(capacity = 8192) {
    this.#valid = new LruMap(capacity);
  }

  get size(): number {
    return this.#valid.size;
  }

  verify(publicKey: KeyObject, message: Bytes, signature: Bytes, hashName: SignatureHash = "sha256"): boolean {
    const key = memoKey(publicKey, message, signature, hashName);
    if (this.#valid.get(key) !== undefined) return true;
    const valid = verifySignature(publicKey, message, signature, hashName);
    if (valid) this.#valid.set(key, true);
    return valid;
  }

  /**
   * Verifies on another thread, for a `verify` that comes later. Undefined when that will find it as it is; the promise
   * never rejects.
   */
  verifyAhead(
    publicKey: KeyObject,
    message: Bytes,
    signature: Bytes,
    hashName: SignatureHash = "sha256",
  ): Promise<void> | undefined {
    const key = memoKey(publicKey, message, signature, hashName);
    if (this.#valid.get(key) !== undefined) return undefined;
    return verifyInPool(publicKey, message, signature, hashName).then((valid) => {
      if (valid) this.#valid.set(key, true);
    });
  }

  /** Enters a signature that this process has just made itself. */
  remember(publicKey: KeyObject, message: Bytes, signature: Bytes, hashName: SignatureHash = "sha256"): void {
    this.#valid.set(memoKey(publicKey, message, signature, hashName), true);
  }

  clear(): void {
    this.#valid.clear();
  }
}

function memoKey(publicKey: KeyObject, message: Bytes, signature: Bytes, hashName: SignatureHash): string {
  const kind = hashName === "sha256" ? "" : hashName;
  return keyFingerprint(publicKey) + hash("sha256", message, "latin1" as "hex") + kind + bytesKey(signature);
}

/** The memo that everything in one process shares unless it is told otherwise. */
export const sharedVerifyMemo = new VerifyMemo(16_384);
