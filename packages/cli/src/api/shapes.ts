/** The answers of the API that the commands show. */
export type NetworkSummary = {
  readonly Id: string;
  readonly Name: string;
  readonly Description?: string | null;
  readonly FrameworkVersion: string;
  readonly Status: string;
  readonly CreationDate: string;
};

export type Network = NetworkSummary & {
  readonly FrameworkAttributes: {
    readonly Fabric: { readonly OrderingServiceEndpoint: string; readonly Edition: string };
  };
  readonly VotingPolicy: { readonly ApprovalThresholdPolicy: ThresholdPolicy };
  readonly Tags?: Readonly<Record<string, string>>;
};

export type ThresholdPolicy = {
  readonly ThresholdPercentage: number;
  readonly ThresholdComparator: "GREATER_THAN" | "GREATER_THAN_OR_EQUAL_TO";
  readonly ProposalDurationInHours: number;
};

export type MemberSummary = {
  readonly Id: string;
  readonly Name: string;
  readonly Description?: string | null;
  readonly Status: string;
  readonly CreationDate: string;
  readonly IsOwned: boolean;
};

export type Member = Omit<MemberSummary, "IsOwned"> & {
  readonly FrameworkAttributes?: { readonly Fabric: { readonly AdminUsername: string; readonly CaEndpoint: string } };
};

export type NodeSummary = {
  readonly Id: string;
  readonly Status: string;
  readonly CreationDate: string;
  readonly AvailabilityZone?: string;
  readonly InstanceType: string;
};

export type Node = NodeSummary & {
  readonly MemberId: string;
  readonly StateDB?: string;
  readonly FrameworkAttributes?: { readonly Fabric?: { readonly PeerEndpoint?: string } };
};

export type ProposalSummary = {
  readonly ProposalId: string;
  readonly Description?: string | null;
  readonly ProposedByMemberId: string;
  readonly ProposedByMemberName: string;
  readonly Status: string;
  readonly CreationDate: string;
  readonly ExpirationDate: string;
};

export type Proposal = ProposalSummary & {
  readonly Actions: {
    readonly Invitations?: readonly { readonly Principal: string }[];
    readonly Removals?: readonly { readonly MemberId: string }[];
  };
  readonly YesVoteCount: number;
  readonly NoVoteCount: number;
  readonly OutstandingVoteCount: number;
  readonly Tags?: Readonly<Record<string, string>>;
};

export type ChannelChanges = { readonly ChannelId: string; readonly Changes: readonly string[] };

/** GET /hansa/networks/{id}/proposals/{id} */
export type ProposalDetails = {
  readonly Status: string;
  readonly StatusReason: string | null;
  readonly Tally: {
    readonly Yes: number;
    readonly No: number;
    readonly Outstanding: number;
    readonly Base: number;
    readonly Needed: number;
  };
  readonly Votes: readonly {
    readonly MemberId: string;
    readonly MemberName: string;
    readonly Vote: "YES" | "NO";
    readonly Date: string;
    readonly Void: boolean;
  }[];
  readonly YetToVote: readonly { readonly MemberId: string; readonly MemberName: string }[];
  readonly NewVotingPolicy: { readonly ApprovalThresholdPolicy: ThresholdPolicy } | null;
  readonly Channels: string | null;
  readonly Changes: readonly ChannelChanges[];
  readonly History: readonly { readonly Date: string; readonly Text: string }[];
};

/** POST /hansa/networks/{id}/dry-run */
export type DryRun = {
  readonly Voters: readonly { readonly MemberId: string; readonly Name: string; readonly IsOwned: boolean }[];
  readonly VotesNeeded: number;
  readonly VotesPossible: number;
  readonly YesToPass: number | null;
  readonly NoToReject: number | null;
  readonly Outcome: string;
  readonly VotingPolicy: { readonly ApprovalThresholdPolicy: ThresholdPolicy };
  readonly RemainingMembers: readonly unknown[];
  readonly Invitations: readonly { readonly Principal: string; readonly Channels: string }[];
  readonly Channels: readonly ChannelChanges[];
  readonly Warnings: readonly string[];
};

/** GET /hansa/networks/{id} */
export type NetworkDetails = {
  readonly NetworkId: string;
  readonly Name: string;
  readonly Status: string;
  readonly StatusReason: string | null;
  readonly Now: string;
  readonly SimulatedClock: boolean;
  readonly Channels: readonly { readonly ChannelId: string; readonly Members: readonly string[] }[];
};

/** GET /hansa/bill */
export type Bill = {
  readonly AccountId: string;
  readonly Currency: string;
  readonly Prices: { readonly Date: string; readonly Region: string };
  readonly NotMetered: readonly string[];
  readonly Networks: readonly {
    readonly NetworkId: string;
    readonly Name: string;
    readonly Edition: string;
    readonly From: string;
    readonly To: string;
    readonly Members: readonly {
      readonly MemberId: string;
      readonly Name: string;
      readonly Lines: readonly {
        readonly Item: string;
        readonly Of: string;
        readonly InstanceType: string | null;
        readonly Quantity: number;
        readonly Unit: string;
        readonly Price: number | null;
        readonly Confidence: string | null;
        readonly Amount: number;
      }[];
      readonly Total: number;
    }[];
    readonly Total: number;
  }[];
  readonly Total: number;
};

export type Invitation = {
  readonly InvitationId: string;
  readonly CreationDate: string;
  readonly ExpirationDate: string;
  readonly Status: string;
  readonly NetworkSummary: NetworkSummary;
};
