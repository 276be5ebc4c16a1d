/**
 * One identity of one member: a certificate under an MSP. Parsing, chain, verdict and principals are worked out once
 * and kept with the object, so it pays to keep the object (see MspManager).
 */
import type { Certificate, VerifyMemo } from "@hansa/crypto";
import { type SignatureHash, verifySignature } from "@hansa/crypto";
import { type Bytes, bytesKey, type MspId, sha256 } from "@hansa/primitives";
import type { common } from "@hansa/wire";
import type { MspError } from "./error.js";
import { principalKey } from "./principal.js";

export type Roles = Readonly<Record<"client" | "peer" | "admin" | "orderer", boolean>>;

/** What an MSP decides about its identities. */
export interface IdentityRules {
  readonly id: MspId;
  readonly signatureHash: SignatureHash;
  readonly verifyMemo: VerifyMemo | undefined;
  /** Why the identity does not count, or undefined when it does. */
  judge(identity: Identity): MspError | undefined;
  rolesOf(identity: Identity): Roles;
  meets(identity: Identity, principal: common.IMSPPrincipal): boolean;
}

/** Key-level policies come from contracts, so the number of distinct principals is not ours to trust. */
const MAX_REMEMBERED_PRINCIPALS = 256;

export class Identity {
  readonly mspId: MspId;
  /** As received. */
  readonly certificate: Certificate;
  /** With its issuer's signature in low S: the form in which Fabric compares certificates. */
  readonly canonical: Certificate;
  /** Bytes of msp.SerializedIdentity, as received. */
  readonly serialized: Bytes;
  /** Two identities are the same signer when this is equal. */
  readonly signerKey: string;
  readonly #rules: IdentityRules;
  readonly #principals = new Map<string, boolean>();
  #verdict: { error: MspError | undefined } | undefined;
  #roles: Roles | undefined;

  constructor(rules: IdentityRules, certificate: Certificate, canonical: Certificate, serialized: Bytes) {
    this.#rules = rules;
    this.mspId = rules.id;
    this.certificate = certificate;
    this.canonical = canonical;
    this.serialized = serialized;
    this.signerKey = `${rules.id}\u0000${bytesKey(sha256(canonical.raw))}`;
  }

  /** Milliseconds since 1970 after which new messages of this identity are refused. */
  get expiresAtMs(): number {
    return this.certificate.notAfterMs;
  }

  /** Why this identity does not count (chain, revocation, units), or undefined. Says nothing about expiry. */
  get flaw(): MspError | undefined {
    this.#verdict ??= { error: this.#rules.judge(this) };
    return this.#verdict.error;
  }

  /** All false for an identity that does not count. */
  get roles(): Roles {
    this.#roles ??= this.#rules.rolesOf(this);
    return this.#roles;
  }

  /** Whether this identity's key signed the message. Does not ask whether the identity counts. */
  verify(message: Bytes, signature: Bytes): boolean {
    const { verifyMemo, signatureHash } = this.#rules;
    const key = this.certificate.publicKey;
    return verifyMemo === undefined
      ? verifySignature(key, message, signature, signatureHash)
      : verifyMemo.verify(key, message, signature, signatureHash);
  }

  /**
   * Works ahead for `verify` on another thread. Undefined when there is nothing to do, which is also where verdicts are
   * not remembered.
   */
  verifyAhead(message: Bytes, signature: Bytes): Promise<void> | undefined {
    const { verifyMemo, signatureHash } = this.#rules;
    return verifyMemo?.verifyAhead(this.certificate.publicKey, message, signature, signatureHash);
  }

  /** @param key principalKey of the principal, where the caller has it at hand */
  satisfies(principal: common.IMSPPrincipal, key = principalKey(principal)): boolean {
    let verdict = this.#principals.get(key);
    if (verdict === undefined) {
      verdict = this.#rules.meets(this, principal);
      if (this.#principals.size >= MAX_REMEMBERED_PRINCIPALS) this.#principals.clear();
      this.#principals.set(key, verdict);
    }
    return verdict;
  }
}
