import { randomUUID } from "node:crypto";
import { HansaError } from "@hansa/primitives";
import { AS_ACCOUNT, Session } from "../api/session.js";
import type { Network } from "../api/shapes.js";
import { policyInWords } from "../api/tally.js";
import { until } from "../api/until.js";
import type { Command } from "../command.js";
import { wholeNumber } from "../options.js";
import { table } from "../output.js";
import { ADMIN_OPTIONS, adminOf } from "./member-options.js";

export const networkList: Command = {
  name: "network list",
  summary: "the networks that your accounts see",
  usage: "",
  positionals: { min: 0, max: 0 },
  examples: ["hansa network list"],
  async run(call) {
    const session = await Session.open(call);
    const found = await session.networks();
    const rows = found.map(({ network, accounts }) => [
      network.Name,
      network.Id,
      network.FrameworkVersion,
      network.Status,
      network.CreationDate.slice(0, 19),
      accounts.map(({ name }) => name).join(", "),
    ]);
    return {
      data: found.map(({ network, accounts }) => ({
        ...network,
        accounts: accounts.map(({ accountId }) => accountId),
      })),
      text:
        rows.length === 0
          ? "There is no network yet.\n"
          : table([["name", "id", "version", "status", "made", "seen by"], ...rows]),
    };
  },
};

export const networkShow: Command = {
  name: "network show",
  summary: "one network: its edition, its voting policy, its ordering service",
  usage: "",
  positionals: { min: 0, max: 0 },
  examples: ["hansa network show", "hansa network show --network coffee"],
  async run(call) {
    const session = await Session.open(call);
    const { account, path } = await session.network(call);
    const { Network: network } = await account.client.call<{ Network: Network }>({ method: "GET", path });
    return {
      data: network,
      text: table([
        ["name", network.Name],
        ["id", network.Id],
        ["status", network.Status],
        ["framework", `Hyperledger Fabric ${network.FrameworkVersion}, ${network.FrameworkAttributes.Fabric.Edition}`],
        ["passes with", policyInWords(network.VotingPolicy.ApprovalThresholdPolicy)],
        ["orderer", network.FrameworkAttributes.Fabric.OrderingServiceEndpoint],
        ["made", network.CreationDate],
        ...(network.Description ? [["about", network.Description]] : []),
      ]),
    };
  },
};

export const networkCreate: Command = {
  name: "network create",
  summary: "make a network with its first member, and start it",
  usage: "<name>",
  details: "The network starts without channels and without peers: see hansa node create and hansa channel create.",
  options: {
    as: AS_ACCOUNT,
    member: { type: "string", value: "name", about: "the first member's name" },
    ...ADMIN_OPTIONS,
    edition: { type: "string", value: "edition", about: "STARTER or STANDARD; STANDARD unless given" },
    version: { type: "string", value: "version", about: "Fabric's version; 2.5 unless given" },
    threshold: { type: "string", value: "percent", about: "YES votes needed, of all members; 50 unless given" },
    comparator: { type: "string", value: "sign", about: '">" (more than, the default) or ">=" (at least)' },
    hours: { type: "string", value: "hours", about: "how long a proposal is open, 1 to 168; 24 unless given" },
    description: { type: "string", value: "text", about: "what the network is for" },
  },
  positionals: { min: 1, max: 1 },
  examples: ["hansa network create coffee --as account1 --member Farm --admin admin --password Passw0rd1"],
  async run(call) {
    const session = await Session.open(call);
    const account = session.account(call.options.text("as"));
    const name = call.options.positionals[0]!;
    const member = call.options.text("member");
    if (member === undefined)
      throw new HansaError("USAGE", "A network needs its first member's name.", { nextStep: "Give --member <name>." });
    const made = await account.client.call<{ NetworkId: string; MemberId: string }>({
      method: "POST",
      path: "/networks",
      body: {
        ClientRequestToken: randomUUID(),
        Name: name,
        Description: call.options.text("description"),
        Framework: "HYPERLEDGER_FABRIC",
        FrameworkVersion: call.options.text("version") ?? "2.5",
        FrameworkConfiguration: { Fabric: { Edition: call.options.text("edition") ?? "STANDARD" } },
        VotingPolicy: {
          ApprovalThresholdPolicy: {
            ThresholdPercentage: wholeNumber(call.options, "threshold", 50),
            ThresholdComparator: comparatorOf(call.options.text("comparator") ?? ">"),
            ProposalDurationInHours: wholeNumber(call.options, "hours", 24),
          },
        },
        MemberConfiguration: { Name: member, FrameworkConfiguration: { Fabric: adminOf(call.options) } },
      },
    });
    call.progress(`network ${made.NetworkId} is being made`);
    const path = `/networks/${made.NetworkId}`;
    const network = await until(call, `network ${name}`, async () => {
      const { Network: found } = await account.client.call<{ Network: Network }>({ method: "GET", path });
      return found;
    });
    return {
      data: { ...made, network },
      text: `Network ${name} is ${network.Status}: ${made.NetworkId}, member ${member} ${made.MemberId}.\nGive it a peer with: hansa node create --network ${name} --as ${member}\n`,
    };
  },
};

/** @throws HansaError USAGE */
export function comparatorOf(sign: string): "GREATER_THAN" | "GREATER_THAN_OR_EQUAL_TO" {
  if (sign === ">" || sign === "GREATER_THAN") return "GREATER_THAN";
  if (sign === ">=" || sign === "GREATER_THAN_OR_EQUAL_TO") return "GREATER_THAN_OR_EQUAL_TO";
  throw new HansaError("USAGE", `The comparator is "${sign}"; expected ">" or ">=".`);
}
