/** What registrars and revokers see of the certificates that were issued. */
import type { Clock } from "@hansa/primitives";
import { attributeOf, CRL_MAKER, hasPower, REGISTRAR_ROLES, REVOKER } from "./attribute-rules.js";
import type { CertificateAuthority } from "./authority.js";
import { CaError } from "./error.js";
import {
  type Authority,
  type IssuedCertificate,
  isWithin,
  type RegisteredIdentity,
  type Registry,
} from "./registry.js";
import type { Authorities } from "./roots.js";

/** Milliseconds since 1970; what is undefined does not filter. */
export type Span = { fromMs: number | undefined; toMs: number | undefined };

export type CertificateFilter = {
  id?: string;
  serialHex?: string;
  aki?: string;
  expiry: Span;
  /** Only certificates that were revoked, when either end is given. */
  revoked: Span;
  notExpired: boolean;
  notRevoked: boolean;
};

export class CertificateDesk {
  readonly #authority: CertificateAuthority;
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #akis: Readonly<Record<Authority, string>>;

  constructor(parts: { authority: CertificateAuthority; authorities: Authorities; registry: Registry; clock: Clock }) {
    this.#authority = parts.authority;
    this.#registry = parts.registry;
    this.#clock = parts.clock;
    const akiOf = (authority: Authority) =>
      Buffer.from(parts.authorities[authority].certificate.subjectKeyId ?? []).toString("hex");
    this.#akis = { identity: akiOf("identity"), tls: akiOf("tls") };
  }

  /** Authority key id of a certificate, lower-case hex. */
  akiOf({ authority }: Pick<IssuedCertificate, "authority">): string {
    return this.#akis[authority];
  }

  /** Serial number and authority key id in hex of any form. */
  find(serial: string, aki: string): IssuedCertificate | undefined {
    return this.#registry
      .certificatesBySerial(plainHex(serial))
      .find((each) => plainHex(this.akiOf(each)) === plainHex(aki));
  }

  /** Those of identities of the caller's affiliation and below. @throws CaError FORBIDDEN */
  list(caller: RegisteredIdentity, filter: CertificateFilter): IssuedCertificate[] {
    if (attributeOf(caller, REGISTRAR_ROLES) === undefined && !hasPower(caller, REVOKER))
      throw new CaError(
        "FORBIDDEN",
        `"${caller.id}" may not list certificates: it has neither ${REGISTRAR_ROLES} nor ${REVOKER}`,
      );
    const nowMs = this.#clock.now();
    const matches = (each: IssuedCertificate): boolean => {
      const { id, serialHex, aki, expiry, revoked, notExpired, notRevoked } = filter;
      if (id !== undefined && each.id !== id) return false;
      if (serialHex !== undefined && plainHex(each.serialHex) !== plainHex(serialHex)) return false;
      if (aki !== undefined && plainHex(this.akiOf(each)) !== plainHex(aki)) return false;
      if (notExpired ? each.notAfterMs < nowMs : !isIn(each.notAfterMs, expiry)) return false;
      if (notRevoked) return each.revocation === undefined;
      if (revoked.fromMs === undefined && revoked.toMs === undefined) return true;
      return each.revocation !== undefined && isIn(each.revocation.atMs, revoked);
    };
    return [...this.#registry.certificates()].filter((each) => this.#isSeenBy(caller, each) && matches(each));
  }

  /** The identity authority's list, PEM, of what was revoked and expires in these spans. @throws CaError FORBIDDEN */
  revocationList(caller: RegisteredIdentity, revoked: Span, expiry: Span): string {
    if (!hasPower(caller, CRL_MAKER))
      throw new CaError("FORBIDDEN", `"${caller.id}" may not make revocation lists: it lacks ${CRL_MAKER}`);
    return this.#authority.revocationList(
      "identity",
      (each) => isIn(each.notAfterMs, expiry) && isIn(each.revocation?.atMs ?? 0, revoked),
    );
  }

  /** Of an identity that is gone, only those see it who see everything. */
  #isSeenBy(caller: RegisteredIdentity, { id }: IssuedCertificate): boolean {
    if (caller.affiliation === "") return true;
    const owner = this.#registry.identity(id);
    return owner !== undefined && isWithin(owner.affiliation, caller.affiliation);
  }
}

function isIn(ms: number, { fromMs, toMs }: Span): boolean {
  return (fromMs === undefined || ms >= fromMs) && (toMs === undefined || ms <= toMs);
}

/** Lower case, without colons and leading zeros, as fabric-ca compares. */
export function plainHex(hex: string): string {
  return hex.toLowerCase().replaceAll(":", "").replace(/^0+/, "");
}
