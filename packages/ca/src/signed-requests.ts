/**
 * Requests in the name of an identity: made by clients, judged by the authority. Each says for which CA and method it
 * is, when it was made, and carries a nonce; a copy is worth nothing anywhere else or a second time.
 */
import { Certificate, CryptoError, verifySignature } from "@hansa/crypto";
import { type Bytes, bytesKey, type Clock, fromUtf8, type Random } from "@hansa/primitives";
import { decode, encode, hansa, toLong, toNumber } from "@hansa/wire";
import type { CertificateAuthority } from "./authority.js";
import { CaError } from "./error.js";
import type { RegisteredIdentity } from "./registry.js";

/** Whoever signs: a SigningIdentity of the msp package has this shape. */
export type CaSigner = { certificate: Certificate; sign(message: Bytes): Bytes };

/** Clocks may differ by this much, and a request lives this long. */
export const FRESH_MS = 5 * 60_000;
const MAX_NONCES = 100_000;
const KEPT_CERTIFICATES = 256;

export function signRequest(
  signer: CaSigner,
  parts: { caName: string; method: string; request: Bytes; clock: Clock; random: Random },
): Bytes {
  const body = encode(hansa.ca.RequestBody, {
    caName: parts.caName,
    method: parts.method,
    timestampMs: toLong(parts.clock.now()),
    nonce: parts.random.bytes(24),
    request: parts.request,
  });
  const signature = signer.sign(body);
  return encode(hansa.ca.SignedRequest, { body, signature, certificatePem: signer.certificate.pem });
}

export class RequestJudge {
  readonly #authority: CertificateAuthority;
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  /** Nonce to the time after which the request is too old anyway; in the order of arrival. */
  readonly #seen = new Map<string, number>();

  /** Of callers by their PEM: the same ones come again and again, and parsing takes longer than the rest. */
  readonly #certificates = new Map<string, Certificate>();

  constructor(authority: CertificateAuthority, clock: Clock) {
    this.#authority = authority;
    this.#clock = clock;
    this.#startedAtMs = clock.now();
  }

  /** @throws CaError UNAUTHENTICATED with the reason; WireError for bytes that are no request */
  open(bytes: Bytes, method: string): { caller: RegisteredIdentity; request: Bytes } {
    const { body, signature, certificatePem } = decode(hansa.ca.SignedRequest, bytes, "hansa.ca.SignedRequest");
    const certificate = this.#certificates.get(certificatePem) ?? readCertificate(certificatePem);
    const caller = this.#authority.callerOf(certificate);
    this.#keep(certificatePem, certificate);
    if (!verifySignature(certificate.publicKey, body, signature)) {
      throw refused(`the signature of "${caller.id}" does not fit the request`);
    }
    const asked = decode(hansa.ca.RequestBody, body, "hansa.ca.RequestBody");
    if (asked.caName !== this.#authority.name)
      throw refused(`the request is for "${asked.caName}"; this is ${this.#authority.name}`);
    if (asked.method !== method) throw refused(`the request was signed for ${asked.method}, not for ${method}`);
    this.#checkFresh(toNumber(asked.timestampMs), asked.nonce);
    return { caller, request: asked.request };
  }

  #keep(pem: string, certificate: Certificate): void {
    if (this.#certificates.has(pem)) return;
    if (this.#certificates.size >= KEPT_CERTIFICATES) this.#certificates.clear();
    this.#certificates.set(pem, certificate);
  }

  #checkFresh(madeAtMs: number, nonce: Bytes): void {
    const nowMs = this.#clock.now();
    if (Math.abs(nowMs - madeAtMs) > FRESH_MS) {
      const difference = Math.round((nowMs - madeAtMs) / 1000);
      throw refused(
        `the request is ${difference} s old by the CA's clock; ${FRESH_MS / 1000} s either way are allowed`,
      );
    }
    // Nonces do not outlive the process, so nothing from before it is accepted.
    if (madeAtMs < this.#startedAtMs) throw refused("the request was made before this CA started; make it again");
    if (nonce.length < 16 || nonce.length > 64) throw refused(`a nonce of ${nonce.length} bytes is outside 16 to 64`);
    for (const [old, untilMs] of this.#seen) {
      if (untilMs >= nowMs) break;
      this.#seen.delete(old);
    }
    const key = bytesKey(nonce);
    if (this.#seen.has(key)) throw refused("the request was made before: its nonce is known");
    if (this.#seen.size >= MAX_NONCES)
      throw new CaError("OVERLOADED", "too many requests in the last minutes; try again later");
    this.#seen.set(key, nowMs + 2 * FRESH_MS);
  }
}

function readCertificate(pem: string): Certificate {
  try {
    return Certificate.parse(fromUtf8(pem));
  } catch (cause) {
    if (cause instanceof CryptoError) throw refused(cause.message);
    throw cause;
  }
}

function refused(fact: string): CaError {
  return new CaError("UNAUTHENTICATED", `request refused: ${fact}`);
}
