/** A proposal as a person reads it. */
import type { NetworkScope } from "../api/session.js";
import type {
  ChannelChanges,
  MemberSummary,
  Network,
  Proposal,
  ProposalDetails,
  ThresholdPolicy,
} from "../api/shapes.js";
import { bar, policyInWords } from "../api/tally.js";
import { type Paint, table } from "../output.js";

/** A proposal with what Hansa knows beyond the service's answer. */
export type ShownProposal = {
  readonly proposal: Proposal;
  readonly details: ProposalDetails;
  readonly policy: ThresholdPolicy;
  readonly names: Readonly<Record<string, string>>;
};

export async function readProposal(scope: NetworkScope, proposalId: string): Promise<ShownProposal> {
  const { client } = scope.account;
  const at = `${scope.path}/proposals/${encodeURIComponent(proposalId)}`;
  const [{ Proposal: proposal }, details, policy, members] = await Promise.all([
    client.call<{ Proposal: Proposal }>({ method: "GET", path: at }),
    client.call<ProposalDetails>({ method: "GET", path: `/hansa${at}` }),
    policyOf(scope),
    client.list<MemberSummary>(`${scope.path}/members`, "Members"),
  ]);
  return { proposal, details, policy, names: Object.fromEntries(members.map(({ Id, Name }) => [Id, Name])) };
}

export function proposalInWords({ proposal, details, policy, names }: ShownProposal, paint: Paint): string {
  const { Yes: yes, No: no, Base: members, Needed: needed } = details.Tally;
  const newPolicy = details.NewVotingPolicy?.ApprovalThresholdPolicy;
  const acts = [
    ...(proposal.Actions.Invitations ?? []).map(({ Principal }) => `invite account ${Principal}`),
    ...(proposal.Actions.Removals ?? []).map(({ MemberId }) => `remove ${names[MemberId] ?? MemberId}`),
    ...(newPolicy ? [`from then on, pass with ${policyInWords(newPolicy)}`] : []),
  ];
  const reason = details.StatusReason ? `: ${details.StatusReason}` : "";
  const lines = table([
    ["proposal", proposal.ProposalId],
    ["by", proposal.ProposedByMemberName],
    ...(proposal.Description ? [["why", proposal.Description]] : []),
    ["what", acts.join(", ")],
    ...(details.Channels ? [["channels", details.Channels]] : []),
    ["status", `${proposal.Status}${reason}`],
    ["open until", proposal.ExpirationDate],
    ["passes with", policyInWords(policy)],
  ]);
  const bars = `\n${paint.green(bar("YES", yes, members, needed))}\n${paint.red(bar("NO", no, members))}\n`;
  const votes = details.Votes.map(
    ({ Vote, MemberName, Void }) => `${Vote.padEnd(3)} ${MemberName}${Void ? " (no member any more)" : ""}\n`,
  );
  const waiting =
    proposal.Status === "IN_PROGRESS" && details.YetToVote.length > 0
      ? `yet to vote: ${details.YetToVote.map(({ MemberName }) => MemberName).join(", ")}\n`
      : "";
  return `${lines}${bars}${votes.length === 0 ? "" : `\n${votes.join("")}`}${waiting}${changesInWords(details.Changes)}`;
}

/** What channels' configurations would become. */
export function changesInWords(changes: readonly ChannelChanges[]): string {
  const parts = changes.map(({ ChannelId, Changes }) =>
    Changes.length === 0
      ? `channel ${ChannelId} stays as it is\n`
      : `channel ${ChannelId}:\n${Changes.map((line) => `  ${line}\n`).join("")}`,
  );
  return parts.length === 0 ? "" : `\nIf it passes:\n${parts.join("")}`;
}

export async function policyOf({ account, path }: NetworkScope): Promise<ThresholdPolicy> {
  const { Network: network } = await account.client.call<{ Network: Network }>({ method: "GET", path });
  return network.VotingPolicy.ApprovalThresholdPolicy;
}
