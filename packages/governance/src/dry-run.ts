/** What a proposal would come to, before anybody makes it. */
import type { ChannelChoice, Proposed, VotingPolicy } from "./acts.js";
import type { GovernanceRefusal } from "./error.js";
import { fold } from "./fold.js";
import type { Enactment, GovernanceState, Proposal, ProposalStatus } from "./state.js";
import { electorateOf, outcomeOf, type Tally, tally } from "./tally.js";

export type DryRun =
  /** It could not be made at all. */
  | { readonly ok: false; readonly refusal: GovernanceRefusal }
  | {
      readonly ok: true;
      /** Who could vote. */
      readonly voters: readonly { readonly memberId: string; readonly name: string }[];
      /** Before any vote: base and votes needed. */
      readonly tally: Tally;
      /** Fewest YES votes that approve it; undefined when no votes can. */
      readonly yesToPass: number | undefined;
      /** Fewest NO votes that reject it; undefined when none can while others have yet to vote. */
      readonly noToReject: number | undefined;
      /** What the assumed votes come to. */
      readonly outcome: ProposalStatus;
      /** What channels would have to follow at once if it passed: removals and policies. */
      readonly enactments: readonly Enactment[];
      /** What would wait for an answer if it passed. */
      readonly invitations: readonly { readonly accountId: string; readonly channels: ChannelChoice }[];
      /** In force if it passed. */
      readonly policy: VotingPolicy;
      /** Member ids that would be left if it passed, invitations aside. */
      readonly remaining: readonly string[];
      readonly warnings: readonly string[];
    };

/**
 * @param assumed votes to try, in this order, by member id; votes after the decision are left out
 * @returns a refusal when the proposal or an assumed vote is not allowed
 */
export function dryRun(
  state: GovernanceState,
  proposed: Proposed,
  assumed: readonly { readonly memberId: string; readonly yes: boolean }[] = [],
): DryRun {
  const made = fold(state, proposed, state.time);
  if (!made.ok) return made;
  const { proposalId } = proposed;
  const proposalIn = (each: GovernanceState) => each.proposals.get(proposalId) as Proposal;
  let current = made.state;
  for (const vote of assumed) {
    if (proposalIn(current).status !== "IN_PROGRESS") break;
    const voted = fold(current, { kind: "voted", proposalId, ...vote }, current.time);
    if (!voted.ok) return voted;
    current = voted.state;
  }
  const proposal = proposalIn(made.state);
  const voters = electorateOf(proposal, made.state);
  const counted = tally(proposal, made.state);
  const passed = carriedBy(made.state, proposalId, voters);
  const before = new Set(state.enactments.map((each) => each.enactmentId));
  return {
    ok: true,
    voters: voters.map((memberId) => ({ memberId, name: made.state.members.get(memberId)?.name ?? memberId })),
    tally: counted,
    yesToPass: counted.needed > counted.base ? undefined : Math.max(1, counted.needed),
    noToReject: fewestNo(counted, state.rules.rejection),
    outcome: proposalIn(current).status,
    enactments: passed?.enactments.filter((each) => !before.has(each.enactmentId)) ?? [],
    invitations:
      passed === undefined
        ? []
        : proposed.invitations.map(({ accountId }) => ({ accountId, channels: proposed.channels ?? state.channels })),
    policy: passed?.policy ?? state.policy,
    remaining: remainingIn(passed ?? state),
    warnings: warningsFor(state, proposed, counted, passed),
  };
}

/** The state after YES votes until it is approved. */
function carriedBy(state: GovernanceState, proposalId: string, voters: readonly string[]): GovernanceState | undefined {
  let current = state;
  for (const memberId of voters) {
    const voted = fold(current, { kind: "voted", proposalId, memberId, yes: true }, current.time);
    if (!voted.ok) return undefined;
    current = voted.state;
    const status = current.proposals.get(proposalId)?.status;
    if (status !== "IN_PROGRESS") return status === "APPROVED" ? current : undefined;
  }
  return undefined;
}

function fewestNo({ base, needed }: Tally, rejection: "unreachable" | "no-share"): number | undefined {
  for (let no = 1; no <= base; no++) {
    const outcome = outcomeOf({ yes: 0, no, outstanding: base - no, base, needed }, rejection);
    if (outcome === "REJECTED") return no;
    if (outcome === "APPROVED") return undefined;
  }
  return undefined;
}

function remainingIn(state: GovernanceState): string[] {
  return [...state.members.values()]
    .filter(({ status }) => status === "active" || status === "joining")
    .map(({ memberId }) => memberId);
}

function warningsFor(
  state: GovernanceState,
  proposed: Proposed,
  { base, needed }: Tally,
  passed: GovernanceState | undefined,
): string[] {
  const warnings: string[] = [];
  const { memberLimit } = state.rules;
  if (needed > base) {
    warnings.push(`It can never pass: ${describePolicy(state.policy)} asks for more votes than there are members.`);
  }
  if (needed === 0) warnings.push("It passes on any vote, even a NO; with no YES nobody signs what follows from it.");
  if (proposed.newPolicy !== undefined) warnings.push(...policyWarnings(proposed.newPolicy));
  if (passed?.status === "DELETED") warnings.push("It removes every member: the network would be deleted.");
  else if (proposed.removals.includes(proposed.memberId)) warnings.push("It removes the member that proposes it.");
  const after = remainingIn(passed ?? state).length + proposed.invitations.length;
  if (memberLimit > 0 && proposed.invitations.length > 0 && after > memberLimit) {
    warnings.push(`Not all invited could join: the network's limit is ${memberLimit} members.`);
  }
  return warnings;
}

function policyWarnings({ thresholdPercentage: percentage, comparator }: VotingPolicy): string[] {
  if (percentage === 100 && comparator === "GREATER_THAN") {
    return ["After it no proposal can ever pass, not even one to change the policy back."];
  }
  if (percentage === 0 && comparator === "GREATER_THAN_OR_EQUAL_TO") {
    return ["After it every proposal passes on its first vote, even on a NO."];
  }
  return [];
}

/** As "more than 50 %" or "at least 50 %". */
export function describePolicy({ thresholdPercentage, comparator }: VotingPolicy): string {
  return `${comparator === "GREATER_THAN" ? "more than" : "at least"} ${thresholdPercentage} %`;
}
