/**
 * What an identity may be, who may make it, and which of its attributes get into a certificate.
 */
import { allAttributes, attributeOf, checkMayGive, isSameRole, list, REGISTRAR_ROLES } from "./attribute-rules.js";
import { CaError } from "./error.js";
import { type Attribute, IDENTITY_TYPES, type IdentityType, isWithin, type RegisteredIdentity } from "./registry.js";

export type CertificateAsk = {
  csrPem: string;
  profile: "" | "tls";
  /** Naming any replaces the default set. */
  attributeRequests: readonly { name: string; optional: boolean }[];
  /** 0: the authority's default. */
  validityMs: number;
};

export type Registration = {
  id: string;
  type: IdentityType;
  affiliation: string;
  attributes: readonly Attribute[];
  /** 0 and -1: no limit. */
  maxEnrollments: number;
  /** "": the authority draws one. */
  secret: string;
};

const ID = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
const RESERVED_ID = /^governance(@|$)/;
const MAX_ID_LENGTH = 64;
const AFFILIATION = /^([A-Za-z0-9][A-Za-z0-9_-]{0,63}(\.[A-Za-z0-9][A-Za-z0-9_-]{0,63}){0,9})?$/;
const ATTRIBUTE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const MAX_ATTRIBUTES = 64;
const MAX_ATTRIBUTE_VALUE = 1024;

/** Enrolment id and common name of the organisation's governance identity; nobody can register it. */
export function governanceId(domain: string): string {
  const id = `governance@${domain}`;
  return id.length <= MAX_ID_LENGTH ? id : "governance";
}

/** @throws CaError BAD_REQUEST naming the field, what it holds and what it may hold */
export function checkedRegistration(registration: Registration): Registration {
  const { id, type, affiliation, attributes, maxEnrollments } = registration;
  const bad = (fact: string) => new CaError("BAD_REQUEST", `registration of "${id.slice(0, 64)}": ${fact}`);
  if (!ID.test(id))
    throw bad("an enrolment id is 1 to 64 letters, digits or . _ @ - and begins with a letter or digit");
  if (RESERVED_ID.test(id)) throw bad("ids that begin with governance@ are the authority's own");
  if (!IDENTITY_TYPES.includes(type)) throw bad(`type "${type}" is none of ${IDENTITY_TYPES.join(", ")}`);
  checkAffiliationName(affiliation);
  if (!Number.isInteger(maxEnrollments) || maxEnrollments < -1)
    throw bad(`${maxEnrollments} enrolments at most is not -1 or more`);
  if (attributes.length > MAX_ATTRIBUTES) throw bad(`more than ${MAX_ATTRIBUTES} attributes`);
  const names = new Set<string>();
  for (const { name, value } of attributes) {
    if (!ATTRIBUTE_NAME.test(name)) throw bad(`attribute name "${name.slice(0, 64)}" is not letters, digits or . _ -`);
    if (value.length > MAX_ATTRIBUTE_VALUE)
      throw bad(`the value of attribute "${name}" is longer than ${MAX_ATTRIBUTE_VALUE}`);
    if (names.has(name)) throw bad(`attribute "${name}" stands there twice`);
    names.add(name);
  }
  return registration;
}

/** @throws CaError FORBIDDEN */
export function checkMayRegister(caller: RegisteredIdentity, wanted: Registration): void {
  checkMayManage(caller, wanted);
  checkMayGive(caller, wanted.attributes);
}

/** Whether the caller registers such identities. @throws CaError FORBIDDEN */
export function checkMayManage(caller: RegisteredIdentity, of: { type: IdentityType; affiliation: string }): void {
  checkType(caller, of.type);
  checkAffiliation(caller, of.affiliation);
}

/** @throws CaError FORBIDDEN */
export function checkIsRegistrar(caller: RegisteredIdentity): readonly string[] {
  const roles = list(attributeOf(caller, REGISTRAR_ROLES));
  if (roles.length > 0) return roles;
  throw new CaError("FORBIDDEN", `"${caller.id}" may not register: it lacks ${REGISTRAR_ROLES}`);
}

/** @throws CaError FORBIDDEN */
export function checkType(caller: RegisteredIdentity, type: IdentityType): void {
  const roles = checkIsRegistrar(caller);
  if (!registers(roles, type))
    throw new CaError("FORBIDDEN", `"${caller.id}" may register ${roles.join(", ")}, not ${type}`);
}

/** @param roles of a registrar */
export function registers(roles: readonly string[], type: IdentityType): boolean {
  return roles.includes("*") || roles.some((role) => isSameRole(role, type));
}

/** The caller's affiliation is the other one or stands above it; "" stands above all. */
export function checkAffiliation(caller: RegisteredIdentity, affiliation: string): void {
  const own = caller.affiliation;
  if (isWithin(affiliation, own)) return;
  throw new CaError("FORBIDDEN", `"${caller.id}" of affiliation "${own}" has no say in "${affiliation}"`);
}

/** @throws CaError BAD_REQUEST */
export function checkAffiliationName(affiliation: string): void {
  const fault = affiliationFault(affiliation);
  if (fault !== undefined) throw new CaError("BAD_REQUEST", fault);
}

/** Why this cannot be an affiliation; undefined when it can. */
export function affiliationFault(affiliation: string): string | undefined {
  if (!AFFILIATION.test(affiliation)) return `affiliation "${affiliation.slice(0, 64)}" is no dotted path of names`;
  const reserved = affiliation.split(".").find((part) => (IDENTITY_TYPES as readonly string[]).includes(part));
  return reserved && `affiliation part "${reserved}" would read as a type in certificates`;
}

export function certifiedAttributes(identity: RegisteredIdentity, ask: CertificateAsk): Record<string, string> {
  const all = allAttributes(identity);
  if (ask.attributeRequests.length === 0) {
    return Object.fromEntries(all.filter((each) => each.ecert).map((each) => [each.name, each.value]));
  }
  const wanted: [string, string][] = [];
  const missing: string[] = [];
  for (const { name, optional } of ask.attributeRequests) {
    const found = all.find((each) => each.name === name);
    if (found !== undefined) wanted.push([name, found.value]);
    else if (!optional) missing.push(name);
  }
  if (missing.length > 0) throw new MissingAttributesError(identity.id, missing);
  return Object.fromEntries(wanted);
}

/** A required attribute that the identity does not have. */
export class MissingAttributesError extends CaError {
  constructor(
    id: string,
    readonly missing: readonly string[],
  ) {
    super("REFUSED", `identity "${id}" has no attribute "${missing.join('", "')}", and it was required`);
  }
}
