/** What the REST API serves: one authority, under the names that clients may call it by. */
import type { Logger } from "@hansa/primitives";
import type { AffiliationDesk } from "../affiliation-desk.js";
import type { CertificateAuthority } from "../authority.js";
import type { CertificateDesk } from "../certificate-desk.js";
import type { IdentityDesk } from "../identity-desk.js";
import { Code, RestError } from "./answers.js";
import { Fields, type RestRequest } from "./request.js";

export type Office = {
  authority: CertificateAuthority;
  identities: IdentityDesk;
  affiliations: AffiliationDesk;
  certificates: CertificateDesk;
  /** Besides the authority's own name. */
  otherNames: readonly string[];
  logger: Logger;
};

/**
 * The name under which the client calls the authority: in the query, in the body, or the authority's own.
 * @throws RestError 404 when it means another one
 */
export function authorityName(request: RestRequest, { authority, otherNames }: Office): string {
  const asked = request.query.get("ca") || Fields.of(request.body).text("caname");
  if (asked === "" || asked === authority.name) return authority.name;
  if (otherNames.includes(asked)) return asked;
  throw new RestError(404, Code.caNotFound, `CA '${asked}' does not exist`);
}
