/**
 * Who is registered, which certificates were issued, what was revoked. The registry is the fold of its records; a
 * store keeps the records, and nothing is changed in memory before it is durable there.
 */
import type { Certificate } from "@hansa/crypto";
import type { RevocationReason } from "@hansa/crypto/issuing";
import { CaError } from "./error.js";
import type { StoredSecret } from "./secret.js";

export const IDENTITY_TYPES = ["client", "peer", "admin", "orderer"] as const;
export type IdentityType = (typeof IDENTITY_TYPES)[number];

/** `ecert`: goes into certificates unless the enrolment names others. */
export type Attribute = { name: string; value: string; ecert: boolean };

/** Which of the organisation's two CAs signed. */
export type Authority = "identity" | "tls";

export type IdentityRecord = {
  kind: "identity";
  id: string;
  type: IdentityType;
  affiliation: string;
  attributes: readonly Attribute[];
  /** -1: no limit. */
  maxEnrollments: number;
  secret: StoredSecret;
  atMs: number;
};

export type CertificateRecord = {
  kind: "certificate";
  id: string;
  authority: Authority;
  serialHex: string;
  notAfterMs: number;
  pem: string;
  /** Whether it used up one of the identity's enrolments. */
  counted: boolean;
  atMs: number;
};

/** With `id` the identity itself is revoked, too. */
export type RevocationRecord = {
  kind: "revocation";
  id: string | undefined;
  certificates: readonly { authority: Authority; serialHex: string }[];
  reason: RevocationReason;
  atMs: number;
};

/** One use of the governance key. What it says of the network is what later uses are held to. */
export type GovernanceRecord = {
  kind: "governance";
  networkId: string;
  /** As what the organisation signed. */
  role: "operator" | "member";
  /** Absent for the operator. */
  memberId?: string;
  /** The governance strand that an enactment was judged by. */
  strandId?: string;
  /** What was signed, in words. */
  what: string;
  /** SHA-256 of what was signed. */
  hashHex: string;
  atMs: number;
};

/** What an identity is from now on; `secret` absent keeps the one it has. */
export type IdentityChangeRecord = Omit<IdentityRecord, "kind" | "secret"> & {
  kind: "identityChange";
  secret?: StoredSecret;
};

/** The identity is gone, and its certificates are revoked. */
export type RemovalRecord = Omit<RevocationRecord, "kind" | "id"> & { kind: "removal"; id: string };

/** Dotted paths. Whatever stands above an added one is added, whatever stands below a removed one removed. */
export type AffiliationsRecord = {
  kind: "affiliations";
  added: readonly string[];
  removed: readonly string[];
  atMs: number;
};

export type RegistryRecord =
  | IdentityRecord
  | IdentityChangeRecord
  | RemovalRecord
  | AffiliationsRecord
  | CertificateRecord
  | RevocationRecord
  | GovernanceRecord;

/** Every kind of record; a store refuses others. */
export const RECORD_KINDS: ReadonlySet<unknown> = new Set<RegistryRecord["kind"]>([
  "identity",
  "identityChange",
  "removal",
  "affiliations",
  "certificate",
  "revocation",
  "governance",
]);

/** Durable, ordered, and all or nothing for each call of `append`. */
export interface RegistryStore {
  /** All records in order. @throws CaError CORRUPT_STORE */
  load(): Promise<readonly RegistryRecord[]>;
  append(records: readonly RegistryRecord[]): Promise<void>;
  /**
   * The same, except that it does not wait for the disk: what was noted is there if this process dies, and on the disk a
   * moment later, at the latest with the next append. A write to the disk that fails is thrown by the next append.
   */
  note(records: readonly RegistryRecord[]): Promise<void>;
  close(): Promise<void>;
}

export type RegisteredIdentity = IdentityRecord & { enrollments: number; revoked: boolean };

export type IssuedCertificate = CertificateRecord & {
  revocation: { reason: RevocationReason; atMs: number } | undefined;
};

/** What an organisation is in a network, by what its governance key signed there. */
export type GovernanceRole = { operator: boolean; memberId: string | undefined; strandId: string | undefined };

export class Registry {
  readonly #store: RegistryStore;
  readonly #identities = new Map<string, RegisteredIdentity>();
  readonly #certificates = new Map<string, IssuedCertificate>();
  readonly #byIdentity = new Map<string, IssuedCertificate[]>();
  readonly #governance = new Map<string, GovernanceRole>();
  readonly #affiliations = new Set<string>();
  #hasAffiliations = false;
  #records = 0;

  private constructor(store: RegistryStore) {
    this.#store = store;
  }

  static async open(store: RegistryStore): Promise<Registry> {
    const registry = new Registry(store);
    for (const record of await store.load()) registry.#apply(record);
    return registry;
  }

  /** Grows with every change; revocation lists are numbered by it. */
  get version(): number {
    return this.#records;
  }

  identity(id: string): RegisteredIdentity | undefined {
    return this.#identities.get(id);
  }

  /** In the order of their registration. */
  identities(): IterableIterator<RegisteredIdentity> {
    return this.#identities.values();
  }

  /** Of both authorities, in the order of their issue. */
  certificates(): IterableIterator<IssuedCertificate> {
    return this.#certificates.values();
  }

  /** Every affiliation, in order; with one, all that stand above it are there, too. */
  affiliations(): string[] {
    return [...this.#affiliations].sort();
  }

  hasAffiliation(affiliation: string): boolean {
    return this.#affiliations.has(affiliation);
  }

  /** Whether affiliations were ever recorded as such. */
  get hasAffiliations(): boolean {
    return this.#hasAffiliations;
  }

  certificate(authority: Authority, serialHex: string): IssuedCertificate | undefined {
    return this.#certificates.get(`${authority}/${serialHex}`);
  }

  /** Both authorities' certificates with this serial number. */
  certificatesBySerial(serialHex: string): IssuedCertificate[] {
    return [this.certificate("identity", serialHex), this.certificate("tls", serialHex)].filter(
      (each) => each !== undefined,
    );
  }

  certificatesOf(id: string): readonly IssuedCertificate[] {
    return this.#byIdentity.get(id) ?? [];
  }

  revokedBy(authority: Authority): IssuedCertificate[] {
    return [...this.#certificates.values()].filter(
      (each) => each.authority === authority && each.revocation !== undefined,
    );
  }

  governanceRole(networkId: string): GovernanceRole | undefined {
    return this.#governance.get(networkId);
  }

  /** Durable when it returns. The caller has checked the records against the present state. */
  async append(records: readonly RegistryRecord[]): Promise<void> {
    if (records.length === 0) return;
    await this.#store.append(records);
    for (const record of records) this.#apply(record);
  }

  /** As append, for what the present state does not rest on: see RegistryStore.note. */
  async note(records: readonly RegistryRecord[]): Promise<void> {
    await this.#store.note(records);
    for (const record of records) this.#apply(record);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #apply(record: RegistryRecord): void {
    this.#records++;
    switch (record.kind) {
      case "identity":
        this.#identities.set(record.id, { ...record, enrollments: 0, revoked: false });
        this.#addAffiliation(record.affiliation);
        return;
      case "identityChange": {
        const identity = this.#identities.get(record.id);
        if (identity === undefined) throw corrupt(`a change of "${record.id}", who is not registered`);
        const { type, affiliation, attributes, maxEnrollments, secret = identity.secret } = record;
        Object.assign(identity, { type, affiliation, attributes, maxEnrollments, secret });
        this.#addAffiliation(affiliation);
        return;
      }
      case "removal":
        if (!this.#identities.delete(record.id)) throw corrupt(`the removal of "${record.id}", who is not registered`);
        this.#revoke(record);
        return;
      case "affiliations":
        this.#hasAffiliations = true;
        for (const removed of record.removed)
          for (const each of this.#affiliations) if (isWithin(each, removed)) this.#affiliations.delete(each);
        for (const added of record.added) this.#addAffiliation(added);
        return;
      case "certificate": {
        const identity = this.#identities.get(record.id);
        if (identity === undefined) throw corrupt(`a certificate of "${record.id}", who is not registered`);
        if (record.counted) identity.enrollments++;
        const issued = { ...record, revocation: undefined };
        this.#certificates.set(`${record.authority}/${record.serialHex}`, issued);
        const others = this.#byIdentity.get(record.id);
        if (others === undefined) this.#byIdentity.set(record.id, [issued]);
        else others.push(issued);
        return;
      }
      case "revocation": {
        if (record.id !== undefined) {
          const identity = this.#identities.get(record.id);
          if (identity === undefined) throw corrupt(`a revocation of "${record.id}", who is not registered`);
          identity.revoked = true;
        }
        this.#revoke(record);
        return;
      }
      case "governance": {
        const before = this.#governance.get(record.networkId);
        this.#governance.set(record.networkId, {
          operator: before?.operator === true || record.role === "operator",
          memberId: record.memberId ?? before?.memberId,
          strandId: record.strandId ?? before?.strandId,
        });
        return;
      }
    }
  }

  #revoke({ certificates, reason, atMs }: RevocationRecord | RemovalRecord): void {
    for (const { authority, serialHex } of certificates) {
      const issued = this.certificate(authority, serialHex);
      if (issued === undefined) throw corrupt(`a revocation of certificate ${serialHex}, which was not issued`);
      issued.revocation ??= { reason, atMs };
    }
  }

  #addAffiliation(affiliation: string): void {
    const parts = affiliation.split(".");
    for (let length = 1; affiliation !== "" && length <= parts.length; length++)
      this.#affiliations.add(parts.slice(0, length).join("."));
  }
}

/** Whether an affiliation is `above` or stands below it. Everything stands below "". */
export function isWithin(affiliation: string, above: string): boolean {
  return above === "" || affiliation === above || affiliation.startsWith(`${above}.`);
}

function corrupt(fact: string): CaError {
  return new CaError("CORRUPT_STORE", `the CA's registry holds ${fact}`);
}

export function certificateRecord(
  id: string,
  authority: Authority,
  certificate: Certificate,
  counted: boolean,
  atMs: number,
): CertificateRecord {
  const { serialHex, notAfterMs, pem } = certificate;
  return { kind: "certificate", id, authority, serialHex, notAfterMs, pem, counted, atMs };
}

/** For tests, and for networks that live as long as their process. */
export class MemoryRegistryStore implements RegistryStore {
  readonly #records: RegistryRecord[] = [];

  async load(): Promise<readonly RegistryRecord[]> {
    return this.#records;
  }

  async append(records: readonly RegistryRecord[]): Promise<void> {
    this.#records.push(...records);
  }

  note(records: readonly RegistryRecord[]): Promise<void> {
    return this.append(records);
  }

  async close(): Promise<void> {}
}
