/** What one knows after a number of records. Plain frozen data: equal records give equal states. */
import type { Bytes, MspId, UnixMs } from "@hansa/primitives";
import type { ChannelChoice, MemberIdentity, Rules, VotingPolicy } from "./acts.js";

export type MemberStatus =
  /** Accepted, not yet on its channels. */
  | "joining"
  | "active"
  /** Could not be admitted. */
  | "failed"
  /** Removed or leaving, still on channels. */
  | "leaving"
  | "left";

export type Member = MemberIdentity & {
  readonly status: MemberStatus;
  readonly joinedAt: UnixMs;
  readonly leftAt?: UnixMs;
  /** The invitation it came by; absent for founders. */
  readonly invitationId?: string;
  /**
   * What it accepted by joining, and stands for as if it had voted YES: invitations that were approved and open, and,
   * with a snapshot electorate, proposals that were open and on which it has no vote.
   */
  readonly standsFor: readonly string[];
  /** Why its admission or its departure did not reach every channel. */
  readonly failure?: string;
};

export type ProposalStatus = "IN_PROGRESS" | "APPROVED" | "REJECTED" | "EXPIRED" | "ACTION_FAILED";

export type Vote = {
  readonly memberId: string;
  readonly memberName: string;
  readonly yes: boolean;
  readonly at: UnixMs;
  /** True once the voter is no member any more: the vote stays in the list and out of the tally. */
  readonly void: boolean;
};

export type Proposal = {
  readonly proposalId: string;
  readonly description?: string;
  readonly proposedBy: { readonly memberId: string; readonly name: string };
  readonly invitations: readonly { readonly invitationId: string; readonly accountId: string }[];
  readonly removals: readonly string[];
  readonly newPolicy?: VotingPolicy;
  readonly tags: Readonly<Record<string, string>>;
  readonly channels?: ChannelChoice;
  readonly createdAt: UnixMs;
  readonly expiresAt: UnixMs;
  readonly status: ProposalStatus;
  readonly decidedAt?: UnixMs;
  /** In the order they were cast. */
  readonly votes: readonly Vote[];
  /**
   * Once decided: who could vote then. While open: with a snapshot electorate, who was a member when it was made, of
   * whom those that left no longer count; otherwise undefined, and every member counts.
   */
  readonly electorate?: readonly string[];
  /** The voting policy that decided it; undefined while open, when the network's own applies. */
  readonly policy?: VotingPolicy;
  /** Why an approved action could not be done. */
  readonly failure?: string;
};

export type InvitationStatus = "PENDING" | "ACCEPTING" | "ACCEPTED" | "REJECTED" | "EXPIRED";

export type Invitation = {
  readonly invitationId: string;
  readonly proposalId: string;
  readonly accountId: string;
  readonly status: InvitationStatus;
  readonly createdAt: UnixMs;
  readonly expiresAt: UnixMs;
  readonly memberId?: string;
};

/** A decision that channels still have to follow. */
export type Enactment = {
  /** "join:<member>", "removal:<proposal>", "leave:<member>", "policy:<proposal>". */
  readonly enactmentId: string;
  readonly kind: "join" | "removal" | "leave" | "policy";
  /** Absent for a departure. For a join the proposal that invited. */
  readonly proposalId?: string;
  /** The invitation that a join answers. */
  readonly invitationId?: string;
  /**
   * Who comes or goes; empty for a policy. All that one proposal removes go in one update per channel: one after the
   * other, the votes of those gone first would be missing under the updates that follow.
   */
  readonly memberIds: readonly string[];
  readonly admits: readonly { readonly mspId: MspId; readonly mspConfig: Bytes }[];
  readonly removes: readonly MspId[];
  /** The policy that channels are to have afterwards. */
  readonly policy: VotingPolicy;
  /** For a join. Removals and policies concern every channel that has the member, or every channel. */
  readonly channels: ChannelChoice;
  /** Members whose keys may sign it, as of now, in the order of their ids. */
  readonly signers: readonly string[];
};

export type GovernanceState = {
  readonly networkId: string;
  readonly name: string;
  readonly description?: string;
  readonly frameworkVersion: string;
  readonly edition: "STARTER" | "STANDARD";
  readonly status: "AVAILABLE" | "DELETED";
  readonly foundedAt: UnixMs;
  readonly deletedAt?: UnixMs;
  readonly policy: VotingPolicy;
  readonly rules: Rules;
  readonly channels: ChannelChoice;
  readonly operatorIdentity: Bytes;
  readonly operatorMspConfig: Bytes;
  /** In the order they joined; those that left stay in the list. */
  readonly members: ReadonlyMap<string, Member>;
  readonly proposals: ReadonlyMap<string, Proposal>;
  readonly invitations: ReadonlyMap<string, Invitation>;
  /** To be carried out in this order. */
  readonly enactments: readonly Enactment[];
  /** Time of the newest record; the network's time is never before it. */
  readonly time: UnixMs;
};
