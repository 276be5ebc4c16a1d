import { HansaError } from "@hansa/primitives";
import { join } from "../api/acts.js";
import { AS_ACCOUNT, AS_MEMBER, Session } from "../api/session.js";
import type { Invitation, MemberSummary } from "../api/shapes.js";
import type { Command } from "../command.js";
import { table } from "../output.js";
import { ADMIN_OPTIONS, adminOf } from "./member-options.js";

export const memberList: Command = {
  name: "member list",
  summary: "the members of a network, those that left included",
  usage: "",
  positionals: { min: 0, max: 0 },
  examples: ["hansa member list", "hansa member list --network coffee --json"],
  async run(call) {
    const session = await Session.open(call);
    const { account, accounts, path } = await session.network(call);
    const members = await account.client.list<MemberSummary>(`${path}/members`, "Members");
    const owners = new Map<string, string>();
    for (const each of accounts)
      for (const { Id } of await each.client.list<MemberSummary>(`${path}/members`, "Members", { isOwned: "true" }))
        owners.set(Id, each.name);
    const rows = members.map(({ Id, Name, Status, CreationDate }) => [
      Name,
      Id,
      Status,
      CreationDate.slice(0, 19),
      owners.get(Id) ?? "somebody else",
    ]);
    return {
      data: members.map(({ IsOwned: _, ...member }) => ({ ...member, Account: owners.get(member.Id) })),
      text: table([["name", "id", "status", "since", "owned by"], ...rows]),
    };
  },
};

export const memberJoin: Command = {
  name: "member join",
  summary: "accept an invitation: become a member of its network",
  usage: "<invitation> <name>",
  options: { as: AS_ACCOUNT, ...ADMIN_OPTIONS, description: { type: "string", value: "text", about: "who it is" } },
  positionals: { min: 2, max: 2 },
  examples: ["hansa member join in-ABC… Roaster --as account2 --password Passw0rd1"],
  async run(call) {
    const session = await Session.open(call);
    const account = session.account(call.options.text("as"));
    const [invitationId, name] = call.options.positionals as [string, string];
    const invitations = await account.client.list<Invitation>("/invitations", "Invitations");
    const invitation = invitations.find(({ InvitationId }) => InvitationId === invitationId);
    if (invitation === undefined)
      throw new HansaError("ResourceNotFoundException", `Account ${account.name} has no invitation ${invitationId}.`, {
        nextStep: "See those it has with: hansa invitation list",
      });
    const networkId = invitation.NetworkSummary.Id;
    const member = await join(call, account, {
      networkId,
      invitationId,
      name,
      description: call.options.text("description"),
      administrator: adminOf(call.options),
    });
    return {
      data: member,
      text: `${name} is a member of ${invitation.NetworkSummary.Name}: ${member.Id}.\nGive it a peer with: hansa node create --network ${networkId} --as ${name}\n`,
    };
  },
};

export const memberLeave: Command = {
  name: "member leave",
  summary: "take your own member out of a network; its nodes and their data go",
  usage: "",
  options: { as: AS_MEMBER, yes: { type: "boolean", about: "do it; without this it only says what would happen" } },
  positionals: { min: 0, max: 0 },
  examples: ["hansa member leave --as Roaster --yes"],
  async run(call) {
    const session = await Session.open(call);
    const { account, member, network, path } = await session.member(call, call.options.text("as"));
    if (!call.options.flag("yes"))
      throw new HansaError(
        "USAGE",
        `${member.Name} would leave ${network.Name} for good, with its nodes and their data; it comes back only by a new invitation.`,
        { nextStep: "Add --yes to do it." },
      );
    await account.client.call({ method: "DELETE", path: `${path}/members/${member.Id}` });
    return { data: { MemberId: member.Id }, text: `${member.Name} leaves ${network.Name}.\n` };
  },
};
