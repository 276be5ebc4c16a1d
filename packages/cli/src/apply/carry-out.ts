/** Does one step of a plan, and says what came of it. */
import { randomBytes } from "node:crypto";
import { askCreateChannel, type NetworkView, type SupervisorRecord } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import { join, propose, startPeer } from "../api/acts.js";
import type { MemberScope, NetworkScope, Session } from "../api/session.js";
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
      return proposed(site, `Members of the network file: ${step.members.map(({ name }) => name).join(", ")}`, {
        Actions: { Invitations: step.members.map(({ account }) => ({ Principal: account })) },
      });
    case "remove":
      return proposed(site, `${step.member.name} is not in the network file`, {
        Actions: { Removals: [{ MemberId: step.member.memberId }] },
      });
    case "policy": {
      const { comparator, thresholdPercentage, proposalDurationHours } = step.policy;
      return proposed(site, "The voting policy of the network file", {
        Actions: {},
        Tags: { "hansa:voting-policy": `${comparator} ${thresholdPercentage} ${proposalDurationHours}` },
      });
    }
    case "join":
      return joined(site, step);
    case "channel": {
      const { name, members, batch } = step.channel;
      await askCreateChannel(site.supervisor, { name, members, batch });
      return `channel ${name} is ready`;
    }
    case "node": {
      const scope = await site.session.member(site.call, step.member.name);
      for (let number = 0; number < step.count; number++) await startPeer(site.call, site.session, scope);
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
async function proposed({ call, session }: Site, description: string, proposal: object): Promise<string> {
  const scope = await proposer(call, session);
  const proposalId = await propose(scope, { Description: description.slice(0, 128), ...proposal });
  return `${scope.member.Name} proposed it: hansa vote ${proposalId} yes --as <member>`;
}

async function proposer(call: Call, session: Session): Promise<MemberScope> {
  const wanted = call.options.text("as");
  if (wanted !== undefined) return session.member(call, wanted);
  const [first] = await session.ownMembers(call);
  if (first !== undefined) return first;
  throw new HansaError("UNKNOWN_MEMBER", "None of your accounts has a member in this network; a member must propose.");
}

async function joined({ call, session, scope }: Site, step: Extract<Step, { kind: "join" }>): Promise<string> {
  const { invitationId, member } = step;
  const { name, description } = member;
  // Whoever wants to enrol the administrator by password registers one of their own.
  const AdminPassword = `Aa1${randomBytes(18).toString("base64url").replaceAll(/[-_]/g, "x")}`;
  const { Id: memberId } = await join(call, session.account(member.account), {
    networkId: scope.network.Id,
    invitationId,
    name,
    description,
    administrator: { AdminUsername: "admin", AdminPassword },
  });
  return `${name} is a member: ${memberId}`;
}
