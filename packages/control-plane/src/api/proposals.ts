/** CreateProposal, GetProposal, ListProposals, VoteOnProposal, ListProposalVotes, ListInvitations, RejectInvitation. */
import { type Invitation, type Proposal, type Proposed, tally } from "@hansa/governance";
import { illegal, invalid, notFound } from "../errors.js";
import type { Input } from "../input/inputs.js";
import type { NetworkView } from "../model/network-view.js";
import { type Answer, acted, type Context, freshId, iso } from "./context.js";
import { networkSummary } from "./networks.js";
import { CHANNELS_TAG, readProposalTags } from "./proposal-tags.js";
import { TOKEN_LIFE_MS, usedOtherwise } from "./tokens.js";

export async function createProposal(context: Context, input: Input<"CreateProposal">): Promise<Answer> {
  const { world, accountId } = context;
  const { networkId, ClientRequestToken: token } = input;
  await checkChannels(context.network(networkId), input.Tags);
  return context.tokens.answer(
    { accountId, operation: "CreateProposal", token, input, networkId },
    {
      begin: () => {
        const view = context.readyNetwork(networkId);
        const parts = [accountId, world.settings.region, "CreateProposal", networkId, token];
        // Made within the token's life: by this very token, when the control plane ended before it had kept it.
        const isOver = ({ createdAt }: Proposal) => view.now - createdAt > TOKEN_LIFE_MS;
        const proposalId = freshId("p", parts, (id) => {
          const made = view.state?.proposals.get(id);
          return made !== undefined && isOver(made);
        });
        const proposed = proposedBy(context, view, input, proposalId);
        const made = view.state?.proposals.get(proposalId);
        if (made === undefined) checkRemovals(context, view, proposed.removals);
        else if (!isWhatWasProposed(made, proposed)) throw usedOtherwise(token);
        return { answer: { ProposalId: proposalId }, changes: [] };
      },
      isRecorded: true,
      finish: async ({ ProposalId }) => {
        const proposalId = String(ProposalId);
        const operated = world.settings.operator.network(networkId);
        if (operated === undefined) throw notFound(`Network ${networkId} not found.`);
        if (operated.governance.proposals.has(proposalId)) return;
        const check = () => proposedBy(context, context.readyNetwork(networkId), input, proposalId);
        const act = check();
        await acted(() => operated.submit(act), { check });
      },
    },
  );
}

function isWhatWasProposed({ proposedBy: { memberId }, ...made }: Proposal, proposed: Proposed): boolean {
  const told = ({ description, invitations, removals, tags }: Pick<Proposed, keyof Proposal & keyof Proposed>) =>
    JSON.stringify([description ?? null, invitations, removals, Object.entries(tags).sort()]);
  return memberId === proposed.memberId && told(made) === told(proposed);
}

export async function getProposal(context: Context, input: Input<"GetProposal">): Promise<Answer> {
  const view = context.network(input.networkId);
  const proposal = findProposal(context, view, input.proposalId);
  const { yes, no, outstanding } = tally(proposal, stateOf(view));
  return {
    Proposal: {
      NetworkId: view.networkId,
      ...summaryOf(context, proposal),
      Actions: {
        Invitations: proposal.invitations.map((each) => ({ Principal: each.accountId })),
        Removals: proposal.removals.map((memberId) => ({ MemberId: memberId })),
      },
      YesVoteCount: yes,
      NoVoteCount: no,
      OutstandingVoteCount: outstanding,
      Tags: context.tagsOf(context.world.arn("proposals", proposal.proposalId), proposal.tags),
    },
  };
}

export async function listProposals(context: Context, input: Input<"ListProposals">): Promise<Answer> {
  const view = context.network(input.networkId);
  const place = (proposal: Proposal) => ({ at: proposal.createdAt, id: proposal.proposalId });
  const proposals = [...(view.state?.proposals.values() ?? [])];
  const { items, nextToken } = context.page("proposals", [view.networkId], proposals, place, input, 100);
  return { Proposals: items.map((proposal) => summaryOf(context, proposal)), NextToken: nextToken };
}

export async function voteOnProposal(context: Context, input: Input<"VoteOnProposal">): Promise<Answer> {
  const check = () => {
    const view = context.network(input.networkId);
    const { proposalId } = findProposal(context, view, input.proposalId);
    const { memberId, member, status } = context.ownMember(view, input.VoterMemberId);
    // A member votes from its acceptance on, also while channels still take it in. The service has no other name for this.
    if (member?.status !== "joining" && member?.status !== "active")
      throw illegal(`Member ${memberId} is ${status} and cannot vote.`);
    return { view, act: { kind: "voted", proposalId, memberId, yes: input.Vote === "YES" } as const };
  };
  const { view, act } = check();
  await acted(async () => view.operated?.submit(act), { knowsIllegalAction: true, check });
  return {};
}

/** Votes that count. A vote whose voter has left is void: it is in /hansa/networks/{id}/proposals/{id} only. */
export async function listProposalVotes(context: Context, input: Input<"ListProposalVotes">): Promise<Answer> {
  const view = context.network(input.networkId);
  const proposal = findProposal(context, view, input.proposalId);
  const votes = proposal.votes.filter((vote) => !vote.void);
  const place = (vote: (typeof votes)[number]) => ({ at: vote.at, id: vote.memberId });
  const { items, nextToken } = context.page("votes", [proposal.proposalId], votes, place, input, 100);
  return {
    ProposalVotes: items.map(({ yes, memberName, memberId }) => ({
      Vote: yes ? "YES" : "NO",
      MemberName: memberName,
      MemberId: memberId,
    })),
    NextToken: nextToken,
  };
}

/** The account's own, from every network, also from those that are deleted. */
export async function listInvitations(context: Context, input: Input<"ListInvitations">): Promise<Answer> {
  const all = context.world
    .networks()
    .flatMap((view) => view.invitations.map((invitation) => ({ view, invitation })))
    .filter(({ invitation }) => invitation.accountId === context.accountId);
  const place = ({ invitation }: { invitation: Invitation }) => ({
    at: invitation.createdAt,
    id: invitation.invitationId,
  });
  const { items, nextToken } = context.page("invitations", [], all, place, input, 100);
  return {
    Invitations: items.map(({ view, invitation }) => ({
      InvitationId: invitation.invitationId,
      CreationDate: iso(invitation.createdAt),
      ExpirationDate: iso(invitation.expiresAt),
      Status: invitation.status,
      NetworkSummary: networkSummary(context, view),
      Arn: context.world.arn("invitations", invitation.invitationId, context.accountId),
    })),
    NextToken: nextToken,
  };
}

export async function rejectInvitation(context: Context, { invitationId }: Input<"RejectInvitation">): Promise<Answer> {
  const check = () => {
    const found = findInvitation(context, invitationId);
    if (found === undefined || found.invitation.accountId !== context.accountId)
      throw notFound(
        `Invitation ${invitationId} not found in account ${context.accountId}.`,
        context.world.arn("invitations", invitationId, context.accountId),
      );
    const { status } = found.invitation;
    if (status !== "PENDING") throw illegal(`Invitation ${invitationId} is ${status}, not PENDING.`);
    return found.view;
  };
  const view = check();
  const act = { kind: "invitationRejected", invitationId } as const;
  await acted(async () => view.operated?.submit(act), { knowsIllegalAction: true, check });
  return {};
}

export function findInvitation(context: Context, invitationId: string) {
  for (const view of context.world.networks()) {
    const invitation = view.invitations.find((each) => each.invitationId === invitationId);
    if (invitation !== undefined) return { view, invitation };
  }
  return undefined;
}

export function findProposal(context: Context, view: NetworkView, proposalId: string): Proposal {
  const proposal = view.state?.proposals.get(proposalId);
  if (proposal !== undefined) return proposal;
  throw notFound(
    `Proposal ${proposalId} not found in network ${view.networkId}.`,
    context.world.arn("proposals", proposalId),
  );
}

/** The act that a request asks for. Invitations get ids that follow from the proposal's. */
export function proposedBy(
  context: Context,
  view: NetworkView,
  input: Pick<Input<"CreateProposal">, "MemberId" | "Tags" | "Description"> &
    Partial<Pick<Input<"CreateProposal">, "Actions">>,
  proposalId: string,
): Proposed {
  const { memberId } = context.actingMember(view, input.MemberId);
  const invitations = input.Actions?.Invitations ?? [];
  const removals = (input.Actions?.Removals ?? []).map((each) => each.MemberId);
  const extras = readProposalTags(input.Tags);
  if (invitations.length + removals.length === 0 && extras.newPolicy === undefined)
    throw invalid("Actions must have at least one invitation or removal.");
  if (new Set(removals).size !== removals.length) throw invalid("Actions.Removals names a member twice.");
  return {
    kind: "proposed",
    proposalId,
    memberId,
    description: input.Description,
    invitations: invitations.map(({ Principal }, index) => ({
      invitationId: freshId("in", [proposalId, String(index)], () => false),
      accountId: Principal,
    })),
    removals,
    tags: { ...input.Tags },
    ...extras,
  };
}

/** A channel that is not there would let the invitation fail only when somebody joins by it. */
export async function checkChannels(
  view: NetworkView,
  tags: Readonly<Record<string, string>> | undefined,
): Promise<void> {
  const { channels } = readProposalTags(tags);
  if (channels?.kind !== "listed" || view.operated === undefined) return;
  const names = (await view.operated.channels()).map(({ name }) => name);
  const missing = channels.names.find((name) => !names.includes(name));
  if (missing === undefined) return;
  const there = names.length === 0 ? "It has none yet." : `It has ${names.join(", ")}.`;
  throw invalid(
    `Tag ${CHANNELS_TAG} names channel ${missing}, which network ${view.networkId} does not have. ${there}`,
  );
}

export function checkRemovals(context: Context, view: NetworkView, removals: readonly string[]): void {
  for (const memberId of removals) context.member(view, memberId);
}

function summaryOf(context: Context, proposal: Proposal) {
  return {
    ProposalId: proposal.proposalId,
    Description: proposal.description ?? null,
    ProposedByMemberId: proposal.proposedBy.memberId,
    ProposedByMemberName: proposal.proposedBy.name,
    Status: proposal.status,
    CreationDate: iso(proposal.createdAt),
    ExpirationDate: iso(proposal.expiresAt),
    Arn: context.world.arn("proposals", proposal.proposalId),
  };
}

export function stateOf(view: NetworkView) {
  if (view.state === undefined) throw notFound(`Network ${view.networkId} has no governance yet.`);
  return view.state;
}
