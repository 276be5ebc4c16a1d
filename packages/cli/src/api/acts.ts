/** What both single commands and `hansa apply` have the service do, and wait for. */
import { randomUUID } from "node:crypto";
import type { Call } from "../command.js";
import type { Account, MemberScope, Session } from "./session.js";
import type { Member, Node } from "./shapes.js";
import { until } from "./until.js";

/**
 * @param proposal Actions, Description and Tags as CreateProposal takes them
 * @returns the proposal's id
 */
export async function propose({ account, member, path }: MemberScope, proposal: object): Promise<string> {
  const { ProposalId } = await account.client.call<{ ProposalId: string }>({
    method: "POST",
    path: `${path}/proposals`,
    body: { ClientRequestToken: randomUUID(), MemberId: member.Id, ...proposal },
  });
  return ProposalId;
}

export type Acceptance = {
  readonly networkId: string;
  readonly invitationId: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly administrator: { readonly AdminUsername: string; readonly AdminPassword: string };
};

/** Accepts an invitation of the account's. Resolves when the member is admitted. */
export async function join(call: Call, account: Account, acceptance: Acceptance): Promise<Member> {
  const { networkId, invitationId, name, description, administrator } = acceptance;
  const path = `/networks/${networkId}/members`;
  const { MemberId: memberId } = await account.client.call<{ MemberId: string }>({
    method: "POST",
    path,
    body: {
      ClientRequestToken: randomUUID(),
      InvitationId: invitationId,
      MemberConfiguration: {
        Name: name,
        ...(description === undefined ? {} : { Description: description }),
        FrameworkConfiguration: { Fabric: administrator },
      },
    },
  });
  return until(call, `member ${name}`, async () => {
    return (await account.client.call<{ Member: Member }>({ method: "GET", path: `${path}/${memberId}` })).Member;
  });
}

/** Starts a peer of a member. Resolves when it serves the member's channels. */
export async function startPeer(
  call: Call,
  session: Session,
  scope: MemberScope,
  { type = "bc.t3.small", zone = `${session.endpoint.region}a` }: { type?: string; zone?: string } = {},
): Promise<Node> {
  const { account, member, path } = scope;
  const { NodeId: nodeId } = await account.client.call<{ NodeId: string }>({
    method: "POST",
    path: `${path}/nodes`,
    body: {
      ClientRequestToken: randomUUID(),
      MemberId: member.Id,
      NodeConfiguration: { InstanceType: type, AvailabilityZone: zone },
    },
  });
  return until(call, `a peer of ${member.Name}`, () => readPeer(scope, nodeId));
}

export async function readPeer({ account, member, path }: MemberScope, nodeId: string): Promise<Node> {
  const request = { method: "GET", path: `${path}/nodes/${nodeId}`, query: { memberId: member.Id } } as const;
  return (await account.client.call<{ Node: Node }>(request)).Node;
}
