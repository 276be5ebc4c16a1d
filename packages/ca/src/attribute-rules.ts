/**
 * Who may give which attributes. Names that begin with hf. carry powers: one may give only those that one has.
 * Source: hyperledger/fabric-ca, lib/attr.
 */
import { CaError } from "./error.js";
import type { Attribute, RegisteredIdentity } from "./registry.js";

export const REGISTRAR_ROLES = "hf.Registrar.Roles";
export const REGISTRAR_ATTRIBUTES = "hf.Registrar.Attributes";
const DELEGATE_ROLES = "hf.Registrar.DelegateRoles";
export const REVOKER = "hf.Revoker";
export const CRL_MAKER = "hf.GenCRL";
export const AFFILIATION_MANAGER = "hf.AffiliationMgr";
const INTERMEDIATE_CA = "hf.IntermediateCA";

const POWERS: ReadonlySet<string> = new Set([REVOKER, CRL_MAKER, AFFILIATION_MANAGER, INTERMEDIATE_CA]);
/** What the authority itself says of everybody. */
const FIXED: ReadonlySet<string> = new Set(["hf.EnrollmentID", "hf.Type", "hf.Affiliation"]);
const TRUE = /^(?:1|t|T|TRUE|true|True)$/;
const FALSE = /^(?:0|f|F|FALSE|false|False)$/;

/** What the first registrar may do: everything. */
export const REGISTRAR_POWERS: readonly Attribute[] = [
  { name: REGISTRAR_ROLES, value: "*", ecert: false },
  { name: DELEGATE_ROLES, value: "*", ecert: false },
  { name: REGISTRAR_ATTRIBUTES, value: "*", ecert: false },
  ...[...POWERS].map((name) => ({ name, value: "true", ecert: false })),
];

type Owner = { readonly attributes: readonly Attribute[] };

export function attributeOf(identity: Owner, name: string): string | undefined {
  return identity.attributes.find((each) => each.name === name)?.value;
}

export function hasPower(identity: Owner, name: string): boolean {
  return TRUE.test(attributeOf(identity, name) ?? "");
}

/** An identity's own attributes, then those that everybody has. */
export function allAttributes(identity: RegisteredIdentity): Attribute[] {
  return [
    ...identity.attributes.filter(({ name }) => !FIXED.has(name)),
    { name: "hf.EnrollmentID", value: identity.id, ecert: true },
    { name: "hf.Type", value: identity.type, ecert: true },
    { name: "hf.Affiliation", value: identity.affiliation, ecert: true },
  ];
}

/**
 * @param present whom the attributes are for, when it is registered already
 * @throws CaError FORBIDDEN
 */
export function checkMayGive(caller: RegisteredIdentity, attributes: readonly Attribute[], present?: Owner): void {
  const mayGive = list(attributeOf(caller, REGISTRAR_ATTRIBUTES));
  for (const attribute of attributes) {
    const refuse = (why: string) =>
      new CaError("FORBIDDEN", `"${caller.id}" may not give the attribute "${attribute.name}"${why}`);
    if (!matchesAny(attribute.name, mayGive)) throw refuse("");
    if (FIXED.has(attribute.name)) throw refuse(": the authority sets it");
    if (!attribute.name.startsWith("hf.")) continue;
    const own = attributeOf(caller, attribute.name);
    if (own === undefined) throw refuse(", which it does not have itself");
    if (POWERS.has(attribute.name)) checkPower(attribute, own, refuse);
    else checkList(attribute, own, { attributes, present }, refuse);
  }
}

function checkPower({ value }: Attribute, own: string, refuse: (why: string) => CaError): void {
  if (!TRUE.test(own)) throw refuse(", which is false for itself");
  if (value !== "" && !TRUE.test(value) && !FALSE.test(value)) throw refuse(`: "${value}" is neither true nor false`);
}

function checkList(
  { name, value }: Attribute,
  own: string,
  given: { attributes: readonly Attribute[]; present: Owner | undefined },
  refuse: (why: string) => CaError,
): void {
  const wanted = list(value);
  const mine = list(own);
  // Of the attributes of this very request, else of those that the identity has.
  const willHave = (other: string) =>
    attributeOf(given, other) ?? (given.present === undefined ? undefined : attributeOf(given.present, other));
  if (name === REGISTRAR_ATTRIBUTES) {
    for (const each of wanted) {
      if (!matchesAny(each, mine)) throw refuse(` with "${each}"`);
      if (each.startsWith("hf.") && willHave(each) === undefined)
        throw refuse(` with "${each}" to one that does not have that`);
    }
    return;
  }
  if (name !== REGISTRAR_ROLES && name !== DELEGATE_ROLES) throw refuse(": hf. is reserved, and it is not known");
  if (!isSubset(wanted, mine)) throw refuse(` with more than its own "${own}"`);
  if (name === DELEGATE_ROLES && !isSubset(wanted, list(willHave(REGISTRAR_ROLES))))
    throw refuse(` with more than the identity's ${REGISTRAR_ROLES}`);
}

function isSubset(few: readonly string[], many: readonly string[]): boolean {
  return many.includes("*") || few.every((each) => many.some((other) => isSameRole(each, other)));
}

export function isSameRole(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function matchesAny(name: string, patterns: readonly string[]): boolean {
  return patterns.some(
    (pattern) => pattern === name || (pattern.endsWith("*") && name.startsWith(pattern.slice(0, -1))),
  );
}

/** The parts of a comma-separated list. */
export function list(value: string | undefined): string[] {
  return (value ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
