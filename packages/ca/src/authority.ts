/**
 * What the certificate authority does: registers, enrols, revokes. One change after the other, each durable before it
 * is answered. Requests reach it authenticated, see signed-requests.ts; enrolment by secret is judged here.
 */
import { Certificate, CryptoError } from "@hansa/crypto";
import { createRevocationList, issueCertificate, readCsr } from "@hansa/crypto/issuing";
import type { Clock, Random } from "@hansa/primitives";
import { Attempts } from "./attempts.js";
import { attributeOf, REGISTRAR_POWERS } from "./attribute-rules.js";
import { CaError } from "./error.js";
import {
  affiliationFault,
  type CertificateAsk,
  certifiedAttributes,
  checkedRegistration,
  checkMayRegister,
  type Registration,
} from "./registration.js";
import {
  type Authority,
  certificateRecord,
  type IdentityRecord,
  type IssuedCertificate,
  type RegisteredIdentity,
  type Registry,
  type RegistryRecord,
} from "./registry.js";
import { judgeRevocation, type RevocationTarget } from "./revocation.js";
import type { Authorities } from "./roots.js";
import { drawSecret, hashSecret, keepDrawn, type StoredSecret, secretMatches } from "./secret.js";

export type Validities = { identityMs: number; tlsMs: number; revocationListMs: number };

const MAX_BATCH = 1000;
const MAX_ASKS = 8;

export class CertificateAuthority {
  readonly name: string;
  readonly #authorities: Authorities;
  readonly #registry: Registry;
  readonly #validities: Validities;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #attempts: Attempts;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: {
    name: string;
    authorities: Authorities;
    registry: Registry;
    validities: Validities;
    clock: Clock;
    random: Random;
  }) {
    this.name = parts.name;
    this.#authorities = parts.authorities;
    this.#registry = parts.registry;
    this.#validities = parts.validities;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#attempts = new Attempts(parts.clock);
  }

  get certificatePem(): string {
    return this.#authorities.identity.certificate.pem;
  }

  get tlsCertificatePem(): string {
    return this.#authorities.tls.certificate.pem;
  }

  get nowMs(): number {
    return this.#clock.now();
  }

  /**
   * The registered identity that a certificate of ours belongs to.
   * @throws CaError UNAUTHENTICATED when it is not ours, has expired or is revoked
   */
  callerOf(certificate: Certificate): RegisteredIdentity {
    const issued = this.#registry.certificate("identity", certificate.serialHex);
    if (issued === undefined || issued.pem !== certificate.pem) {
      throw new CaError(
        "UNAUTHENTICATED",
        `the certificate of "${certificate.subjectCommonName}" was not issued by ${this.name}`,
      );
    }
    const identity = this.#registry.identity(issued.id);
    if (identity === undefined || identity.revoked || issued.revocation !== undefined) {
      throw new CaError("UNAUTHENTICATED", `the certificate of "${issued.id}" is revoked`);
    }
    if (this.#clock.now() > issued.notAfterMs) {
      const since = new Date(issued.notAfterMs).toISOString();
      throw new CaError("UNAUTHENTICATED", `the certificate of "${issued.id}" expired at ${since}`, {
        nextStep: "Enrol again with the secret.",
      });
    }
    return identity;
  }

  /** Registers whoever may do everything; one that an earlier version registered gets the powers that came since. */
  async ensureRegistrar({ id, secret, drawn = false }: { id: string; secret: string; drawn?: boolean }): Promise<void> {
    const known = this.#registry.identity(id);
    if (known !== undefined) {
      const missing = REGISTRAR_POWERS.filter(({ name }) => attributeOf(known, name) === undefined);
      if (missing.length === 0) return;
      const { type, affiliation, maxEnrollments } = known;
      const attributes = [...known.attributes, ...missing];
      const atMs = this.#clock.now();
      await this.exclusively(() =>
        this.#registry.append([{ kind: "identityChange", id, type, affiliation, attributes, maxEnrollments, atMs }]),
      );
      return;
    }
    const stored = drawn ? keepDrawn(secret, this.#random) : await hashSecret(secret, this.#random);
    await this.exclusively(async () => {
      const registration = checkedRegistration({
        id,
        type: "admin",
        affiliation: "",
        attributes: REGISTRAR_POWERS,
        maxEnrollments: -1,
        secret,
      });
      await this.#registry.append([this.#identityRecord(registration, stored)]);
    });
  }

  /** Makes those of these known that can be affiliations, unless affiliations were recorded before. */
  async ensureAffiliations(affiliations: readonly string[]): Promise<void> {
    if (this.#registry.hasAffiliations) return;
    const added = affiliations.filter((each) => affiliationFault(each) === undefined);
    const record = { kind: "affiliations", added, removed: [], atMs: this.#clock.now() } as const;
    await this.exclusively(() => this.#registry.append([record]));
  }

  async enroll(id: string, secret: string, ask: CertificateAsk): Promise<string> {
    await this.checkSecret(id, secret);
    return this.enrollKnown(id, ask);
  }

  /** @throws CaError UNAUTHENTICATED; OVERLOADED after too many wrong secrets */
  async checkSecret(id: string, secret: string): Promise<void> {
    this.#attempts.refuseLocked(id);
    const known = this.#registry.identity(id);
    if (!(await secretMatches(secret, known?.secret))) {
      this.#attempts.countFailure(id);
      throw new CaError("UNAUTHENTICATED", `enrolment of "${id}" refused: unknown id or wrong secret`);
    }
    this.#attempts.forget(id);
  }

  /** Certifies somebody whose secret was found right. */
  async enrollKnown(id: string, ask: CertificateAsk): Promise<string> {
    return this.exclusively(async () => {
      const identity = this.#registered(id);
      const certificate = this.#certify(identity, ask, 0);
      await this.#registry.append([certificateRecord(id, authorityOf(ask), certificate, true, this.#clock.now())]);
      return certificate.pem;
    });
  }

  async reenroll(caller: RegisteredIdentity, ask: CertificateAsk): Promise<string> {
    return this.exclusively(async () => {
      const identity = this.#registered(caller.id);
      const certificate = this.#certify(identity, ask, -1);
      await this.#registry.append([
        certificateRecord(identity.id, authorityOf(ask), certificate, false, this.#clock.now()),
      ]);
      return certificate.pem;
    });
  }

  /**
   * Returns the secret.
   * @param affiliations whether a new affiliation becomes known, or is refused
   */
  async register(
    caller: RegisteredIdentity,
    registration: Registration,
    affiliations: "new" | "known" = "new",
  ): Promise<string> {
    const wanted = checkedRegistration(registration);
    checkMayRegister(caller, wanted);
    const { affiliation } = wanted;
    if (affiliations === "known" && affiliation !== "" && !this.#registry.hasAffiliation(affiliation))
      throw new CaError("FORBIDDEN", `affiliation "${affiliation}" is not known here`);
    const { secret, stored } =
      wanted.secret === ""
        ? drawSecret(this.#random)
        : { secret: wanted.secret, stored: await hashSecret(wanted.secret, this.#random) };
    return this.exclusively(async () => {
      if (this.#registry.identity(wanted.id) !== undefined) {
        throw new CaError("ALREADY_REGISTERED", `identity "${wanted.id}" is registered already`);
      }
      await this.#registry.append([this.#identityRecord(wanted, stored)]);
      return secret;
    });
  }

  /** Registers who is not there yet and certifies everybody's keys: all of it, or nothing. */
  async enrollMany(
    caller: RegisteredIdentity,
    items: readonly { registration: Registration; asks: readonly CertificateAsk[] }[],
  ): Promise<string[][]> {
    if (items.length > MAX_BATCH)
      throw new CaError("BAD_REQUEST", `${items.length} identities at once are more than ${MAX_BATCH}`);
    const wanted = items.map(({ registration, asks }) => {
      if (asks.length > MAX_ASKS)
        throw new CaError("BAD_REQUEST", `"${registration.id}" asks for more than ${MAX_ASKS} certificates`);
      const each = checkedRegistration(registration);
      checkMayRegister(caller, each);
      return { registration: each, asks };
    });
    const chosen = await Promise.all(
      wanted.map(
        async ({ registration: { secret } }): Promise<StoredSecret> =>
          secret === "" ? { kind: "none" } : hashSecret(secret, this.#random),
      ),
    );
    return this.exclusively(async () => {
      const records: RegistryRecord[] = [];
      const fresh = new Map<string, RegisteredIdentity>();
      const pems = wanted.map(({ registration, asks }, index) => {
        let identity = fresh.get(registration.id) ?? this.#registry.identity(registration.id);
        if (identity === undefined) {
          const record = this.#identityRecord(registration, chosen[index] ?? { kind: "none" });
          records.push(record);
          identity = { ...record, enrollments: 0, revoked: false };
          fresh.set(registration.id, identity);
        } else if (identity.type !== registration.type) {
          throw new CaError(
            "ALREADY_REGISTERED",
            `identity "${identity.id}" is registered as ${identity.type}, not as ${registration.type}`,
          );
        }
        if (identity.revoked) throw revokedIdentity(identity.id);
        const subject = identity;
        return asks.map((ask, used) => {
          const certificate = this.#certify(subject, ask, used);
          records.push(certificateRecord(subject.id, authorityOf(ask), certificate, true, this.#clock.now()));
          return certificate.pem;
        });
      });
      await this.#registry.append(records);
      return pems;
    });
  }

  /** Returns the serial numbers that were not revoked before. */
  async revoke(caller: RegisteredIdentity, target: RevocationTarget): Promise<string[]> {
    return (await this.revokeCertificates(caller, target)).map(({ serialHex }) => serialHex);
  }

  /** Returns what was not revoked before. */
  async revokeCertificates(
    caller: RegisteredIdentity,
    target: RevocationTarget,
  ): Promise<readonly IssuedCertificate[]> {
    return this.exclusively(async () => {
      const { certificates, records } = judgeRevocation(this.#registry, caller, target, this.#clock.now());
      await this.#registry.append(records);
      return certificates;
    });
  }

  /** Lists of both authorities, PEM. */
  revocationLists(): { identityPem: string; tlsPem: string } {
    return { identityPem: this.revocationList("identity"), tlsPem: this.revocationList("tls") };
  }

  /** PEM, of the revoked certificates that are wanted. */
  revocationList(authority: Authority, isWanted: (certificate: IssuedCertificate) => boolean = () => true): string {
    const nowMs = this.#clock.now();
    return createRevocationList({
      issuer: this.#authorities[authority],
      revoked: this.#registry
        .revokedBy(authority)
        .filter(isWanted)
        .map(({ serialHex, revocation }) => ({
          serialHex,
          revokedAtMs: revocation?.atMs ?? nowMs,
          reason: revocation?.reason ?? "unspecified",
        })),
      number: this.#registry.version + 1,
      nowMs,
      nextUpdateMs: nowMs + this.#validities.revocationListMs,
    });
  }

  /** Waits for changes under way, then closes the registry. */
  async close(): Promise<void> {
    await this.exclusively(async () => {});
    await this.#registry.close();
  }

  #identityRecord(registration: Registration, secret: StoredSecret): IdentityRecord {
    const { id, type, affiliation, attributes, maxEnrollments } = registration;
    const atMs = this.#clock.now();
    return { kind: "identity", id, type, affiliation, attributes, maxEnrollments: maxEnrollments || -1, secret, atMs };
  }

  #registered(id: string): RegisteredIdentity {
    const identity = this.#registry.identity(id);
    if (identity === undefined) throw new CaError("NOT_FOUND", `no identity "${id}"`);
    if (identity.revoked) throw revokedIdentity(id);
    return identity;
  }

  /** @param used enrolments that this request has used up before; -1 when it does not count */
  #certify(identity: RegisteredIdentity, ask: CertificateAsk, used: number): Certificate {
    const { id, maxEnrollments } = identity;
    if (used >= 0 && maxEnrollments >= 0 && identity.enrollments + used >= maxEnrollments) {
      throw new CaError("REFUSED", `identity "${id}" has used its ${maxEnrollments} enrolments`, {
        nextStep: "Re-enrol with the present certificate, or have a registrar register another identity.",
      });
    }
    const tls = ask.profile === "tls";
    const limit = tls ? this.#validities.tlsMs : this.#validities.identityMs;
    try {
      const request = readCsr(ask.csrPem);
      return Certificate.parse(
        issueCertificate({
          issuer: this.#authorities[authorityOf(ask)],
          publicKey: request.publicKey,
          subject: {
            commonName: id,
            organizationalUnits: [identity.type, ...identity.affiliation.split(".").filter((part) => part !== "")],
          },
          profile: tls ? "tls" : "identity",
          nowMs: this.#clock.now(),
          validityMs: ask.validityMs > 0 ? Math.min(ask.validityMs, limit) : limit,
          dnsNames: request.dnsNames,
          ipAddresses: request.ipAddresses,
          ...(tls ? {} : { attributes: certifiedAttributes(identity, ask) }),
        }),
      );
    } catch (cause) {
      if (cause instanceof CryptoError)
        throw new CaError("BAD_REQUEST", `enrolment of "${id}": ${cause.message}`, { cause });
      throw cause;
    }
  }

  /** One change after the other, so that what was checked still holds when it is written. */
  exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action, action);
    this.#turn = result.catch(() => {});
    return result;
  }
}

function revokedIdentity(id: string): CaError {
  return new CaError("REFUSED", `identity "${id}" is revoked`);
}

function authorityOf(ask: CertificateAsk): Authority {
  return ask.profile === "tls" ? "tls" : "identity";
}
