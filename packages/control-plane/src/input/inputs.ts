/** What each operation takes: path labels and query parameters under their wire names, body members as they are. */
import {
  actions,
  description,
  edition,
  id,
  maxResults,
  memberConfiguration,
  memberLogs,
  networkName,
  nextToken,
  nodeConfiguration,
  nodeLogs,
  resourceArn,
  tagKeys,
  tags,
  token,
  votingPolicy,
} from "./members.js";
import { flagText, list, oneOf, optional, struct, text } from "./schema.js";

export const FRAMEWORKS = ["HYPERLEDGER_FABRIC", "ETHEREUM"] as const;
export const NETWORK_STATUSES = ["CREATING", "AVAILABLE", "CREATE_FAILED", "DELETING", "DELETED"] as const;
export const MEMBER_STATUSES = [
  "CREATING",
  "AVAILABLE",
  "CREATE_FAILED",
  "UPDATING",
  "DELETING",
  "DELETED",
  "INACCESSIBLE_ENCRYPTION_KEY",
] as const;
export const NODE_STATUSES = [
  "CREATING",
  "AVAILABLE",
  "UNHEALTHY",
  "CREATE_FAILED",
  "UPDATING",
  "DELETING",
  "DELETED",
  "FAILED",
  "INACCESSIBLE_ENCRYPTION_KEY",
] as const;
export const NETWORK_TYPES = [
  "ETHEREUM_GOERLI",
  "ETHEREUM_MAINNET",
  "ETHEREUM_MAINNET_AND_GOERLI",
  "POLYGON_MAINNET",
  "POLYGON_MUMBAI",
] as const;

const network = { networkId: id };
const member = { ...network, memberId: id };
const node = { ...network, nodeId: id };
const proposal = { ...network, proposalId: id };
const page = (max: number) => ({ maxResults: maxResults(max), nextToken });

export const inputs = {
  CreateNetwork: struct({
    ClientRequestToken: token,
    Name: networkName,
    Description: description,
    Framework: oneOf(FRAMEWORKS),
    FrameworkVersion: text({ min: 1, max: 8 }),
    FrameworkConfiguration: optional(struct({ Fabric: optional(struct({ Edition: edition })) })),
    VotingPolicy: votingPolicy,
    MemberConfiguration: memberConfiguration,
    Tags: optional(tags),
  }),
  GetNetwork: struct(network),
  ListNetworks: struct({
    name: optional(text({ max: 256 })),
    framework: optional(oneOf(FRAMEWORKS)),
    status: optional(oneOf(NETWORK_STATUSES)),
    ...page(10),
  }),
  CreateMember: struct({
    ...network,
    ClientRequestToken: token,
    InvitationId: id,
    MemberConfiguration: memberConfiguration,
  }),
  GetMember: struct(member),
  ListMembers: struct({
    ...network,
    name: optional(text({ max: 256 })),
    status: optional(oneOf(MEMBER_STATUSES)),
    isOwned: optional(flagText),
    ...page(20),
  }),
  UpdateMember: struct({ ...member, LogPublishingConfiguration: memberLogs }),
  DeleteMember: struct(member),
  CreateNode: struct({
    ...network,
    ClientRequestToken: token,
    MemberId: optional(id),
    NodeConfiguration: nodeConfiguration,
    Tags: optional(tags),
  }),
  GetNode: struct({ ...node, memberId: optional(id) }),
  ListNodes: struct({ ...network, memberId: optional(id), status: optional(oneOf(NODE_STATUSES)), ...page(20) }),
  UpdateNode: struct({ ...node, MemberId: optional(id), LogPublishingConfiguration: nodeLogs }),
  DeleteNode: struct({ ...node, memberId: optional(id) }),
  CreateProposal: struct({
    ...network,
    ClientRequestToken: token,
    MemberId: id,
    Actions: actions,
    Description: description,
    Tags: optional(tags),
  }),
  GetProposal: struct(proposal),
  ListProposals: struct({ ...network, ...page(100) }),
  VoteOnProposal: struct({ ...proposal, VoterMemberId: id, Vote: oneOf(["YES", "NO"]) }),
  ListProposalVotes: struct({ ...proposal, ...page(100) }),
  ListInvitations: struct(page(100)),
  RejectInvitation: struct({ invitationId: id }),
  CreateAccessor: struct({
    ClientRequestToken: token,
    AccessorType: oneOf(["BILLING_TOKEN"]),
    NetworkType: optional(oneOf(NETWORK_TYPES)),
    Tags: optional(tags),
  }),
  GetAccessor: struct({ AccessorId: id }),
  ListAccessors: struct({ networkType: optional(oneOf(NETWORK_TYPES)), ...page(50) }),
  DeleteAccessor: struct({ AccessorId: id }),
  TagResource: struct({ resourceArn, Tags: tags }),
  UntagResource: struct({ resourceArn, tagKeys }),
  ListTagsForResource: struct({ resourceArn }),
  // Hansa's own.
  DryRunProposal: struct({
    ...network,
    MemberId: id,
    Actions: optional(actions),
    Description: description,
    Tags: optional(tags),
    AssumedVotes: optional(list(struct({ MemberId: id, Vote: oneOf(["YES", "NO"]) }), 1000)),
  }),
  DescribeNetwork: struct(network),
  DescribeProposal: struct(proposal),
  ExplainMember: struct(member),
  AdvanceClock: struct({ ...network, To: text({ min: 1, max: 64 }) }),
  GetBill: struct({
    network: optional(id),
    from: optional(text({ min: 1, max: 64 })),
    to: optional(text({ min: 1, max: 64 })),
  }),
  WhoAmI: struct({}),
} as const;

export type OperationName = keyof typeof inputs;
export type Input<Name extends OperationName> = ReturnType<(typeof inputs)[Name]>;
