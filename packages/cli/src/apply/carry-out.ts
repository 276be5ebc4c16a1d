/** Does one step of a plan, and says what came of it. */
import { randomBytes, randomUUID } from "node:crypto";
import { askCreateChannel, type NetworkView, type SupervisorRecord } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { MemberScope, NetworkScope, Session } from "../api/session.js";
import type { Member, Node } from "../api/shapes.js";
import { until } from "../api/until.js";
import type { Call } from "../command.js";
import type { Step } from "./plan.js";

export type Site = {
  readonly call: Call;
  readonly session: Session;
  readonly scope: NetworkScope;
  readonly view: NetworkView;
  readonly supervisor: SupervisorRecord;
};

export async function carryOut(step: Step, site: Site): Promise<string> {
  switch (step.kind) {
    case "invite":
      return propose(site, `Members of the network file: ${step.members.map(({ name }) => name).join(", ")}`, {
        Actions: { Invitations: step.members.map(({ account }) => ({ Principal: account })) },
      });
    case "remove":
      return propose(site, `${step.member.name} is not in the network file`, {
        Actions: { Removals: [{ MemberId: step.member.memberId }] },
      });
    case "policy": {
      const { comparator, thresholdPercentage, proposalDurationHours } = step.policy;
      return propose(site, "The voting policy of the network file", {
        Actions: {},
        Tags: { "hansa:voting-policy": `${comparator} ${thresholdPercentage} ${proposalDurationHours}` },
      });
    }
    case "join":
      return join(site, step);
    case "channel": {
      const { name, members, batch } = step.channel;
      await askCreateChannel(site.supervisor, { name, members, batch });
      return `channel ${name} is ready`;
    }
    case "node": {
      for (let number = 0; number < step.count; number++) await startPeer(site, step.member.name);
      return `${step.member.name} has ${step.member.peers + step.count} peers`;
    }
    case "contract": {
      const { name, version, sequence } = await site.view.deploy(step.contract, (each) => site.call.progress(each));
      return `contract ${name} ${version} is deployed, sequence ${sequence}`;
    }
    default:
      return step.text;
  }
}

/** Proposed by the member of `--as`, or the first that is owned. */
async function propose({ call, session }: Site, description: string, proposal: object): Promise<string> {
  const { account, member, path } = await proposer(call, session);
  const { ProposalId: proposalId } = await account.client.call<{ ProposalId: string }>({
    method: "POST",
    path: `${path}/proposals`,
    body: {
      ClientRequestToken: randomUUID(),
      MemberId: member.Id,
      Description: description.slice(0, 128),
      ...proposal,
    },
  });
  return `${member.Name} proposed it: hansa vote ${proposalId} yes --as <member>`;
}

async function proposer(call: Call, session: Session): Promise<MemberScope> {
  const wanted = call.options.text("as");
  if (wanted !== undefined) return session.member(call, wanted);
  const [first] = await session.ownMembers(call);
  if (first !== undefined) return first;
  throw new HansaError("UNKNOWN_MEMBER", "None of your accounts has a member in this network; a member must propose.");
}

async function join(
  { call, session, scope }: Site,
  { invitationId, member }: Extract<Step, { kind: "join" }>,
): Promise<string> {
  const account = session.account(member.account);
  // Whoever wants to enrol the administrator by password registers one of their own.
  const AdminPassword = `Aa1${randomBytes(18).toString("base64url").replaceAll(/[-_]/g, "x")}`;
  const { MemberId: memberId } = await account.client.call<{ MemberId: string }>({
    method: "POST",
    path: `${scope.path}/members`,
    body: {
      ClientRequestToken: randomUUID(),
      InvitationId: invitationId,
      MemberConfiguration: {
        Name: member.name,
        ...(member.description === undefined ? {} : { Description: member.description }),
        FrameworkConfiguration: { Fabric: { AdminUsername: "admin", AdminPassword } },
      },
    },
  });
  await until(call, `member ${member.name}`, async () => {
    const path = `${scope.path}/members/${memberId}`;
    return (await account.client.call<{ Member: Member }>({ method: "GET", path })).Member;
  });
  return `${member.name} is a member: ${memberId}`;
}

async function startPeer({ call, session }: Site, memberName: string): Promise<void> {
  const { account, member, path } = await session.member(call, memberName);
  const { NodeId: nodeId } = await account.client.call<{ NodeId: string }>({
    method: "POST",
    path: `${path}/nodes`,
    body: {
      ClientRequestToken: randomUUID(),
      MemberId: member.Id,
      NodeConfiguration: { InstanceType: "bc.t3.small", AvailabilityZone: `${session.endpoint.region}a` },
    },
  });
  await until(call, `a peer of ${memberName}`, async () => {
    const request = { method: "GET", path: `${path}/nodes/${nodeId}`, query: { memberId: member.Id } } as const;
    return (await account.client.call<{ Node: Node }>(request)).Node;
  });
}
