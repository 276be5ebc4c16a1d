/** revoke, gencrl, certificates. */
import { REVOCATION_REASONS } from "@hansa/crypto/issuing";
import { attributeOf, hasPower, REVOKER } from "../attribute-rules.js";
import { type CertificateFilter, plainHex, type Span } from "../certificate-desk.js";
import type { IssuedCertificate, RegisteredIdentity } from "../registry.js";
import { type Answer, asking, Code, RestError, unauthorized } from "./answers.js";
import { tokenCaller } from "./caller.js";
import { authorityName, type Office } from "./office.js";
import { Fields, queryFlag, type RestRequest } from "./request.js";
import { timeOf } from "./times.js";

export async function revoke(request: RestRequest, office: Office): Promise<Answer> {
  const { authority, certificates, logger } = office;
  const fields = Fields.required(request.body);
  authorityName(request, office);
  const { identity: caller } = tokenCaller(request, authority);
  const [id, serial, aki] = [fields.text("id"), plainHex(fields.text("serial")), plainHex(fields.text("aki"))];
  const wanted = serial !== "" && aki !== "" ? oneCertificate(caller, { id, serial, aki }, office) : undefined;
  if (wanted === undefined && id === "")
    throw new RestError(400, Code.missingRevokeArgs, "Either Name or Serial and AKI are required for a revoke request");
  const target =
    wanted === undefined ? { id, serialHex: "" } : { id: "", serialHex: wanted.serialHex, authority: wanted.authority };
  const revoked = await asking(
    () => authority.revokeCertificates(caller, { ...target, reason: reasonOf(fields.text("reason")) }),
    Code.missingRevokeArgs,
    ({ fault, message }) =>
      fault === "NOT_FOUND"
        ? new RestError(404, Code.revokeIdNotFound, `Identity ${id} was not found: ${message}`)
        : undefined,
  );
  logger.info("certificates revoked", { by: caller.id, id: wanted?.id ?? id, count: revoked.length });
  const crl = fields.flag("gencrl") && revoked.length > 0 ? base64(authority.revocationList("identity")) : "";
  return {
    status: 200,
    result: {
      RevokedCerts: revoked.map((each) => ({ Serial: each.serialHex, AKI: certificates.akiOf(each) })),
      CRL: crl,
    },
  };
}

/** @throws RestError in the order in which fabric-ca looks */
function oneCertificate(
  caller: RegisteredIdentity,
  { id, serial, aki }: { id: string; serial: string; aki: string },
  { certificates }: Office,
): IssuedCertificate {
  const found = certificates.find(serial, aki);
  const which = `Certificate with serial ${serial} and AKI ${aki}`;
  if (found === undefined)
    throw new RestError(404, Code.revCertNotFound, `${which} was not found: sql: no rows in result set`);
  if (found.id !== caller.id && !hasPower(caller, REVOKER))
    throw unauthorized(`"${caller.id}" may not revoke: ${REVOKER} is "${attributeOf(caller, REVOKER) ?? ""}"`);
  if (found.revocation !== undefined) throw new RestError(404, Code.certAlreadyRevoked, `${which} was already revoked`);
  if (id !== "" && id !== found.id) throw new RestError(400, Code.certWrongOwner, `${which} is not owned by ${id}`);
  return found;
}

/** What fabric-ca does not know counts as unspecified; one reason it spells as OCSP does. */
function reasonOf(reason: string): string {
  const known = reason === "affiliationchanged" ? "affiliationchange" : reason;
  return Object.hasOwn(REVOCATION_REASONS, known) ? known : "unspecified";
}

export async function gencrl(request: RestRequest, office: Office): Promise<Answer> {
  const fields = Fields.required(request.body);
  authorityName(request, office);
  const { identity } = tokenCaller(request, office.authority);
  const revoked = span(fields, "revoked", Code.invalidRevokedAfter);
  const expiry = span(fields, "expire", Code.invalidExpiredAfter);
  const crl = await asking(() => office.certificates.revocationList(identity, revoked, expiry), Code.badReqBody);
  return { status: 200, result: { CRL: base64(crl) } };
}

function span(fields: Fields, what: "revoked" | "expire", code: number): Span {
  const fromMs = fields.time(`${what}after`);
  const toMs = fields.time(`${what}before`);
  if (fromMs !== undefined && toMs !== undefined && fromMs > toMs) {
    const fact = `Invalid '${what}after' value. It must not be a timestamp greater than '${what}before'`;
    throw new RestError(400, code, fact);
  }
  return { fromMs, toMs };
}

export async function certificates(request: RestRequest, office: Office): Promise<Answer> {
  authorityName(request, office);
  const { identity } = tokenCaller(request, office.authority);
  const found = await asking(() => {
    return office.certificates.list(identity, readFilter(request.query, office.authority.nowMs));
  }, Code.gettingCert);
  return {
    status: 200,
    result: { certs: found.map(({ pem }) => ({ PEM: pem })), caname: request.query.get("ca") ?? "" },
  };
}

function readFilter(query: URLSearchParams, nowMs: number): CertificateFilter {
  const between = (what: "revoked" | "expired"): Span => ({
    fromMs: timeOf(query.get(`${what}_start`) ?? "", nowMs, `${what}_begin`),
    toMs: timeOf(query.get(`${what}_end`) ?? "", nowMs, `${what}_end`),
  });
  const [revoked, expiry] = [between("revoked"), between("expired")];
  const notRevoked = queryFlag(query, "notrevoked");
  const notExpired = queryFlag(query, "notexpired");
  const isGiven = ({ fromMs, toMs }: Span) => fromMs !== undefined || toMs !== undefined;
  const both = (what: string, flag: string) =>
    new RestError(400, Code.gettingCert, `Invalid Request: Can't specify ${what} time filter and the '${flag}' filter`);
  if (notExpired && isGiven(expiry)) throw both("expiration", "notexpired");
  if (notRevoked && isGiven(revoked)) throw both("revocation", "notrevoked");
  const [id, serialHex, aki] = ["id", "serial", "aki"].map((name) => query.get(name) ?? "");
  return {
    ...(id ? { id } : {}),
    ...(serialHex ? { serialHex } : {}),
    ...(aki ? { aki } : {}),
    expiry,
    revoked,
    notExpired,
    notRevoked,
  };
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
