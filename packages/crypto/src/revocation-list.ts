/** An X.509 certificate revocation list: which serial numbers of one CA no longer count. */
import { type Bytes, equalBytes } from "@hansa/primitives";
import {
  type Certificate,
  isEcdsaSigned,
  isSignedWith,
  Oid,
  readAuthorityKeyId,
  readExtensions,
  readSigned,
  type Signed,
} from "./certificate.js";
import { contextTag, DerReader, integerHex, Tag, timeMs } from "./der.js";
import { CryptoError } from "./error.js";
import { derFrom } from "./pem.js";

export class RevocationList {
  readonly raw: Bytes;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number | undefined;
  /** DER of the issuer's name. */
  readonly issuerRaw: Bytes;
  readonly authorityKeyId: Bytes | undefined;
  readonly #signed: Signed;
  readonly #serials: ReadonlySet<string>;

  private constructor(raw: Bytes) {
    const what = "the revocation list";
    this.raw = raw;
    this.#signed = readSigned(raw, what);
    const body = new DerReader(this.#signed.signedBytes, what).enter();
    body.optional(Tag.integer);
    body.next(Tag.sequence);
    this.issuerRaw = body.next(Tag.sequence).raw;
    this.thisUpdateMs = timeMs(body.next());
    const isTime = body.nextTag === Tag.utcTime || body.nextTag === Tag.generalizedTime;
    this.nextUpdateMs = isTime ? timeMs(body.next()) : undefined;
    const serials = new Set<string>();
    const entries = body.nextTag === Tag.sequence ? body.enter() : undefined;
    while (entries !== undefined && !entries.done) serials.add(integerHex(entries.enter().next(Tag.integer).content));
    this.#serials = serials;
    const extensions = body.nextTag === contextTag(0) ? readExtensions(body.enter(contextTag(0))) : [];
    const authority = extensions.find((extension) => extension.oid === Oid.authorityKeyId);
    this.authorityKeyId = authority && readAuthorityKeyId(authority.value);
  }

  /** @throws CryptoError MALFORMED_PEM, MALFORMED_REVOCATION_LIST */
  static parse(pemOrDer: string | Bytes): RevocationList {
    const der = derFrom(pemOrDer, "the revocation list");
    try {
      return new RevocationList(Buffer.from(der));
    } catch (cause) {
      const message = cause instanceof CryptoError ? cause.message : "the revocation list cannot be read";
      throw new CryptoError("MALFORMED_REVOCATION_LIST", message, { cause });
    }
  }

  get size(): number {
    return this.#serials.size;
  }

  get isEcdsaSigned(): boolean {
    return isEcdsaSigned(this.#signed);
  }

  /** Whether the list speaks for this CA: same name, and same key id where both state one. */
  issuerMatches(ca: Certificate): boolean {
    if (!equalBytes(this.issuerRaw, ca.subjectRaw)) return false;
    const keyId = ca.subjectKeyId;
    return keyId === undefined || this.authorityKeyId === undefined || equalBytes(keyId, this.authorityKeyId);
  }

  isSignedBy(ca: Certificate): boolean {
    return isSignedWith(this.#signed, ca.publicKey);
  }

  /** `serialHex` as in Certificate. */
  has(serialHex: string): boolean {
    return this.#serials.has(serialHex);
  }
}
