/** identities: those whom a registrar may see and change. */
import { allAttributes } from "../attribute-rules.js";
import type { CaError } from "../error.js";
import type { IdentityChange } from "../identity-desk.js";
import type { RegisteredIdentity } from "../registry.js";
import { type Answer, asking, Code, RestError } from "./answers.js";
import { tokenCaller } from "./caller.js";
import { registerAs, rootedAffiliation, typeOf } from "./enrolment.js";
import { authorityName, type Office } from "./office.js";
import { Fields, queryFlag, type RestRequest } from "./request.js";

export async function identities(request: RestRequest, office: Office): Promise<Answer> {
  const caname = authorityName(request, office);
  const { identity: caller } = tokenCaller(request, office.authority);
  if (request.method === "POST") return add(request, office, caller, caname);
  const found = await asking(() => office.identities.list(caller), Code.dbGet);
  return { status: 200, result: { identities: found.map(infoOf), caname } };
}

async function add(request: RestRequest, office: Office, caller: RegisteredIdentity, caname: string): Promise<Answer> {
  const fields = Fields.required(request.body);
  const id = fields.text("id");
  if (id === "") throw new RestError(400, Code.addIdentity, "Missing 'ID' in request to add a new identity");
  const { secret, location } = await registerAs(caller, fields, office);
  const made = await asking(() => office.identities.get(caller, id), Code.addIdentity);
  return { status: 201, result: { ...infoOf(made), secret, caname }, headers: { Location: location } };
}

export async function identity(request: RestRequest, office: Office): Promise<Answer> {
  const caname = authorityName(request, office);
  const { identity: caller } = tokenCaller(request, office.authority);
  const { name: id, method } = request;
  if (method === "PUT") return modify(request, office, caller, caname);
  if (method === "GET") {
    const found = await asking(() => office.identities.get(caller, id), Code.dbGet, notFound);
    return { status: 200, result: { ...infoOf(found), caname } };
  }
  if (id === caller.id && !queryFlag(request.query, "force"))
    throw new RestError(403, Code.removeIdentity, "Need to use 'force' option to delete your own identity");
  const removed = await asking(() => office.identities.remove(caller, id), Code.removeIdentity, notFound);
  office.logger.info("identity removed", { id, registrar: caller.id });
  return { status: 200, result: { ...infoOf(removed), caname } };
}

async function modify(
  { body, name: id }: RestRequest,
  office: Office,
  caller: RegisteredIdentity,
  caname: string,
): Promise<Answer> {
  const fields = Fields.required(body);
  const change = readChange(fields);
  const changed = await asking(() => office.identities.modify(caller, id, change), Code.modifyingIdentity, notFound);
  office.logger.info("identity modified", { id, registrar: caller.id });
  const { secret } = change;
  return { status: 200, result: { ...infoOf(changed), ...(secret === undefined ? {} : { secret }), caname } };
}

/** Empty and 0 leave as it is; the limit -2 means that no enrolment is left. */
function readChange(fields: Fields): IdentityChange {
  const [type, affiliation, secret] = [fields.text("type"), fields.text("affiliation"), fields.text("secret")];
  const limit = fields.integer("max_enrollments");
  return {
    attributes: fields.attributes(),
    ...(type === "" ? {} : { type: typeOf(type) }),
    ...(affiliation === "" ? {} : { affiliation: rootedAffiliation(affiliation) }),
    ...(limit === 0 ? {} : { maxEnrollments: limit === -2 ? 0 : limit }),
    ...(secret === "" ? {} : { secret }),
  };
}

function notFound({ fault }: CaError): RestError | undefined {
  if (fault !== "NOT_FOUND") return undefined;
  return new RestError(404, Code.dbGet, "Failed to get User: sql: no rows in result set");
}

/** Never the secret. */
export function infoOf(identity: RegisteredIdentity) {
  const { id, type, affiliation, maxEnrollments } = identity;
  const attrs = allAttributes(identity).map(({ name, value, ecert }) => ({ name, value, ...(ecert ? { ecert } : {}) }));
  return { id, type, affiliation, attrs, max_enrollments: maxEnrollments };
}
