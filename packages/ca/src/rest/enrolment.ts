/** cainfo, enroll, reenroll, register. */
import { CryptoError } from "@hansa/crypto";
import { readCsr } from "@hansa/crypto/issuing";
import type { CaError } from "../error.js";
import { type CertificateAsk, MissingAttributesError, type Registration } from "../registration.js";
import type { IdentityType, RegisteredIdentity } from "../registry.js";
import { CA_VERSION } from "../service.js";
import { type Answer, asking, Code, RestError, unauthenticated } from "./answers.js";
import { basicCredentials, tokenCaller } from "./caller.js";
import { authorityName, type Office } from "./office.js";
import { Fields, type RestRequest } from "./request.js";

export function cainfo(request: RestRequest, office: Office): Answer {
  return { status: 200, result: serverInfo(authorityName(request, office), office.authority.certificatePem) };
}

/** There are no idemix keys: those fields are empty. */
function serverInfo(CAName: string, certificatePem: string) {
  return {
    CAName,
    CAChain: base64(certificatePem),
    IssuerPublicKey: "",
    IssuerRevocationPublicKey: "",
    Version: CA_VERSION,
  };
}

export async function enroll(request: RestRequest, office: Office): Promise<Answer> {
  const { authority, logger } = office;
  const { id, secret } = basicCredentials(request);
  const name = authorityName(request, office);
  await asking(() => authority.checkSecret(id, secret), Code.badCsr, tooManyAttempts);
  const ask = readAsk(request, id);
  const pem = await asking(() => authority.enrollKnown(id, ask), Code.badCsr, enrolmentRefusal);
  logger.info("identity enrolled", { id, profile: ask.profile });
  return certified(pem, name, ask, office);
}

export async function reenroll(request: RestRequest, office: Office): Promise<Answer> {
  const { authority, logger } = office;
  const name = authorityName(request, office);
  const { identity } = tokenCaller(request, authority);
  const ask = readAsk(request, identity.id);
  const pem = await asking(() => authority.reenroll(identity, ask), Code.badCsr, enrolmentRefusal);
  logger.info("identity enrolled again", { id: identity.id, profile: ask.profile });
  return certified(pem, name, ask, office);
}

function certified(pem: string, name: string, { profile }: CertificateAsk, { authority }: Office): Answer {
  const issuer = profile === "tls" ? authority.tlsCertificatePem : authority.certificatePem;
  return { status: 201, result: { Cert: base64(pem), ServerInfo: serverInfo(name, issuer) } };
}

/** The validity is the authority's to say, whatever the request says. */
function readAsk({ body }: RestRequest, id: string): CertificateAsk {
  const fields = Fields.required(body);
  const csrPem = fields.text("certificate_request");
  const profile = fields.text("profile");
  if (!/-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----/.test(csrPem))
    throw new RestError(400, Code.badCsr, "CSR Decode failed");
  if (commonNameOf(csrPem) !== id)
    throw new RestError(403, Code.cnInvalidEnroll, "The CSR subject common name must equal the enrollment ID");
  if (profile === "ca") throw new RestError(400, Code.badCsr, "This CA certifies no intermediate CAs");
  if (profile !== "" && profile !== "tls") throw new RestError(500, Code.unknown, `Invalid profile: '${profile}'`);
  return { csrPem, profile, attributeRequests: fields.attributeRequests(), validityMs: 0 };
}

function commonNameOf(csrPem: string): string {
  try {
    return readCsr(csrPem).commonName;
  } catch (error) {
    throw error instanceof CryptoError ? new RestError(400, Code.badCsr, error.message) : error;
  }
}

function tooManyAttempts({ fault, message }: CaError): RestError | undefined {
  return fault === "OVERLOADED" ? new RestError(401, Code.passwordAttempts, message) : undefined;
}

function enrolmentRefusal(error: CaError): RestError | undefined {
  if (error instanceof MissingAttributesError) {
    const missing = `The following required attributes are missing: [${error.missing.join(" ")}]`;
    return new RestError(500, Code.unknown, `Failed to find requested attributes: ${missing}`);
  }
  // As fabric-ca, which does not tell a revoked or used-up identity from a wrong secret.
  return error.fault === "REFUSED" || error.fault === "NOT_FOUND" ? unauthenticated(error.message) : undefined;
}

export async function register(request: RestRequest, office: Office): Promise<Answer> {
  const fields = Fields.required(request.body);
  authorityName(request, office);
  const { identity } = tokenCaller(request, office.authority);
  const { secret, location } = await registerAs(identity, fields, office);
  return { status: 201, result: { secret }, headers: { Location: location } };
}

/** Registers what the fields say, for both doors that fabric-ca has for it. */
export async function registerAs(
  caller: RegisteredIdentity,
  fields: Fields,
  { authority, logger }: Office,
): Promise<{ secret: string; location: string }> {
  const registration = readRegistration(fields, caller);
  const { id, type } = registration;
  const secret = await asking(
    () => authority.register(caller, registration, "known"),
    Code.registeringIdentity,
    ({ fault }) =>
      fault === "ALREADY_REGISTERED"
        ? new RestError(409, Code.dupIdentityReg, `Identity '${id}' is already registered`)
        : undefined,
  );
  logger.info("identity registered", { id, type, registrar: caller.id });
  return { secret, location: `/api/v1/identities/${encodeURIComponent(id)}` };
}

function readRegistration(fields: Fields, caller: RegisteredIdentity): Registration {
  const maxEnrollments = fields.integer("max_enrollments");
  if (maxEnrollments < -1) {
    const fact = `Max enrollment in registration request may not be less than -1, but was ${maxEnrollments}`;
    throw new RestError(400, Code.invalidMaxEnroll, fact);
  }
  const affiliation = fields.text("affiliation");
  return {
    id: fields.text("id"),
    type: typeOf(fields.text("type")),
    affiliation: affiliation === "" ? caller.affiliation : rootedAffiliation(affiliation),
    attributes: fields.attributes(),
    maxEnrollments,
    secret: fields.text("secret"),
  };
}

/** "." stands for the root, which is the empty affiliation. */
export function rootedAffiliation(affiliation: string): string {
  return affiliation === "." ? "" : affiliation;
}

/** "user" is an old name of clients; organisations whose MSP reads roles from certificates know only "client". */
export function typeOf(type: string): IdentityType {
  return (type === "" || type === "user" ? "client" : type) as IdentityType;
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
