/** What time alone decides. It needs no record: whoever reads the state says as of when. */
import type { UnixMs } from "@hansa/primitives";
import type { VotingPolicy } from "./acts.js";
import type { GovernanceState, Invitation, Proposal } from "./state.js";
import { electorateOf } from "./tally.js";

/** An undecided proposal is over at `expiresAt` itself: a vote in that millisecond comes too late. */
export function expireProposal(proposal: Proposal, electorate: readonly string[], policy: VotingPolicy): Proposal {
  return { ...proposal, status: "EXPIRED", decidedAt: proposal.expiresAt, electorate, policy };
}

export function expireInvitation(invitation: Invitation): Invitation {
  return { ...invitation, status: "EXPIRED" };
}

/** The state with everything expired that has by now. The same object when nothing has. */
export function asOf(state: GovernanceState, now: UnixMs): GovernanceState {
  const proposals = [...state.proposals.values()].filter((each) => isOver(each, "IN_PROGRESS", now));
  const invitations = [...state.invitations.values()].filter((each) => isOver(each, "PENDING", now));
  if (proposals.length === 0 && invitations.length === 0) return state;
  const next = { ...state, proposals: new Map(state.proposals), invitations: new Map(state.invitations) };
  for (const each of proposals) {
    next.proposals.set(each.proposalId, expireProposal(each, electorateOf(each, state), state.policy));
  }
  for (const each of invitations) next.invitations.set(each.invitationId, expireInvitation(each));
  return next;
}

/** When the next proposal or invitation expires; undefined when none is open. */
export function nextExpiry(state: GovernanceState): UnixMs | undefined {
  let next: UnixMs | undefined;
  const consider = (at: UnixMs) => {
    if (next === undefined || at < next) next = at;
  };
  for (const { status, expiresAt } of state.proposals.values()) if (status === "IN_PROGRESS") consider(expiresAt);
  for (const { status, expiresAt } of state.invitations.values()) if (status === "PENDING") consider(expiresAt);
  return next;
}

function isOver(each: { status: string; expiresAt: UnixMs }, open: string, now: UnixMs): boolean {
  return each.status === open && each.expiresAt <= now;
}
