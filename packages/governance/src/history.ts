/** What happened, and why somebody is a member, in words. */
import type { UnixMs } from "@hansa/primitives";
import type { Act, ChannelChoice, VotingPolicy } from "./acts.js";
import { describePolicy } from "./dry-run.js";
import type { GovernanceState, Member, Proposal } from "./state.js";
import { tally } from "./tally.js";

export type HistoryLine = {
  readonly at: UnixMs;
  readonly text: string;
  /** Ids of the members, proposals and invitations that it is about. */
  readonly about: readonly string[];
};

/**
 * Everything a state remembers, oldest first.
 * @param about only lines about this member, proposal or invitation
 */
export function history(state: GovernanceState, about?: string): readonly HistoryLine[] {
  const lines: HistoryLine[] = [];
  const say = (at: UnixMs | undefined, text: string, ...ids: (string | undefined)[]) => {
    if (at !== undefined) lines.push({ at, text, about: ids.filter((id) => id !== undefined) });
  };
  const founders = [...state.members.values()].filter((member) => member.invitationId === undefined);
  say(
    state.foundedAt,
    `Network ${state.name} was founded by ${listed(founders.map((each) => each.name))}.`,
    state.networkId,
    ...founders.map((each) => each.memberId),
  );
  for (const proposal of state.proposals.values()) {
    const { proposalId, proposedBy, votes, decidedAt, failure } = proposal;
    const ids = [proposalId, ...proposal.removals, ...proposal.invitations.map((each) => each.invitationId)];
    say(proposal.createdAt, `${proposedBy.name} proposed ${actionsOf(proposal, state)}.`, proposedBy.memberId, ...ids);
    for (const vote of votes) {
      const weight = vote.void ? " The vote is void: the voter is no member any more." : "";
      say(vote.at, `${vote.memberName} voted ${yesNo(vote.yes)} on ${proposalId}.${weight}`, vote.memberId, proposalId);
    }
    say(decidedAt, decisionOf(proposal, state), ...ids);
    if (failure !== undefined) say(decidedAt, `It could not be carried out: ${failure}.`, ...ids);
  }
  for (const invitation of state.invitations.values()) {
    const { invitationId, proposalId, expiresAt, accountId } = invitation;
    const text = `The invitation of account ${accountId} (${invitationId}) expired.`;
    const at = Math.min(expiresAt, state.deletedAt ?? expiresAt) as UnixMs;
    if (invitation.status === "EXPIRED") say(at, text, invitationId, proposalId);
  }
  for (const member of state.members.values()) {
    const { memberId, name, invitationId, failure } = member;
    if (invitationId !== undefined) {
      say(member.joinedAt, `${name} accepted invitation ${invitationId} and joined.`, memberId, invitationId);
    }
    const reason = failure === undefined ? "" : `, though not on every channel: ${failure}`;
    say(member.leftAt, `${name} was out of the network${reason}.`, memberId);
  }
  say(state.deletedAt, "The last member was out, and the network was deleted.", state.networkId);
  const told = about === undefined ? lines : lines.filter((line) => line.about.includes(about));
  return told.sort((a, b) => a.at - b.at);
}

/** Why somebody is a member, was one, or is none, in one paragraph. */
export function explainMember(state: GovernanceState, memberId: string): string {
  const member = state.members.get(memberId);
  if (member === undefined) return `There is no member ${memberId} in network ${state.networkId}, nor was there one.`;
  return [originOf(member, state), standingOf(member, state), stakeOf(member)].filter((text) => text !== "").join(" ");
}

function originOf(member: Member, state: GovernanceState): string {
  const invitation = member.invitationId === undefined ? undefined : state.invitations.get(member.invitationId);
  const proposal = invitation && state.proposals.get(invitation.proposalId);
  const who = `${member.name} (${member.memberId}, account ${member.accountId})`;
  if (invitation === undefined || proposal === undefined) {
    return `${who} is a founder: the record that founded the network at ${iso(member.joinedAt)} names it.`;
  }
  return (
    `${who} was invited by proposal ${proposal.proposalId} of ${proposal.proposedBy.name}, ` +
    `approved at ${iso(proposal.decidedAt ?? proposal.createdAt)} ${votesOf(proposal)}, ` +
    `and accepted invitation ${invitation.invitationId} at ${iso(member.joinedAt)}.`
  );
}

function standingOf(member: Member, state: GovernanceState): string {
  const { memberId, status, leftAt, failure } = member;
  const removal = [...state.proposals.values()].filter(
    (each) => each.removals.includes(memberId) && (each.status === "APPROVED" || each.status === "ACTION_FAILED"),
  );
  const cause = removal
    .map((each) => `proposal ${each.proposalId} of ${each.proposedBy.name}, ${votesOf(each)}`)
    .join("; then by ");
  switch (status) {
    case "joining":
      return "Channels are still taking it in.";
    case "active":
      return failure === undefined
        ? "It is a member."
        : `It is still a member, though it was voted out by ${cause}: that could not be carried out (${failure}).`;
    case "failed":
      return `It is no member: it could not be admitted (${failure}).`;
    case "leaving":
      return cause === "" ? "It is leaving by its own act." : `It is being removed by ${cause}.`;
    case "left": {
      const way = cause === "" ? "left by its own act" : `was removed by ${cause}`;
      return `It ${way}, and was out at ${iso(leftAt ?? state.time)}.`;
    }
  }
}

function stakeOf({ standsFor }: Member): string {
  return standsFor.length === 0 ? "" : `By joining it accepted what stood open: ${standsFor.join(", ")}.`;
}

function votesOf(proposal: Proposal): string {
  const names = (yes: boolean) =>
    proposal.votes.filter((vote) => vote.yes === yes && !vote.void).map((vote) => vote.memberName);
  const [yes, no] = [names(true), names(false)];
  const parts = [yes.length > 0 ? `with YES by ${listed(yes)}` : "", no.length > 0 ? `NO by ${listed(no)}` : ""];
  return parts.filter((part) => part !== "").join(" and ") || "without votes";
}

function decisionOf(proposal: Proposal, state: GovernanceState): string {
  const { proposalId, status } = proposal;
  const { yes, no, base, needed } = tally(proposal, state);
  const word = status === "ACTION_FAILED" ? "APPROVED" : status;
  return `Proposal ${proposalId} was ${word}: ${yes} YES and ${no} NO of ${base}, ${needed} needed.`;
}

/**
 * One act in words, as a line of a log.
 * @param state what was known before it; names come from there
 */
export function describeAct(state: GovernanceState | undefined, act: Act): string {
  const name = (id: string) => state?.members.get(id)?.name ?? id;
  switch (act.kind) {
    case "founded":
      return `network ${act.name} (${act.networkId}) founded by ${listed(act.members.map((each) => each.name))}; ${policyText(act.policy)}`;
    case "proposed":
      return `${name(act.memberId)} proposes ${actionsOf(act, state)} (${act.proposalId})`;
    case "voted":
      return `${name(act.memberId)} votes ${yesNo(act.yes)} on ${act.proposalId}`;
    case "invitationAccepted":
      return `${act.member.name} (${act.member.memberId}) of account ${act.member.accountId} accepts ${act.invitationId}`;
    case "invitationRejected":
      return `${act.invitationId} is rejected`;
    case "left":
      return `${name(act.memberId)} leaves`;
    case "enacted": {
      const where = act.channels.map(({ channelId, blockNumber }) => `${channelId} block ${blockNumber}`);
      const places = where.length === 0 ? "no channel had to change" : listed(where);
      return act.failure === undefined
        ? `${act.enactmentId} is carried out: ${places}`
        : `${act.enactmentId} fails: ${act.failure}${where.length === 0 ? "" : ` (done: ${places})`}`;
    }
    case "clockAdvanced":
      return `the clock moves to ${iso(act.to)}`;
  }
}

function actionsOf(
  proposal: Pick<Proposal, "invitations" | "removals" | "newPolicy" | "channels">,
  state: GovernanceState | undefined,
): string {
  const actions = [
    ...proposal.invitations.map((each) => `to invite account ${each.accountId}`),
    ...proposal.removals.map((id) => `to remove ${state?.members.get(id)?.name ?? id}`),
    ...(proposal.newPolicy === undefined ? [] : [`a new voting policy, ${policyText(proposal.newPolicy)}`]),
  ];
  return listed(actions) + (proposal.channels === undefined ? "" : ` on ${channelsText(proposal.channels)}`);
}

function policyText(policy: VotingPolicy): string {
  return `${describePolicy(policy)} of the members within ${policy.proposalDurationHours} h`;
}

function channelsText(choice: ChannelChoice): string {
  if (choice.kind === "listed") return `channels ${listed(choice.names)}`;
  return choice.kind === "all" ? "all channels" : "no channel";
}

function listed(items: readonly string[]): string {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

function yesNo(yes: boolean): string {
  return yes ? "YES" : "NO";
}

function iso(at: UnixMs): string {
  return new Date(at).toISOString();
}
