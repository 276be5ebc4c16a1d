/** What becomes of members, proposals and the voting policy once channels have followed a decision, or could not. */
import type { UnixMs } from "@hansa/primitives";
import type { Enacted } from "./acts.js";
import { ALL_CHANNELS, type Draft } from "./draft.js";
import type { Enactment, Invitation, Member, Proposal } from "./state.js";
import { isSamePolicy } from "./tally.js";

/** A member leaves wherever it is. Nobody votes on it. */
export function departure(memberId: string, mspId: string) {
  return {
    enactmentId: `leave:${memberId}`,
    kind: "leave" as const,
    memberIds: [memberId],
    admits: [],
    removes: [mspId],
    channels: ALL_CHANNELS,
  };
}

/** Channels followed what was decided, or, where the act names a failure, not all of them did. */
export function carriedOut(draft: Draft, enactment: Enactment, act: Enacted, now: UnixMs): void {
  draft.dequeue(enactment.enactmentId);
  OUTCOMES[enactment.kind](draft, enactment, act, now);
}

const OUTCOMES = { join: joined, removal: removed, leave: departed, policy: policyChanged } as const;

function joined(draft: Draft, enactment: Enactment, { failure, channels }: Enacted, now: UnixMs): void {
  const [memberId, invitationId] = [enactment.memberIds[0] as string, enactment.invitationId as string];
  const member = draft.members.get(memberId) as Member;
  const { memberId: _, ...invitation } = draft.invitations.get(invitationId) as Invitation;
  if (failure === undefined) {
    draft.setInvitation({ ...invitation, status: "ACCEPTED", memberId });
    if (member.status === "joining") draft.setMember(memberId, { status: "active" });
    return;
  }
  draft.fail(enactment.proposalId as string, failure);
  draft.setInvitation({ ...invitation, status: invitation.expiresAt <= now ? "EXPIRED" : "PENDING" });
  // One that was voted out meanwhile is on its way out of the channels that took it in.
  if (member.status !== "joining") {
    draft.setMember(memberId, { failure });
    return;
  }
  draft.setMember(memberId, { status: "failed", failure });
  if (channels.length > 0) draft.enqueue(departure(memberId, member.mspId));
  draft.membershipChanged();
}

function removed(draft: Draft, enactment: Enactment, { failure }: Enacted, now: UnixMs): void {
  for (const id of enactment.memberIds) {
    // It stays a member, so that a new proposal can finish what this one could not.
    if (failure === undefined) draft.setMember(id, { status: "left", leftAt: now });
    else draft.setMember(id, { status: "active", failure });
  }
  if (failure === undefined) return;
  draft.fail(enactment.proposalId as string, failure);
  draft.membershipChanged();
}

function departed(draft: Draft, enactment: Enactment, { failure }: Enacted, now: UnixMs): void {
  const id = enactment.memberIds[0] as string;
  const reason = failure === undefined ? {} : { failure };
  const isFailed = draft.members.get(id)?.status === "failed";
  draft.setMember(id, isFailed ? reason : { status: "left", leftAt: now, ...reason });
}

function policyChanged(draft: Draft, enactment: Enactment, { failure, channels }: Enacted): void {
  if (failure === undefined) return;
  const proposal = draft.proposals.get(enactment.proposalId as string) as Proposal;
  draft.fail(proposal.proposalId, failure);
  const before = proposal.policy;
  // Where a channel follows the new policy, or another one was voted since, there is no way back to the old.
  if (before === undefined || channels.length > 0 || !isSamePolicy(draft.policy, proposal.newPolicy)) return;
  draft.revertPolicy(before);
}
