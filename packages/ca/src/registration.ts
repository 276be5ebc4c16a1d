/**
 * What an identity may be, who may make it, and which of its attributes get into a certificate.
 * Attributes with powers are fabric-ca's: hf.Registrar.Roles, hf.Registrar.Attributes, hf.Revoker.
 */
import { CaError } from "./error.js";
import { type Attribute, IDENTITY_TYPES, type IdentityType, type RegisteredIdentity } from "./registry.js";

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

const REGISTRAR_ROLES = "hf.Registrar.Roles";
const REGISTRAR_ATTRIBUTES = "hf.Registrar.Attributes";
export const REVOKER = "hf.Revoker";

/** What the first registrar may do: everything. */
export const REGISTRAR_POWERS: readonly Attribute[] = [
  { name: REGISTRAR_ROLES, value: "*", ecert: false },
  { name: REGISTRAR_ATTRIBUTES, value: "*", ecert: false },
  { name: REVOKER, value: "true", ecert: false },
];

/** Enrolment id and common name of the organisation's governance identity; nobody can register it. */
export function governanceId(domain: string): string {
  const id = `governance@${domain}`;
  return id.length <= MAX_ID_LENGTH ? id : "governance";
}

export function attributeOf(identity: RegisteredIdentity, name: string): string | undefined {
  return identity.attributes.find((each) => each.name === name)?.value;
}

/** @throws CaError BAD_REQUEST naming the field, what it holds and what it may hold */
export function checkedRegistration(registration: Registration): Registration {
  const { id, type, affiliation, attributes, maxEnrollments } = registration;
  const bad = (fact: string) => new CaError("BAD_REQUEST", `registration of "${id.slice(0, 64)}": ${fact}`);
  if (!ID.test(id))
    throw bad("an enrolment id is 1 to 64 letters, digits or . _ @ - and begins with a letter or digit");
  if (RESERVED_ID.test(id)) throw bad("ids that begin with governance@ are the authority's own");
  if (!IDENTITY_TYPES.includes(type)) throw bad(`type "${type}" is none of ${IDENTITY_TYPES.join(", ")}`);
  if (!AFFILIATION.test(affiliation)) throw bad(`affiliation "${affiliation.slice(0, 64)}" is no dotted path of names`);
  const reserved = affiliation.split(".").find((part) => (IDENTITY_TYPES as readonly string[]).includes(part));
  if (reserved !== undefined) throw bad(`affiliation part "${reserved}" would read as a type in certificates`);
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

export function checkMayRegister(caller: RegisteredIdentity, wanted: Registration): void {
  const roles = list(attributeOf(caller, REGISTRAR_ROLES));
  if (roles.length === 0)
    throw new CaError("FORBIDDEN", `"${caller.id}" may not register: it lacks ${REGISTRAR_ROLES}`);
  if (!roles.includes("*") && !roles.includes(wanted.type)) {
    throw new CaError("FORBIDDEN", `"${caller.id}" may register ${roles.join(", ")}, not ${wanted.type}`);
  }
  checkAffiliation(caller, wanted.affiliation);
  const patterns = list(attributeOf(caller, REGISTRAR_ATTRIBUTES));
  for (const { name } of wanted.attributes) {
    const allowed = patterns.some(
      (pattern) => pattern === name || (pattern.endsWith("*") && name.startsWith(pattern.slice(0, -1))),
    );
    if (!allowed) throw new CaError("FORBIDDEN", `"${caller.id}" may not give the attribute "${name}"`);
  }
}

/** The caller's affiliation is the other one or stands above it; "" stands above all. */
export function checkAffiliation(caller: RegisteredIdentity, affiliation: string): void {
  const own = caller.affiliation;
  if (own === "" || affiliation === own || affiliation.startsWith(`${own}.`)) return;
  throw new CaError("FORBIDDEN", `"${caller.id}" of affiliation "${own}" has no say in "${affiliation}"`);
}

function list(value: string | undefined): string[] {
  return (value ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

export function certifiedAttributes(identity: RegisteredIdentity, ask: CertificateAsk): Record<string, string> {
  const standing: readonly Attribute[] = [
    { name: "hf.EnrollmentID", value: identity.id, ecert: true },
    { name: "hf.Type", value: identity.type, ecert: true },
    { name: "hf.Affiliation", value: identity.affiliation, ecert: true },
  ];
  const all = [...standing, ...identity.attributes.filter((each) => !standing.some((own) => own.name === each.name))];
  if (ask.attributeRequests.length === 0) {
    return Object.fromEntries(all.filter((each) => each.ecert).map((each) => [each.name, each.value]));
  }
  const wanted: [string, string][] = [];
  for (const { name, optional } of ask.attributeRequests) {
    const found = all.find((each) => each.name === name);
    if (found !== undefined) wanted.push([name, found.value]);
    else if (!optional)
      throw new CaError("REFUSED", `identity "${identity.id}" has no attribute "${name}", and it was required`);
  }
  return Object.fromEntries(wanted);
}
