/** What Hansa adds under /hansa: dry runs, the details behind a vote, the clock, and who the caller is. */
import { dryRun, electorateOf, explainMember, history, type Proposal, tally } from "@hansa/governance";
import { unixMs } from "@hansa/primitives";
import { fromRefusal, invalid, notFound } from "../errors.js";
import type { Input } from "../input/inputs.js";
import { mayPass } from "../jobs.js";
import { type Answer, acted, type Context, freshId, iso } from "./context.js";
import { policyAnswer } from "./networks.js";
import { findProposal, proposedBy, stateOf } from "./proposals.js";

export async function whoAmI({ caller, world }: Context): Promise<Answer> {
  const { region, quotas, createDelayMs } = world.settings;
  return {
    AccountId: caller.accountId,
    Name: caller.name ?? null,
    Region: region,
    Quotas: quotas,
    CreateDelayMs: createDelayMs,
  };
}

/** Nothing is written: the rules are asked what would come of it. */
export async function dryRunProposal(context: Context, input: Input<"DryRunProposal">): Promise<Answer> {
  const view = context.readyNetwork(input.networkId);
  const state = stateOf(view);
  const proposed = proposedBy(
    context,
    view,
    input,
    freshId("p", ["dry run"], () => false),
  );
  const assumed = (input.AssumedVotes ?? []).map(({ MemberId, Vote }) => ({ memberId: MemberId, yes: Vote === "YES" }));
  const result = dryRun({ ...state, time: view.now }, proposed, assumed);
  if (!result.ok) throw fromRefusal(result.refusal, false);
  const channels = (await view.operated?.preview(proposed)) ?? [];
  return {
    Voters: result.voters.map(({ memberId, name }) => ({
      MemberId: memberId,
      Name: name,
      IsOwned: view.member(memberId)?.accountId === context.accountId,
    })),
    VotesNeeded: result.tally.needed,
    VotesPossible: result.tally.base,
    YesToPass: result.yesToPass ?? null,
    NoToReject: result.noToReject ?? null,
    Outcome: result.outcome,
    VotingPolicy: policyAnswer(result.policy),
    RemainingMembers: result.remaining,
    Invitations: result.invitations.map(({ accountId, channels: choice }) => ({
      Principal: accountId,
      Channels: wordsOf(choice),
    })),
    Channels: channels.map(({ channelId, changes }) => ({ ChannelId: channelId, Changes: changes })),
    Warnings: result.warnings,
  };
}

export async function describeNetwork(context: Context, input: Input<"DescribeNetwork">): Promise<Answer> {
  const view = context.network(input.networkId);
  const { state } = view;
  const channels = await ifItAnswers(async () => view.operated?.channels());
  return {
    NetworkId: view.networkId,
    Name: view.name,
    Status: view.status,
    StatusReason: view.row?.reason ?? null,
    Now: iso(view.now),
    SimulatedClock: state?.rules.simulatedClock ?? view.row?.simulatedClock ?? false,
    VotingPolicy: view.policy && policyAnswer(view.policy),
    Rules: state && {
      Electorate: state.rules.electorate,
      Rejection: state.rules.rejection,
      MemberLimit: state.rules.memberLimit,
      Channels: wordsOf(state.channels),
    },
    Members: view.members.map(({ memberId, name, status, accountId, member, row }) => ({
      Id: memberId,
      Name: name,
      Status: status,
      StatusReason: member?.failure ?? (accountId === context.accountId ? row?.reason : undefined) ?? null,
      MspId: member?.mspId ?? null,
      IsOwned: accountId === context.accountId,
    })),
    Channels: channels.map((channel) => ({ ChannelId: channel.name, Members: channel.members })),
    Enactments: (state?.enactments ?? []).map(({ enactmentId, proposalId, memberIds }) => ({
      EnactmentId: enactmentId,
      ProposalId: proposalId ?? null,
      MemberIds: memberIds,
    })),
  };
}

export async function describeProposal(context: Context, input: Input<"DescribeProposal">): Promise<Answer> {
  const view = context.network(input.networkId);
  const state = stateOf(view);
  const proposal = findProposal(context, view, input.proposalId);
  const { yes, no, outstanding, base, needed } = tally(proposal, state);
  const voted = new Set(proposal.votes.map(({ memberId }) => memberId));
  const nameOf = (memberId: string) => state.members.get(memberId)?.name ?? memberId;
  return {
    ProposalId: proposal.proposalId,
    NetworkId: view.networkId,
    Status: proposal.status,
    StatusReason: proposal.failure ?? null,
    CreationDate: iso(proposal.createdAt),
    ExpirationDate: iso(proposal.expiresAt),
    DecisionDate: proposal.decidedAt === undefined ? null : iso(proposal.decidedAt),
    Tally: { Yes: yes, No: no, Outstanding: outstanding, Base: base, Needed: needed },
    Votes: proposal.votes.map((vote) => ({
      MemberId: vote.memberId,
      MemberName: vote.memberName,
      Vote: vote.yes ? "YES" : "NO",
      Date: iso(vote.at),
      Void: vote.void,
    })),
    YetToVote: electorateOf(proposal, state)
      .filter((memberId) => !voted.has(memberId))
      .map((memberId) => ({ MemberId: memberId, MemberName: nameOf(memberId) })),
    NewVotingPolicy: proposal.newPolicy === undefined ? null : policyAnswer(proposal.newPolicy),
    Channels: proposal.channels === undefined ? null : wordsOf(proposal.channels),
    Changes: await changesOf(context, input.networkId, proposal),
    History: history(state, proposal.proposalId).map(({ at, text }) => ({ Date: iso(at), Text: text })),
  };
}

export async function explain(context: Context, input: Input<"ExplainMember">): Promise<Answer> {
  const view = context.network(input.networkId);
  const state = stateOf(view);
  if (!state.members.has(input.memberId))
    throw notFound(`Member ${input.memberId} not found in network ${view.networkId}.`);
  return {
    MemberId: input.memberId,
    Explanation: explainMember(state, input.memberId),
    History: history(state, input.memberId).map(({ at, text }) => ({ Date: iso(at), Text: text })),
  };
}

/** Moves the network's own time forward; only where it was founded with a simulated clock. */
export async function advanceClock(context: Context, input: Input<"AdvanceClock">): Promise<Answer> {
  const to = readTime(input.To, "To");
  const check = () => {
    const view = context.readyNetwork(input.networkId);
    if (view.membersOf(context.accountId).length > 0) return view;
    throw invalid(`Account ${context.accountId} has no member in network ${view.networkId}.`);
  };
  const view = check();
  await acted(async () => view.operated?.submit({ kind: "clockAdvanced", to: unixMs(to) }), { check });
  return { Now: iso(context.world.now(view.networkId)) };
}

/** RFC 3339 with an offset or Z. */
export function readTime(text: string, name: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (!Number.isFinite(ms)) throw invalid(`${name} must be a time like 2026-01-02T03:04:05Z, not "${text}".`);
  return ms;
}

/** What channels would change if an open proposal passed now. Nothing to say once it is decided. */
async function changesOf(context: Context, networkId: string, proposal: Proposal) {
  const operated = context.world.settings.operator.network(networkId);
  if (proposal.status !== "IN_PROGRESS" || operated === undefined) return [];
  const previewed = await ifItAnswers(() => operated.preview(proposal));
  return previewed.map(({ channelId, changes }) => ({ ChannelId: channelId, Changes: changes }));
}

/** A network that is stopped has nothing to say; what governance knows can be shown all the same. */
async function ifItAnswers<T>(ask: () => Promise<readonly T[] | undefined>): Promise<readonly T[]> {
  try {
    return (await ask()) ?? [];
  } catch (error) {
    if (mayPass(error)) return [];
    throw error;
  }
}

function wordsOf(
  choice: { readonly kind: "all" | "none" } | { readonly kind: "listed"; readonly names: readonly string[] },
) {
  return choice.kind === "listed" ? choice.names.join(" ") : choice.kind;
}
