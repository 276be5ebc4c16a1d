/**
 * Whose governance keys may sign what a decision makes of a channel.
 *
 * A YES vote authorises the signature under what was voted on. A member that joined later accepted what stood open
 * then. A departure needs no vote: the leaver gave its consent by leaving, and the others have none to refuse, those
 * that are leaving themselves included.
 */
import type { Enactment, GovernanceState, Member } from "./state.js";
import { isPresent } from "./tally.js";

/** Ids in their order. A member whose departure waits to be carried out still has its key; one that is out has not. */
export function signersOf(
  enactment: Omit<Enactment, "signers" | "policy">,
  state: Pick<GovernanceState, "members" | "proposals">,
): readonly string[] {
  const signers = [...state.members.values()].filter((member) => signs(member, enactment, state));
  return signers.map((member) => member.memberId).sort();
}

function signs(
  member: Member,
  enactment: Omit<Enactment, "signers" | "policy">,
  state: Pick<GovernanceState, "proposals">,
): boolean {
  const { proposalId, invitationId } = enactment;
  if (!isPresent(member) && member.status !== "leaving") return false;
  if (enactment.kind === "leave") return true;
  const { memberId, standsFor } = member;
  if (proposalId === undefined) return false;
  if (standsFor.includes(proposalId) || (invitationId !== undefined && standsFor.includes(invitationId))) return true;
  const votes = state.proposals.get(proposalId)?.votes ?? [];
  return votes.some((vote) => vote.memberId === memberId && vote.yes && !vote.void);
}
