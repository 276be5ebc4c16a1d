/** The tree of affiliations: who belongs where, and so who has a say over whom. */
import { AFFILIATION_MANAGER, hasPower } from "./attribute-rules.js";
import { CaError } from "./error.js";
import { type DeskParts, removalRecord } from "./identity-desk.js";
import { checkAffiliation, checkAffiliationName, checkIsRegistrar, checkMayManage } from "./registration.js";
import { isWithin, type RegisteredIdentity, type RegistryRecord } from "./registry.js";

/** Affiliations, dotted and in order, and the identities that were changed or removed with them. */
export type AffiliationsAnswer = { affiliations: readonly string[]; identities: readonly RegisteredIdentity[] };

/** An affiliation cannot go or be renamed while something hangs on it, unless that is forced. */
export class AffiliationInUseError extends CaError {
  constructor(
    message: string,
    readonly wasRemoval: boolean,
  ) {
    super(wasRemoval ? "FORBIDDEN" : "BAD_REQUEST", message);
  }
}

export class AffiliationDesk {
  readonly #parts: DeskParts;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  /** From the caller's own affiliation down. @throws CaError FORBIDDEN */
  list(caller: RegisteredIdentity): string[] {
    checkMayManageAffiliations(caller);
    return this.#within(caller.affiliation);
  }

  /** One with all below it. @throws CaError FORBIDDEN, NOT_FOUND */
  get(caller: RegisteredIdentity, affiliation: string): string[] {
    checkMayManageAffiliations(caller);
    checkAffiliation(caller, affiliation);
    this.#checkKnown(affiliation);
    return this.#within(affiliation);
  }

  /**
   * @param force adds those above it, too
   * @throws CaError FORBIDDEN, BAD_REQUEST, ALREADY_REGISTERED, NOT_FOUND when there is none above it
   */
  async add(caller: RegisteredIdentity, affiliation: string, force: boolean): Promise<void> {
    checkMayManageAffiliations(caller);
    checkAffiliationName(affiliation);
    const { registry, exclusively } = this.#parts;
    await exclusively(async () => {
      if (affiliation === "" || registry.hasAffiliation(affiliation))
        throw new CaError("ALREADY_REGISTERED", "Affiliation already exists");
      checkAffiliation(caller, affiliation);
      const above = affiliation.slice(0, Math.max(affiliation.lastIndexOf("."), 0));
      if (!force && above !== "" && !registry.hasAffiliation(above))
        throw new CaError("NOT_FOUND", `no affiliation "${above}"`);
      await registry.append([this.#record([affiliation], [])]);
    });
  }

  /**
   * Identities of the affiliation, and those below it, follow.
   * @throws CaError FORBIDDEN, BAD_REQUEST, NOT_FOUND, ALREADY_REGISTERED; AffiliationInUseError
   */
  async rename(
    caller: RegisteredIdentity,
    affiliation: string,
    newName: string,
    force: boolean,
  ): Promise<AffiliationsAnswer> {
    checkMayManageAffiliations(caller);
    checkAffiliationName(newName);
    checkAffiliation(caller, affiliation);
    checkAffiliation(caller, newName);
    const { registry, clock, exclusively } = this.#parts;
    return exclusively(async () => {
      this.#checkKnown(affiliation);
      if (newName === "" || registry.hasAffiliation(newName) || isWithin(newName, affiliation))
        throw new CaError("ALREADY_REGISTERED", `Affiliation '${newName}' already exists`);
      const affected = this.#affected(affiliation);
      if (affected.length > 0) checkIsRegistrar(caller);
      for (const identity of affected) checkMayManage(caller, identity);
      if (affected.length > 0 && !force) {
        const ids = affected.map(({ id }) => id).join(",");
        throw new AffiliationInUseError(
          `The request to modify affiliation '${affiliation}' has the following identities associated: ${ids}. Need to use 'force' to remove identities and affiliation`,
          false,
        );
      }
      const renamed = (old: string) => `${newName}${old.slice(affiliation.length)}`;
      const added = this.#within(affiliation).map(renamed);
      for (const each of [...added, ...affected.map((identity) => renamed(identity.affiliation))])
        checkAffiliationName(each);
      await registry.append([
        this.#record(added, [affiliation]),
        ...affected.map(({ id, type, affiliation: old, attributes, maxEnrollments }): RegistryRecord => {
          const changed = { id, type, affiliation: renamed(old), attributes, maxEnrollments };
          return { kind: "identityChange", ...changed, atMs: clock.now() };
        }),
      ]);
      return { affiliations: added, identities: affected };
    });
  }

  /**
   * With all below it; forced, also with its identities, whose certificates are revoked.
   * @throws CaError FORBIDDEN, NOT_FOUND; AffiliationInUseError
   */
  async remove(caller: RegisteredIdentity, affiliation: string, force: boolean): Promise<AffiliationsAnswer> {
    checkMayManageAffiliations(caller);
    if (caller.affiliation === affiliation)
      throw new CaError("FORBIDDEN", `"${caller.id}" cannot remove its own affiliation`);
    checkAffiliation(caller, affiliation);
    const { registry, clock, exclusively, registrarId } = this.#parts;
    return exclusively(async () => {
      this.#checkKnown(affiliation);
      const affiliations = this.#within(affiliation);
      const affected = this.#affected(affiliation).map((identity) => ({ ...identity }));
      if (affected.length > 0) checkIsRegistrar(caller);
      for (const identity of affected) {
        checkMayManage(caller, identity);
        if (identity.id === registrarId)
          throw new CaError("FORBIDDEN", `"${registrarId}" is this authority's own registrar`);
      }
      if (!force && affected.length > 0)
        throw new AffiliationInUseError(`affiliation "${affiliation}" has ${affected.length} identities`, true);
      if (!force && affiliations.length > 1)
        throw new AffiliationInUseError(`affiliation "${affiliation}" has others below it`, true);
      await registry.append([
        ...affected.map(({ id }) => removalRecord(registry, id, "affiliationchange", clock.now())),
        this.#record([], [affiliation]),
      ]);
      return { affiliations, identities: affected };
    });
  }

  #record(added: readonly string[], removed: readonly string[]): RegistryRecord {
    return { kind: "affiliations", added, removed, atMs: this.#parts.clock.now() };
  }

  #within(above: string): string[] {
    return this.#parts.registry.affiliations().filter((each) => isWithin(each, above));
  }

  #affected(above: string): RegisteredIdentity[] {
    return [...this.#parts.registry.identities()].filter(({ affiliation }) => isWithin(affiliation, above));
  }

  #checkKnown(affiliation: string): void {
    if (!this.#parts.registry.hasAffiliation(affiliation))
      throw new CaError("NOT_FOUND", `no affiliation "${affiliation}"`);
  }
}

function checkMayManageAffiliations(caller: RegisteredIdentity): void {
  if (!hasPower(caller, AFFILIATION_MANAGER))
    throw new CaError("FORBIDDEN", `"${caller.id}" may not manage affiliations: it lacks ${AFFILIATION_MANAGER}`);
}
