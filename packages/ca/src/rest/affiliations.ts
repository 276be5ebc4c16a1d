/** affiliations: the tree, and its changes. */
import { AffiliationInUseError, type AffiliationsAnswer } from "../affiliation-desk.js";
import type { CaError } from "../error.js";
import { type Answer, asking, Code, RestError } from "./answers.js";
import { tokenCaller } from "./caller.js";
import { infoOf } from "./identities.js";
import { authorityName, type Office } from "./office.js";
import { Fields, queryFlag, type RestRequest } from "./request.js";

/** As fabric-ca writes it: names are whole paths, and empty lists are left out. */
type AffiliationNode = {
  name: string;
  affiliations?: readonly AffiliationNode[];
  identities?: readonly ReturnType<typeof infoOf>[];
};

export async function affiliations(request: RestRequest, office: Office): Promise<Answer> {
  const caname = authorityName(request, office);
  const { identity: caller } = tokenCaller(request, office.authority);
  if (request.method === "POST") {
    const name = Fields.required(request.body).text("name");
    const force = queryFlag(request.query, "force");
    await asking(() => office.affiliations.add(caller, name, force), Code.updateConfigAddAff, noParent);
    office.logger.info("affiliation added", { affiliation: name, by: caller.id });
    return { status: 201, result: { name, caname } };
  }
  const paths = await asking(() => office.affiliations.list(caller), Code.gettingAffiliation);
  const roots = treeOf({ affiliations: paths, identities: [] }, caller.affiliation);
  if (roots.length === 0) throw new RestError(404, Code.gettingAffiliation, "No affiliations are configured on the CA");
  const whole = roots.length === 1 ? roots[0] : { name: "", affiliations: roots };
  return { status: 200, result: { ...whole, caname } };
}

function noParent({ fault }: CaError): RestError | undefined {
  if (fault !== "NOT_FOUND") return undefined;
  const fact = "Parent affiliation does not exist, 'force' option required on request to add affiliation";
  return new RestError(400, Code.updateConfigAddAff, fact);
}

export async function affiliation(request: RestRequest, office: Office): Promise<Answer> {
  const caname = authorityName(request, office);
  const { identity: caller } = tokenCaller(request, office.authority);
  const { name, method, query } = request;
  const desk = office.affiliations;
  if (method === "GET") {
    const paths = await asking(() => desk.get(caller, name), Code.gettingAffiliation, notFound);
    return { status: 200, result: { ...treeOf({ affiliations: paths, identities: [] }, name)[0], caname } };
  }
  if (method === "PUT") {
    const newName = Fields.required(request.body).text("name");
    const force = queryFlag(query, "force", Code.updateConfigAddAff);
    const answer = await asking(() => desk.rename(caller, name, newName, force), Code.updateConfigModifyAff, notFound);
    office.logger.info("affiliation renamed", { affiliation: name, to: newName, by: caller.id });
    return { status: 200, result: { ...treeOf(answer, newName)[0], caname } };
  }
  const force = queryFlag(query, "force");
  const answer = await asking(() => desk.remove(caller, name, force), Code.updateConfigRemoveAff, notFound);
  office.logger.info("affiliation removed", { affiliation: name, by: caller.id, identities: answer.identities.length });
  return { status: 200, result: { ...treeOf(answer, name)[0], caname } };
}

function notFound(error: CaError): RestError | undefined {
  if (error instanceof AffiliationInUseError && !error.wasRemoval)
    return new RestError(400, Code.updateConfigModifyAff, error.message);
  if (error.fault !== "NOT_FOUND") return undefined;
  return new RestError(404, Code.dbGet, "Failed to get affiliation: sql: no rows in result set");
}

/** @param above the roots are it, when it is among the affiliations, else what has nothing above it */
function treeOf({ affiliations: paths, identities }: AffiliationsAnswer, above: string): AffiliationNode[] {
  const nodes = new Map(paths.map((name): [string, AffiliationNode] => [name, { name }]));
  const roots: AffiliationNode[] = [];
  for (const [name, node] of nodes) {
    const parent = name === above ? undefined : nodes.get(name.slice(0, Math.max(name.lastIndexOf("."), 0)));
    if (parent === undefined) roots.push(node);
    else parent.affiliations = [...(parent.affiliations ?? []), node];
  }
  for (const each of identities) {
    const node = nodes.get(each.affiliation);
    if (node !== undefined) node.identities = [...(node.identities ?? []), infoOf(each)];
  }
  return roots;
}
