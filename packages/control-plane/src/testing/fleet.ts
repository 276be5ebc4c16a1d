/** Networks brought about through the API, as tests need them. */
import * as aws from "@aws-sdk/client-managedblockchain";
import { ACCOUNTS, memberConfiguration, networkRequest, type TestControlPlane } from "./control-plane.js";

export type Fleet = { readonly networkId: string; readonly memberIds: readonly string[] };

/** A network whose members belong to the accounts in turn: the first, the second, and so on. */
export async function fleet(
  plane: TestControlPlane,
  accounts: readonly number[],
  more: Parameters<typeof networkRequest>[1] = {},
): Promise<Fleet> {
  const [first = 0, ...others] = accounts;
  const made = await plane.client(first).send(new aws.CreateNetworkCommand(networkRequest("fleet", more)));
  await plane.idle();
  const networkId = made.NetworkId!;
  const memberIds = [made.MemberId!];
  for (const [index, account] of others.entries()) {
    const invitationId = await invite(plane, { networkId, memberIds }, accounts, account);
    const request = { NetworkId: networkId, InvitationId: invitationId };
    const MemberConfiguration = memberConfiguration(`member-${index + 2}`);
    const joined = await plane.client(account).send(new aws.CreateMemberCommand({ ...request, MemberConfiguration }));
    await plane.idle();
    memberIds.push(joined.MemberId!);
  }
  return { networkId, memberIds };
}

/** Has an account invited by the votes of all members; gives the invitation's id. */
export async function invite(
  plane: TestControlPlane,
  { networkId, memberIds }: Fleet,
  owners: readonly number[],
  account: number,
): Promise<string> {
  const Principal = ACCOUNTS[account]!.accountId;
  const before = await invitationsOf(plane, account);
  await propose(plane, { networkId, memberIds }, owners, { Invitations: [{ Principal }] });
  const fresh = (await invitationsOf(plane, account)).filter((id) => !before.includes(id));
  return fresh[0]!;
}

/** Proposes as the first member and votes YES with one after the other until it is decided. */
export async function propose(
  plane: TestControlPlane,
  { networkId, memberIds }: Fleet,
  owners: readonly number[],
  Actions: aws.ProposalActions,
): Promise<string> {
  const proposer = plane.client(owners[0]!);
  const request = { NetworkId: networkId, MemberId: memberIds[0], Actions };
  const { ProposalId } = await proposer.send(new aws.CreateProposalCommand(request));
  for (const [index, VoterMemberId] of memberIds.entries()) {
    const { Proposal } = await proposer.send(new aws.GetProposalCommand({ NetworkId: networkId, ProposalId }));
    if (Proposal?.Status !== "IN_PROGRESS") break;
    const vote = { NetworkId: networkId, ProposalId, VoterMemberId, Vote: "YES" as const };
    await plane.client(owners[index]!).send(new aws.VoteOnProposalCommand(vote));
  }
  return ProposalId!;
}

async function invitationsOf(plane: TestControlPlane, account: number): Promise<string[]> {
  const { Invitations } = await plane.client(account).send(new aws.ListInvitationsCommand({}));
  return (Invitations ?? []).map(({ InvitationId }) => InvitationId!);
}
