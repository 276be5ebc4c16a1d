/** A member's certificate authority: what fabric-ca-client does. */

import { X509Certificate } from "node:crypto";
import { MemberAuthority, type NetworkView } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call, Command } from "../command.js";
import { locateNetwork, runningSupervisor } from "../locate.js";
import type { OptionDefinition } from "../options.js";
import { table } from "../output.js";
import { writeResult } from "./files.js";

const AS: OptionDefinition = {
  type: "string",
  value: "user",
  about: "whose certificate asks; the registrar's unless given",
};
const TYPE: OptionDefinition = { type: "string", value: "type", about: "client, admin, peer or orderer" };
const AFFILIATION: OptionDefinition = { type: "string", value: "path", about: "dotted, as brewery.sales" };
const LIMIT: OptionDefinition = { type: "string", value: "number", about: "how often it may enrol; -1 for no limit" };
const SECRET: OptionDefinition = { type: "string", value: "secret", about: "its password for enrolling" };
const FORCE: OptionDefinition = { type: "boolean", about: "together with all that hangs on it" };

type Work = { call: Call; ca: MemberAuthority; as: string | undefined; view: NetworkView };

async function atAuthority<T>(call: Call, work: (parts: Work) => Promise<T>): Promise<T> {
  const view = await locateNetwork(call);
  await runningSupervisor(view);
  const ca = new MemberAuthority(view.member(call.options.positionals[0]!));
  return work({ call, ca, as: call.options.text("as"), view });
}

export const caInfo: Command = {
  name: "ca info",
  summary: "a member's authority: its name, version and certificates",
  usage: "<member>",
  positionals: { min: 1, max: 1 },
  examples: ["hansa ca info Brewery"],
  run: (call) =>
    atAuthority(call, async ({ ca, view }) => {
      const { CAName, Version, CAChain } = await ca.info();
      const chain = Buffer.from(String(CAChain ?? ""), "base64").toString("utf8");
      const address = view.member(call.options.positionals[0]!).caAddress;
      const data = { name: CAName, version: Version, address, certificate: chain };
      return {
        data,
        text: `${table([
          ["address", `https://${address}`],
          ["name", String(CAName)],
          ["version", String(Version)],
        ])}\n${chain}`,
      };
    }),
};

export const caRegister: Command = {
  name: "ca register",
  summary: "have an authority know one more identity",
  usage: "<member> <id> [attribute=value[:ecert]…]",
  details:
    "Prints the secret by which the identity enrols. An attribute with :ecert comes into certificates by itself.",
  options: { type: TYPE, affiliation: AFFILIATION, secret: SECRET, "max-enrollments": LIMIT, as: AS },
  positionals: { min: 2, max: 66 },
  examples: ["hansa ca register Brewery alice office=cellar:ecert --affiliation brewery"],
  run: (call) =>
    atAuthority(call, async ({ ca, as }) => {
      const [, id, ...pairs] = call.options.positionals as [string, string, ...string[]];
      const body = { id, type: "client", ...changesOf(call), attrs: pairs.map(attributeOf) };
      const { secret } = await ca.call(as, "POST", "register", body);
      return { data: { id, secret }, text: `${id} enrols with the secret ${secret}\n` };
    }),
};

export const caEnroll: Command = {
  name: "ca enroll",
  summary: "certify the keys of a registered identity, and keep it as a user of this machine",
  usage: "<member> <id> [attribute[:opt]…]",
  details:
    "Other commands then know it by --user. Attributes named here are put into the certificate in place of the usual ones;\n" +
    "one with :opt may be lacking. hansa enrol registers and enrols in one step.",
  options: { secret: SECRET },
  positionals: { min: 2, max: 66 },
  examples: ["hansa ca enroll Brewery alice --secret 6sd…"],
  run: (call) =>
    atAuthority(call, async ({ ca }) => {
      const [, id, ...names] = call.options.positionals as [string, string, ...string[]];
      const secret = call.options.text("secret");
      if (secret === undefined)
        throw new HansaError("USAGE", "An identity enrols with its secret.", {
          nextStep: "Give it with --secret; hansa ca register prints it.",
        });
      const attributes = names.map((name) => ({ name: name.replace(/:opt$/, ""), optional: name.endsWith(":opt") }));
      const data = await ca.enroll(secret, { id, ...(attributes.length > 0 && { attributes }) });
      return {
        data: { id, ...data },
        text: `${id} is enrolled; the MSP folder of ${data.user} is ${data.mspFolder}\n`,
      };
    }),
};

export const caReenroll: Command = {
  name: "ca reenroll",
  summary: "give a user of this machine new keys and certificates",
  usage: "<member> <user>",
  positionals: { min: 2, max: 2 },
  examples: ["hansa ca reenroll Brewery alice"],
  run: (call) =>
    atAuthority(call, async ({ view }) => {
      const [memberName, user] = call.options.positionals as [string, string];
      const member = view.member(memberName);
      await member.reenrol(user);
      const data = { user: member.userNamed(user), mspFolder: member.mspFolder(user) };
      return { data, text: `${data.user} has new certificates in ${data.mspFolder}\n` };
    }),
};

export const caRevoke: Command = {
  name: "ca revoke",
  summary: "revoke an identity, or one of its certificates",
  usage: "<member> [user or id]",
  details: "Channels learn of it by the member's revocation list: see hansa ca gencrl.",
  options: {
    serial: { type: "string", value: "hex", about: "of one certificate, together with --aki" },
    aki: { type: "string", value: "hex", about: "authority key id of that certificate" },
    reason: { type: "string", value: "reason", about: "as keycompromise, superseded or cessationofoperation" },
    as: AS,
  },
  positionals: { min: 1, max: 2 },
  examples: ["hansa ca revoke Brewery alice --reason keycompromise"],
  run: (call) =>
    atAuthority(call, async ({ ca, as }) => {
      const { options } = call;
      const id = options.positionals[1] === undefined ? "" : ca.idOf(options.positionals[1]);
      const named = ["serial", "aki", "reason"].flatMap((name) =>
        options.text(name) === undefined ? [] : [[name, options.text(name)]],
      );
      const { RevokedCerts } = await ca.call(as, "POST", "revoke", { id, ...Object.fromEntries(named) });
      const revoked = (RevokedCerts ?? []) as readonly { Serial: string; AKI: string }[];
      const lines = revoked.map(({ Serial }) => `revoked ${Serial}\n`).join("");
      return { data: { id, revoked }, text: lines === "" ? "Nothing was left to revoke.\n" : lines };
    }),
};

export const caGencrl: Command = {
  name: "ca gencrl",
  summary: "an authority's list of revoked certificates, PEM",
  usage: "<member>",
  details:
    "Base64 of it goes into revocation_list of the member's MSP in a channel's configuration (hansa config show, edit,\n" +
    "hansa config update): from then on the channel's nodes refuse what is on it.",
  options: { output: { type: "string", short: "o", value: "file", about: "write it there" }, as: AS },
  positionals: { min: 1, max: 1 },
  examples: ["hansa ca gencrl Brewery --output crl.pem"],
  run: (call) =>
    atAuthority(call, async ({ ca, as }) => {
      const { CRL } = await ca.call(as, "POST", "gencrl", {});
      const pem = Buffer.from(String(CRL ?? ""), "base64").toString("utf8");
      return writeResult(call, { crl: pem }, pem);
    }),
};

type IdentityInfo = {
  readonly id: string;
  readonly type: string;
  readonly affiliation: string;
  readonly max_enrollments: number;
  readonly attrs?: readonly { readonly name: string; readonly value: string; readonly ecert?: boolean }[];
};

export const caIdentities: Command = {
  name: "ca identities",
  summary: "who is registered at an authority; with options, change or remove one",
  usage: "<member> [user or id] [attribute=value[:ecert]…]",
  details: "An attribute without a value is taken away. Whoever is removed has his certificates revoked.",
  options: {
    type: TYPE,
    affiliation: AFFILIATION,
    secret: SECRET,
    "max-enrollments": LIMIT,
    remove: { type: "boolean", about: "remove the identity" },
    as: AS,
  },
  positionals: { min: 1, max: 66 },
  examples: [
    "hansa ca identities Brewery",
    "hansa ca identities Brewery alice office=attic:ecert",
    "hansa ca identities Brewery alice --remove",
  ],
  run: (call) =>
    atAuthority(call, async ({ ca, as }) => {
      const [, wanted, ...pairs] = call.options.positionals;
      if (wanted === undefined) {
        const { identities } = await ca.call(as, "GET", "identities");
        return identitiesResult((identities ?? []) as readonly IdentityInfo[]);
      }
      const target = `identities/${encodeURIComponent(ca.idOf(wanted))}`;
      const changes = { ...changesOf(call), ...(pairs.length > 0 && { attrs: pairs.map(attributeOf) }) };
      const isChange = Object.keys(changes).length > 0;
      const answer = call.options.flag("remove")
        ? await ca.call(as, "DELETE", target)
        : await ca.call(as, isChange ? "PUT" : "GET", target, isChange ? changes : undefined);
      return identitiesResult([answer as unknown as IdentityInfo]);
    }),
};

type AffiliationNode = { readonly name: string; readonly affiliations?: readonly AffiliationNode[] };

export const caAffiliations: Command = {
  name: "ca affiliations",
  summary: "an authority's tree of affiliations; with options, change it",
  usage: "<member> [affiliation]",
  options: {
    add: { type: "boolean", about: "add the affiliation" },
    remove: { type: "boolean", about: "remove it" },
    rename: { type: "string", value: "path", about: "call it that" },
    force: FORCE,
    as: AS,
  },
  positionals: { min: 1, max: 2 },
  examples: ["hansa ca affiliations Brewery", "hansa ca affiliations Brewery brewery.sales --add"],
  run: (call) =>
    atAuthority(call, async ({ ca, as }) => {
      const { options } = call;
      const name = options.positionals[1];
      const force: Record<string, string> = options.flag("force") ? { force: "true" } : {};
      const changes =
        ["add", "remove"].filter((each) => options.flag(each)).length + Number(options.text("rename") !== undefined);
      if (changes > 1 || (changes === 1 && name === undefined))
        throw new HansaError("USAGE", "Give one affiliation, and one of --add, --remove and --rename.");
      const target = name === undefined ? "affiliations" : `affiliations/${encodeURIComponent(name)}`;
      const ask = () => {
        if (options.flag("add")) return ca.call(as, "POST", "affiliations", { name }, force);
        if (options.flag("remove")) return ca.call(as, "DELETE", target, undefined, force);
        const rename = options.text("rename");
        return rename === undefined ? ca.call(as, "GET", target) : ca.call(as, "PUT", target, { name: rename }, force);
      };
      const root = (await ask()) as unknown as AffiliationNode;
      const names = namesUnder(root);
      return { data: { affiliations: names }, text: names.map((each) => `${each}\n`).join("") };
    }),
};

export const caCertificates: Command = {
  name: "ca certificates",
  summary: "the certificates that an authority has issued",
  usage: "<member> [user or id]",
  options: {
    serial: { type: "string", value: "hex", about: "the one with this serial number" },
    "not-revoked": { type: "boolean", about: "only those that are not revoked" },
    "not-expired": { type: "boolean", about: "only those that have not expired" },
    as: AS,
  },
  positionals: { min: 1, max: 2 },
  examples: ["hansa ca certificates Brewery alice --not-revoked"],
  run: (call) =>
    atAuthority(call, async ({ ca, as }) => {
      const { options } = call;
      const query: Record<string, string> = {};
      if (options.positionals[1] !== undefined) query.id = ca.idOf(options.positionals[1]);
      if (options.text("serial") !== undefined) query.serial = options.text("serial")!;
      if (options.flag("not-revoked")) query.notrevoked = "true";
      if (options.flag("not-expired")) query.notexpired = "true";
      const { certs } = await ca.call(as, "GET", "certificates", undefined, query);
      const data = ((certs ?? []) as readonly { PEM: string }[]).map(({ PEM }) => {
        const { subject, serialNumber, validFrom, validTo } = new X509Certificate(PEM);
        const name = /^CN=(.*)$/m.exec(subject)?.[1] ?? subject;
        return {
          name,
          serial: serialNumber.toLowerCase(),
          from: new Date(validFrom).toISOString(),
          to: new Date(validTo).toISOString(),
          certificate: PEM,
        };
      });
      const rows = data.map(({ name, serial, from, to }) => [name, serial, from.slice(0, 10), to.slice(0, 10)]);
      return { data, text: table([["name", "serial number", "from", "to"], ...rows]) };
    }),
};

function identitiesResult(identities: readonly IdentityInfo[]) {
  const rows = identities.map(({ id, type, affiliation, max_enrollments: limit, attrs }) => [
    id,
    type,
    affiliation,
    limit < 0 ? "-" : String(limit),
    (attrs ?? []).map(({ name, value, ecert }) => `${name}=${value}${ecert === true ? ":ecert" : ""}`).join(" "),
  ]);
  return { data: identities, text: table([["id", "type", "affiliation", "enrolments", "attributes"], ...rows]) };
}

function namesUnder({ name, affiliations }: AffiliationNode): string[] {
  const below = (affiliations ?? []).flatMap(namesUnder);
  return name === "" ? below : [name, ...below];
}

function changesOf({ options }: Call): Record<string, string | number> {
  const changes: Record<string, string | number> = {};
  for (const name of ["type", "affiliation", "secret"]) {
    const value = options.text(name);
    if (value !== undefined) changes[name] = value;
  }
  const limit = options.text("max-enrollments");
  if (limit !== undefined) {
    if (!/^-?\d{1,6}$/.test(limit))
      throw new HansaError("USAGE", `--max-enrollments is "${limit}"; expected a number.`);
    changes.max_enrollments = Number(limit);
  }
  return changes;
}

function attributeOf(pair: string): { name: string; value: string; ecert: boolean } {
  const at = pair.indexOf("=");
  if (at < 1)
    throw new HansaError("USAGE", `"${pair}" is no attribute.`, { nextStep: "Write attributes as name=value." });
  const [name, text] = [pair.slice(0, at), pair.slice(at + 1)];
  return { name, value: text.replace(/:ecert$/, ""), ecert: text.endsWith(":ecert") };
}
