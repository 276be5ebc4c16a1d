/** Counting votes, in integers only: no percentage is ever rounded. */
import type { VotingPolicy } from "./acts.js";
import type { GovernanceState, Member, Proposal } from "./state.js";

export type Tally = {
  readonly yes: number;
  readonly no: number;
  readonly outstanding: number;
  /** How many can vote: yes + no + outstanding. */
  readonly base: number;
  /** YES votes that approve it. One more than the base when no number of votes can. */
  readonly needed: number;
};

/** YES votes out of `base` that satisfy the policy: 0 to base + 1. */
export function votesNeeded(policy: VotingPolicy, base: number): number {
  const share = base * policy.thresholdPercentage;
  return policy.comparator === "GREATER_THAN" ? Math.floor(share / 100) + 1 : Math.ceil(share / 100);
}

/**
 * How many of a channel's n members must sign a change of its membership: what the voting policy asks, held within
 * 1 and n, since a channel's policy of none or of more than all would be open to everybody or to nobody.
 */
export function signaturesNeeded(policy: VotingPolicy, members: number): number {
  return Math.max(1, Math.min(members, votesNeeded(policy, members)));
}

export function isSamePolicy(a: VotingPolicy | undefined, b: VotingPolicy | undefined): boolean {
  return (
    a?.thresholdPercentage === b?.thresholdPercentage &&
    a?.comparator === b?.comparator &&
    a?.proposalDurationHours === b?.proposalDurationHours
  );
}

/** Whether a member counts and votes: from its acceptance until it is removed or leaves. */
export function isPresent(member: Member | undefined): boolean {
  return member !== undefined && (member.status === "joining" || member.status === "active");
}

/** Who can vote on a proposal, or could when it was decided. In the order they joined. */
export function electorateOf(proposal: Proposal, state: Pick<GovernanceState, "members">): readonly string[] {
  if (proposal.status !== "IN_PROGRESS") return proposal.electorate ?? [];
  const candidates = proposal.electorate ?? [...state.members.keys()];
  return candidates.filter((id) => isPresent(state.members.get(id)));
}

export function tally(proposal: Proposal, state: Pick<GovernanceState, "members" | "policy">): Tally {
  return count(proposal, electorateOf(proposal, state).length, proposal.policy ?? state.policy);
}

export function count(proposal: Proposal, base: number, policy: VotingPolicy): Tally {
  let yes = 0;
  let no = 0;
  for (const vote of proposal.votes) {
    if (vote.void) continue;
    if (vote.yes) yes += 1;
    else no += 1;
  }
  return { yes, no, outstanding: base - yes - no, base, needed: votesNeeded(policy, base) };
}

/**
 * What the votes so far decide; undefined while they decide nothing.
 *
 * Nothing is decided before the first vote, so that ">= 0 %" does not pass by itself. Rejection is where approval is out
 * of reach; or, with "no-share", where the share of NO itself satisfies the comparator or all have voted.
 */
export function outcomeOf(counted: Tally, rejection: "unreachable" | "no-share"): "APPROVED" | "REJECTED" | undefined {
  const { yes, no, outstanding, needed } = counted;
  if (yes + no === 0) return undefined;
  if (yes >= needed) return "APPROVED";
  const rejected = rejection === "unreachable" ? yes + outstanding < needed : no >= needed || outstanding === 0;
  return rejected ? "REJECTED" : undefined;
}
