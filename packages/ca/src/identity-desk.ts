/** What registrars see and change of those who are registered. */
import type { Clock, Random } from "@hansa/primitives";
import { checkMayGive } from "./attribute-rules.js";
import { CaError } from "./error.js";
import {
  checkAffiliation,
  checkedRegistration,
  checkIsRegistrar,
  checkMayManage,
  checkType,
  registers,
} from "./registration.js";
import {
  type Attribute,
  type IdentityType,
  isWithin,
  type RegisteredIdentity,
  type Registry,
  type RegistryRecord,
} from "./registry.js";
import { hashSecret } from "./secret.js";

/** What stays out stays as it is. */
export type IdentityChange = {
  type?: IdentityType;
  affiliation?: string;
  /** Added to those that the identity has, or in place of them; one with an empty value is taken away. */
  attributes: readonly Attribute[];
  /** -1: no limit; 0: none. */
  maxEnrollments?: number;
  secret?: string;
};

export type DeskParts = {
  registry: Registry;
  clock: Clock;
  random: Random;
  /** Enrolment id of the authority's own registrar, which nobody else changes. */
  registrarId: string;
  /** One change after the other. */
  exclusively<T>(action: () => Promise<T>): Promise<T>;
};

export class IdentityDesk {
  readonly #parts: DeskParts;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  /** @throws CaError NOT_FOUND, FORBIDDEN */
  get(caller: RegisteredIdentity, id: string): RegisteredIdentity {
    const identity = this.#parts.registry.identity(id);
    if (identity === undefined) throw new CaError("NOT_FOUND", `no identity "${id}"`);
    checkMayManage(caller, identity);
    return identity;
  }

  /** Those whom the caller may manage. @throws CaError FORBIDDEN */
  list(caller: RegisteredIdentity): RegisteredIdentity[] {
    const roles = checkIsRegistrar(caller);
    return [...this.#parts.registry.identities()].filter(
      ({ type, affiliation }) => registers(roles, type) && isWithin(affiliation, caller.affiliation),
    );
  }

  /** @throws CaError NOT_FOUND, FORBIDDEN, BAD_REQUEST */
  async modify(caller: RegisteredIdentity, id: string, change: IdentityChange): Promise<RegisteredIdentity> {
    const { registry, clock, random, exclusively } = this.#parts;
    this.#refuseOthersRegistrar(caller, id);
    this.get(caller, id);
    const secret = change.secret === undefined ? undefined : await hashSecret(change.secret, random);
    return exclusively(async () => {
      const present = this.get(caller, id);
      if (change.type !== undefined) checkType(caller, change.type);
      if (change.affiliation !== undefined) {
        if (change.affiliation !== "" && !registry.hasAffiliation(change.affiliation))
          throw new CaError("BAD_REQUEST", `Affiliation '${change.affiliation}' is not supported`);
        checkAffiliation(caller, change.affiliation);
      }
      if (change.attributes.length > 0) checkMayGive(caller, change.attributes, present);
      const { type, affiliation, attributes, maxEnrollments } = checkedRegistration({
        id,
        type: change.type ?? present.type,
        affiliation: change.affiliation ?? present.affiliation,
        attributes: changedAttributes(present.attributes, change.attributes),
        maxEnrollments: change.maxEnrollments ?? present.maxEnrollments,
        secret: "",
      });
      const record = { id, type, affiliation, attributes, maxEnrollments, atMs: clock.now() };
      await registry.append([{ kind: "identityChange", ...record, ...(secret === undefined ? {} : { secret }) }]);
      return present;
    });
  }

  /** Its certificates are revoked. Returns what it was. @throws CaError NOT_FOUND, FORBIDDEN */
  async remove(caller: RegisteredIdentity, id: string): Promise<RegisteredIdentity> {
    this.#refuseOthersRegistrar(caller, id);
    return this.#parts.exclusively(async () => {
      const identity = { ...this.get(caller, id) };
      const { registry, clock } = this.#parts;
      await registry.append([removalRecord(registry, id, "cessationofoperation", clock.now())]);
      return identity;
    });
  }

  #refuseOthersRegistrar(caller: RegisteredIdentity, id: string): void {
    if (id === this.#parts.registrarId && caller.id !== id)
      throw new CaError("FORBIDDEN", `"${id}" is this authority's own registrar, which nobody else changes`);
  }
}

export function removalRecord(
  registry: Registry,
  id: string,
  reason: "cessationofoperation" | "affiliationchange",
  atMs: number,
): RegistryRecord {
  const certificates = registry
    .certificatesOf(id)
    .filter(({ revocation }) => revocation === undefined)
    .map(({ authority, serialHex }) => ({ authority, serialHex }));
  return { kind: "removal", id, certificates, reason, atMs };
}

function changedAttributes(present: readonly Attribute[], changes: readonly Attribute[]): Attribute[] {
  const attributes = new Map(present.map((attribute) => [attribute.name, attribute]));
  for (const attribute of changes) {
    if (attribute.value === "") attributes.delete(attribute.name);
    else attributes.set(attribute.name, attribute);
  }
  return [...attributes.values()];
}
