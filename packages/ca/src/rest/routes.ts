/** Paths and methods, each with and without the prefix /api/v1. Source: hyperledger/fabric-ca, lib/server.go. */
import { affiliation, affiliations } from "./affiliations.js";
import { type Answer, Code, RestError } from "./answers.js";
import { cainfo, enroll, reenroll, register } from "./enrolment.js";
import { identities, identity } from "./identities.js";
import type { Office } from "./office.js";
import type { RestRequest } from "./request.js";
import { certificates, gencrl, revoke } from "./revocation.js";

type Handler = (request: RestRequest, office: Office) => Promise<Answer> | Answer;
type Route = { methods: readonly string[]; handler: Handler };

const ROUTES: Readonly<Record<string, Route>> = {
  cainfo: { methods: ["GET", "POST", "HEAD"], handler: cainfo },
  enroll: { methods: ["POST"], handler: enroll },
  reenroll: { methods: ["POST"], handler: reenroll },
  register: { methods: ["POST"], handler: register },
  revoke: { methods: ["POST"], handler: revoke },
  gencrl: { methods: ["POST"], handler: gencrl },
  identities: { methods: ["GET", "POST"], handler: identities },
  affiliations: { methods: ["GET", "POST"], handler: affiliations },
  certificates: { methods: ["GET"], handler: certificates },
  "idemix/credential": { methods: ["POST"], handler: noIdemix },
  "idemix/cri": { methods: ["POST"], handler: noIdemix },
};

const NAMED_ROUTES: Readonly<Record<string, Route>> = {
  identities: { methods: ["GET", "PUT", "DELETE"], handler: identity },
  affiliations: { methods: ["GET", "PUT", "DELETE"], handler: affiliation },
};

/** @throws RestError */
export async function answer(
  incoming: Pick<RestRequest, "method" | "uri" | "authorization" | "body">,
  office: Office,
): Promise<Answer> {
  const { method, uri } = incoming;
  const [path = "", query = ""] = splitOnce(uri);
  const [route, name] = find(path.replace(/^\/(?:api\/v1\/)?/, ""));
  if (route === undefined) throw new RestError(404, Code.unknown, `There is nothing at ${path.slice(0, 200)}`);
  if (!route.methods.includes(method))
    throw new RestError(405, Code.methodNotAllowed, `Method ${method} is not allowed`);
  return route.handler({ ...incoming, name, query: new URLSearchParams(query) }, office);
}

function find(path: string): [Route | undefined, string] {
  if (Object.hasOwn(ROUTES, path)) return [ROUTES[path], ""];
  const [kind = "", encoded = "", ...more] = path.split("/");
  if (more.length > 0 || encoded === "" || !Object.hasOwn(NAMED_ROUTES, kind)) return [undefined, ""];
  try {
    return [NAMED_ROUTES[kind], decodeURIComponent(encoded)];
  } catch {
    return [undefined, ""];
  }
}

function splitOnce(uri: string): [string, string] {
  const at = uri.indexOf("?");
  return at < 0 ? [uri, ""] : [uri.slice(0, at), uri.slice(at + 1)];
}

function noIdemix(): never {
  throw new RestError(501, Code.unknown, "This CA issues no idemix credentials; enroll for an X.509 certificate");
}
