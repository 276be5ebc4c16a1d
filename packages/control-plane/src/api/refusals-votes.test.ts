/** Proposals, invitations, accessors, tags, and what is Hansa's own: every operation given something wrong. */
import { REGION } from "../testing/control-plane.js";
import { Refusals, TOO_MANY_TAGS } from "../testing/refusals.js";

const refusals = new Refusals();
const { ids, at, arnOf, token, refuse } = refusals;

// Proposals
const proposal = (account: number, change: object) =>
  [
    account,
    "POST",
    at("/networks/{n}/proposals"),
    () => ({ ...token(), MemberId: ids.m1, Actions: { Invitations: [{ Principal: "666666666666" }] }, ...change }),
  ] as const;
refuse("IR", "CreateProposal", "no actions", proposal(0, { Actions: undefined }), /Actions is required/);
refuse("IR", "CreateProposal", "empty actions", proposal(0, { Actions: {} }), /at least one/);
refuse(
  "IR",
  "CreateProposal",
  "11 digits",
  proposal(0, { Actions: { Invitations: [{ Principal: "66666666666" }] } }),
  /12 digits/,
);
refuse(
  "IR",
  "CreateProposal",
  "no principal",
  proposal(0, { Actions: { Invitations: [{}] } }),
  /Principal is required/,
);
refuse(
  "NF",
  "CreateProposal",
  "the removal of nobody",
  proposal(0, { Actions: { Removals: [{ MemberId: "m-X" }] } }),
  /Member m-X not found/,
);
refuse(
  "IR",
  "CreateProposal",
  "101 invitations",
  proposal(0, { Actions: { Invitations: Array(101).fill({ Principal: "666666666666" }) } }),
  /at most 100/,
);
refuse("AD", "CreateProposal", "another's member", proposal(1, {}), /not the owner/);
refuse("NF", "CreateProposal", "an unknown member", proposal(0, { MemberId: "m-X" }), /not found/);
refuse(
  "IR",
  "CreateProposal",
  "an unknown tag of ours",
  proposal(0, { Tags: { "hansa:x": "" } }),
  /hansa:channels and hansa:voting-policy/,
);
refuse("IR", "CreateProposal", "wrong channels", proposal(0, { Tags: { "hansa:channels": "A B" } }), /"all", "none"/);
refuse(
  "IR",
  "CreateProposal",
  "a channel that is not there",
  proposal(0, { Tags: { "hansa:channels": "trade nowhere" } }),
  /channel nowhere, which network .* does not have. It has audit, trade/,
);
refuse(
  "IR",
  "CreateProposal",
  "a wrong policy",
  proposal(0, { Actions: {}, Tags: { "hansa:voting-policy": "> 50" } }),
  /GREATER_THAN 50 24/,
);
refuse(
  "IR",
  "CreateProposal",
  "a policy with an invitation",
  proposal(0, { Tags: { "hansa:voting-policy": "GREATER_THAN 50 24" } }),
  /cannot be proposed together/,
);
refuse(
  "NF",
  "GetProposal",
  "an unknown proposal",
  [0, "GET", at("/networks/{n}/proposals/p-X")],
  /Proposal p-X not found/,
);
refuse(
  "NF",
  "GetProposal",
  "a network of others",
  [0, "GET", at("/networks/{n2}/proposals/{done}")],
  /Network .* not found/,
);
refuse("NF", "ListProposals", "an unknown network", [0, "GET", () => "/networks/n-X/proposals"], /not found/);
refuse(
  "IR",
  "ListProposals",
  "page size 101",
  [0, "GET", at("/networks/{n}/proposals?maxResults=101")],
  /from 1 to 100/,
);

// Votes
const vote = (account: number, id: string, change: object) =>
  [
    account,
    "POST",
    at(`/networks/{n}/proposals/${id}/votes`),
    () => ({ VoterMemberId: ids.m1, Vote: "YES", ...change }),
  ] as const;
refuse("IR", "VoteOnProposal", "no vote", vote(0, "{voting}", { Vote: undefined }), /Vote is required/);
refuse("IR", "VoteOnProposal", "MAYBE", vote(0, "{voting}", { Vote: "MAYBE" }), /Vote must be one of YES, NO/);
refuse("NF", "VoteOnProposal", "an unknown proposal", vote(0, "p-X", {}), /Proposal p-X not found/);
refuse(
  "NF",
  "VoteOnProposal",
  "an unknown voter",
  vote(0, "{voting}", { VoterMemberId: "m-X" }),
  /Member m-X not found/,
);
refuse(
  "NF",
  "VoteOnProposal",
  "a member of another network",
  [1, "POST", at("/networks/{n}/proposals/{voting}/votes"), () => ({ VoterMemberId: ids.m3, Vote: "YES" })],
  /not found in network/,
);
refuse("AD", "VoteOnProposal", "another's member", vote(1, "{voting}", {}), /not the owner/);
refuse("AE", "VoteOnProposal", "a second vote", vote(0, "{voting}", { Vote: "NO" }), /has voted/);
refuse("IA", "VoteOnProposal", "a decided proposal", vote(0, "{done}", {}), /is APPROVED/);
refuse(
  "NF",
  "ListProposalVotes",
  "an unknown proposal",
  [0, "GET", at("/networks/{n}/proposals/p-X/votes")],
  /not found/,
);

// Invitations
refuse(
  "NF",
  "RejectInvitation",
  "an unknown invitation",
  [2, "DELETE", () => "/invitations/in-X"],
  /Invitation in-X not found/,
);
refuse("NF", "RejectInvitation", "another account's", [0, "DELETE", at("/invitations/{open}")], /not found in account/);
refuse("IA", "RejectInvitation", "a rejected one", [2, "DELETE", at("/invitations/{used}")], /is REJECTED/);
refuse("IR", "ListInvitations", "page size 101", [2, "GET", () => "/invitations?maxResults=101"], /from 1 to 100/);

// Accessors
const accessor = (change: object) =>
  [0, "POST", () => "/accessors", () => ({ ...token(), AccessorType: "BILLING_TOKEN", ...change })] as const;
refuse(
  "IR",
  "CreateAccessor",
  "an unknown type",
  accessor({ AccessorType: "KEY" }),
  /AccessorType must be one of BILLING_TOKEN/,
);
refuse("IR", "CreateAccessor", "an unknown network", accessor({ NetworkType: "X" }), /NetworkType must be one of/);
refuse(
  "IR",
  "CreateAccessor",
  "a closed network",
  accessor({ NetworkType: "ETHEREUM_GOERLI" }),
  /takes no new accessors/,
);
refuse("NF", "GetAccessor", "an unknown accessor", [0, "GET", () => "/accessors/X"], /Accessor X not found/);
refuse("NF", "GetAccessor", "another account's", [1, "GET", at("/accessors/{ac}")], /not found/);
refuse("IR", "ListAccessors", "page size 51", [0, "GET", () => "/accessors?maxResults=51"], /from 1 to 50/);
refuse("NF", "DeleteAccessor", "another account's", [1, "DELETE", at("/accessors/{ac}")], /not found/);

// Tags
const ours = `arn:aws:managedblockchain:${REGION}`;
const tags = (Tags: unknown) => () => ({ Tags });
refuse("IR", "TagResource", "no ARN", [0, "POST", () => "/tags/x", tags({ a: "" })], /must be an ARN/);
refuse(
  "IR",
  "TagResource",
  "another service's ARN",
  [0, "POST", arnOf("arn:aws:s3:::bucket"), tags({ a: "" })],
  /not the ARN of a managedblockchain/,
);
refuse(
  "NF",
  "TagResource",
  "an unknown network",
  [0, "POST", arnOf(`${ours}::networks/n-X`), tags({ a: "" })],
  /not found/,
);
refuse(
  "NF",
  "TagResource",
  "another account's member",
  [0, "POST", arnOf(`${ours}:222222222222:members/{m2}`), tags({ a: "" })],
  /not found/,
);
refuse(
  "NF",
  "TagResource",
  "another's member under the own account",
  [0, "POST", arnOf(`${ours}:111111111111:members/{m2}`), tags({ a: "" })],
  /not found/,
);
refuse("IR", "TagResource", "no tags", [0, "POST", arnOf(`${ours}::networks/{n}`), () => ({})], /Tags is required/);
refuse("TT", "TagResource", "51 tags", [0, "POST", arnOf(`${ours}::networks/{n}`), tags(TOO_MANY_TAGS)], /at most 50/);
refuse(
  "IR",
  "TagResource",
  "a tag of ours",
  [0, "POST", arnOf(`${ours}::proposals/{done}`), tags({ "hansa:channels": "all" })],
  /only when a proposal is created/,
);
refuse("IR", "UntagResource", "no keys", [0, "DELETE", arnOf(`${ours}::networks/{n}`)], /tagKeys is required/);
refuse(
  "NF",
  "UntagResource",
  "an unknown node",
  [0, "DELETE", () => `${arnOf(`${ours}:111111111111:nodes/nd-X`)()}?tagKeys=a`],
  /not found/,
);
refuse("NF", "ListTagsForResource", "an unknown proposal", [0, "GET", arnOf(`${ours}::proposals/p-X`)], /not found/);

// Hansa's own
refuse("NF", "DescribeNetwork", "a network of others", [0, "GET", at("/hansa/networks/{n2}")], /not found/);
refuse(
  "IR",
  "AdvanceClock",
  "no time",
  [0, "POST", at("/hansa/networks/{n}/clock"), () => ({ To: "soon" })],
  /To must be a time/,
);
refuse(
  "IR",
  "AdvanceClock",
  "the past",
  [0, "POST", at("/hansa/networks/{n}/clock"), () => ({ To: "2020-01-01T00:00:00Z" })],
  /only moves forward/,
);
refuse(
  "IR",
  "AdvanceClock",
  "an account without a member",
  [2, "POST", at("/hansa/networks/{n}/clock"), () => ({ To: "2100-01-01T00:00:00Z" })],
  /has no member/,
);
refuse("NF", "GetBill", "a network of others", [0, "GET", at("/hansa/bill?network={n2}")], /not found/);
refuse(
  "IR",
  "GetBill",
  "a period backwards",
  [0, "GET", at("/hansa/bill?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z")],
  /from must not be after to/,
);
refuse(
  "AD",
  "DryRunProposal",
  "another's member",
  [
    1,
    "POST",
    at("/hansa/networks/{n}/dry-run"),
    () => ({ MemberId: ids.m1, Actions: { Invitations: [{ Principal: "666666666666" }] } }),
  ],
  /not the owner/,
);
refuse(
  "NF",
  "DescribeProposal",
  "an unknown proposal",
  [0, "GET", at("/hansa/networks/{n}/proposals/p-X")],
  /not found/,
);
refuse("NF", "ExplainMember", "an unknown member", [0, "GET", at("/hansa/networks/{n}/members/m-X")], /not found/);

refusals.run("refusals about proposals, invitations, accessors and tags");
