/** What a network is at the moment, as far as a network file could ask for something else. */
import type { VotingPolicy } from "@hansa/governance";
import { askChannels, type NetworkView, type SupervisorRecord } from "@hansa/network";
import type { NetworkScope, Session } from "../api/session.js";
import type {
  Invitation,
  Network,
  Proposal,
  ProposalDetails,
  ProposalSummary,
  ThresholdPolicy,
} from "../api/shapes.js";
import type { Current, OpenProposal } from "./plan.js";

export async function readCurrent(
  session: Session,
  scope: NetworkScope,
  view: NetworkView,
  supervisor: SupervisorRecord,
): Promise<Current> {
  const { client } = scope.account;
  const [{ Network: network }, proposals, channels, invitations] = await Promise.all([
    client.call<{ Network: Network }>({ method: "GET", path: scope.path }),
    openProposals(scope),
    askChannels(supervisor),
    pendingInvitations(session, scope),
  ]);
  return {
    members: view.config.members.map(({ name, memberId, account, peers }) => ({
      name,
      memberId: memberId ?? "",
      accountId: account,
      peers: peers.length,
    })),
    channels: channels.map(({ name }) => name),
    contracts: view.state.contracts,
    policy: policyOf(network.VotingPolicy.ApprovalThresholdPolicy),
    proposals,
    invitations,
    accounts: session.accounts.map(({ accountId }) => accountId),
  };
}

async function openProposals({ account, path }: NetworkScope): Promise<OpenProposal[]> {
  const all = await account.client.list<ProposalSummary>(`${path}/proposals`, "Proposals");
  return Promise.all(
    all
      .filter(({ Status }) => Status === "IN_PROGRESS")
      .map(async ({ ProposalId: proposalId }) => {
        const at = `${path}/proposals/${proposalId}`;
        const [{ Proposal: proposal }, details] = await Promise.all([
          account.client.call<{ Proposal: Proposal }>({ method: "GET", path: at }),
          account.client.call<ProposalDetails>({ method: "GET", path: `/hansa${at}` }),
        ]);
        const policy = details.NewVotingPolicy?.ApprovalThresholdPolicy;
        return {
          proposalId,
          invitations: (proposal.Actions.Invitations ?? []).map(({ Principal }) => Principal),
          removals: (proposal.Actions.Removals ?? []).map(({ MemberId }) => MemberId),
          policy: policy && policyOf(policy),
        };
      }),
  );
}

async function pendingInvitations(session: Session, { network }: NetworkScope): Promise<Current["invitations"]> {
  const lists = await Promise.all(
    session.accounts.map(async ({ accountId, client }) => {
      const invitations = await client.list<Invitation>("/invitations", "Invitations");
      return invitations
        .filter(({ Status, NetworkSummary }) => Status === "PENDING" && NetworkSummary.Id === network.Id)
        .map(({ InvitationId: invitationId }) => ({ invitationId, accountId }));
    }),
  );
  return lists.flat();
}

function policyOf(policy: ThresholdPolicy): VotingPolicy {
  return {
    thresholdPercentage: policy.ThresholdPercentage,
    comparator: policy.ThresholdComparator,
    proposalDurationHours: policy.ProposalDurationInHours,
  };
}
