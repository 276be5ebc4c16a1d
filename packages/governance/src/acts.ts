/** What members and the operator can do, as the fold sees it. Bytes are in records.ts, rules in fold.ts. */
import type { Bytes, MspId, UnixMs } from "@hansa/primitives";

export type Comparator = "GREATER_THAN" | "GREATER_THAN_OR_EQUAL_TO";

export type VotingPolicy = {
  /** 0 to 100, of all members. */
  readonly thresholdPercentage: number;
  readonly comparator: Comparator;
  /** 1 to 168. An invitation lives as long as a proposal. */
  readonly proposalDurationHours: number;
};

/** Choices where the managed service says nothing; each network makes them once, when it is founded. */
export type Rules = {
  /** Whose votes count: members when the tally is taken, or members when the proposal was made. Default "live". */
  readonly electorate: "live" | "snapshot";
  /** A proposal is rejected when approval is out of reach, or when NO itself satisfies the comparator. Default "unreachable". */
  readonly rejection: "unreachable" | "no-share";
  /** Most members at a time; 0: no limit. */
  readonly memberLimit: number;
  /** Whether the operator may move the network's clock. Default false. */
  readonly simulatedClock: boolean;
};

/** Which channels a member enters when it joins. */
export type ChannelChoice =
  | { readonly kind: "all" }
  | { readonly kind: "none" }
  | { readonly kind: "listed"; readonly names: readonly string[] };

export type MemberIdentity = {
  /** "m-" and 26 base32 characters. */
  readonly memberId: string;
  readonly name: string;
  readonly description?: string;
  /** 12 digits. */
  readonly accountId: string;
  readonly mspId: MspId;
  /** msp.MSPConfig: the member's root certificates. */
  readonly mspConfig: Bytes;
  /** msp.SerializedIdentity, admin role: the key that signs the member's acts. */
  readonly governanceIdentity: Bytes;
};

export type Founded = {
  readonly kind: "founded";
  /** "n-" and 26 base32 characters. */
  readonly networkId: string;
  readonly name: string;
  readonly description?: string;
  readonly frameworkVersion: string;
  readonly edition: "STARTER" | "STANDARD";
  readonly policy: VotingPolicy;
  readonly rules: Rules;
  readonly channels: ChannelChoice;
  readonly operatorIdentity: Bytes;
  readonly operatorMspConfig: Bytes;
  readonly members: readonly MemberIdentity[];
};

export type Proposed = {
  readonly kind: "proposed";
  readonly proposalId: string;
  readonly memberId: string;
  readonly description?: string;
  readonly invitations: readonly { readonly invitationId: string; readonly accountId: string }[];
  /** Member ids. */
  readonly removals: readonly string[];
  /** Stands alone in its proposal. */
  readonly newPolicy?: VotingPolicy;
  readonly tags: Readonly<Record<string, string>>;
  /** For the invited; the network's own choice when absent. */
  readonly channels?: ChannelChoice;
};

export type Voted = {
  readonly kind: "voted";
  readonly proposalId: string;
  readonly memberId: string;
  readonly yes: boolean;
};

export type InvitationAccepted = {
  readonly kind: "invitationAccepted";
  readonly invitationId: string;
  readonly member: MemberIdentity;
};

export type InvitationRejected = { readonly kind: "invitationRejected"; readonly invitationId: string };

export type Left = { readonly kind: "left"; readonly memberId: string };

/** What became of a decision on the channels. */
export type Enacted = {
  readonly kind: "enacted";
  readonly enactmentId: string;
  readonly channels: readonly { readonly channelId: string; readonly blockNumber: number }[];
  /** Why it could not be done. */
  readonly failure?: string;
};

export type ClockAdvanced = { readonly kind: "clockAdvanced"; readonly to: UnixMs };

export type Act = Founded | Proposed | Voted | InvitationAccepted | InvitationRejected | Left | Enacted | ClockAdvanced;
