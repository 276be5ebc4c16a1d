/** Every operation given something wrong: the error's name, its status, what it says, and that nothing has changed. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  ACCOUNTS,
  memberConfiguration,
  networkRequest,
  PASSWORD,
  REGION,
  TestControlPlane,
} from "../testing/control-plane.js";
import { fleet, invite, propose } from "../testing/fleet.js";
import { raw } from "../testing/raw.js";

type Case = readonly [
  operation: string,
  what: string,
  account: number,
  method: string,
  target: () => string,
  body: () => unknown,
  status: number,
  error: string,
  says: RegExp,
];

const STATUS = {
  IR: [400, "InvalidRequestException"],
  IA: [400, "IllegalActionException"],
  TT: [400, "TooManyTagsException"],
  AD: [403, "AccessDeniedException"],
  NF: [404, "ResourceNotFoundException"],
  AE: [409, "ResourceAlreadyExistsException"],
  NR: [409, "ResourceNotReadyException"],
  LE: [429, "ResourceLimitExceededException"],
} as const;

describe("refusals", () => {
  let plane: TestControlPlane;
  // Filled before the first case runs.
  const ids: Record<string, string> = {};
  const at = (text: string) => () => text.replace(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? name);
  const arnOf = (text: string) => () => `/tags/${encodeURIComponent(at(text)())}`;
  const cases: Case[] = [];
  const refuse = (
    kind: keyof typeof STATUS,
    operation: string,
    what: string,
    [account, method, target, body]: readonly [number, string, () => string, (() => unknown)?],
    says: RegExp,
  ) => cases.push([operation, what, account, method, target, body ?? (() => undefined), ...STATUS[kind], says]);

  before(async () => {
    plane = await TestControlPlane.start();
    const pair = await fleet(plane, [0, 1], { edition: "STARTER" });
    const other = await fleet(plane, [1]);
    Object.assign(ids, { n: pair.networkId, m1: pair.memberIds[0], m2: pair.memberIds[1], n2: other.networkId });
    ids.m3 = other.memberIds[0]!;
    ids.used = await invite(plane, pair, [0, 1], 2);
    await raw(plane.url, 2, "DELETE", `/invitations/${ids.used}`);
    ids.open = await invite(plane, pair, [0, 1], 2);
    ids.done = await propose(plane, pair, [0, 1], { Invitations: [{ Principal: "444444444444" }] });
    const { body } = await raw(plane.url, 0, "POST", at("/networks/{n}/proposals")(), {
      ClientRequestToken: "vote",
      MemberId: ids.m1,
      Actions: { Invitations: [{ Principal: "555555555555" }] },
    });
    ids.voting = String(body.ProposalId);
    const ballot = { VoterMemberId: ids.m1, Vote: "YES" };
    await raw(plane.url, 0, "POST", at("/networks/{n}/proposals/{voting}/votes")(), ballot);
    const NodeConfiguration = { InstanceType: "bc.t3.small", AvailabilityZone: "us-east-1a" };
    const node = { ClientRequestToken: "node", MemberId: ids.m1, NodeConfiguration };
    ids.nd = String((await raw(plane.url, 0, "POST", at("/networks/{n}/nodes")(), node)).body.NodeId);
    await raw(plane.url, 0, "POST", at("/networks/{n}/nodes")(), { ...node, ClientRequestToken: "node 2" });
    const accessor = { ClientRequestToken: "accessor", AccessorType: "BILLING_TOKEN" };
    ids.ac = String((await raw(plane.url, 0, "POST", "/accessors", accessor)).body.AccessorId);
    await plane.idle();
  });
  after(() => plane.stop());

  let used = 0;
  const token = () => ({ ClientRequestToken: `refusals ${used++}` });

  // CreateNetwork
  const network = (change: object) =>
    [0, "POST", () => "/networks", () => ({ ...token(), ...networkRequest(), ...change })] as const;
  const policy = (change: object) => network({ VotingPolicy: { ApprovalThresholdPolicy: change } });
  const member = (change: object) => network({ MemberConfiguration: { ...memberConfiguration("a"), ...change } });
  const admin = (AdminUsername: string, AdminPassword: string) =>
    member({ FrameworkConfiguration: { Fabric: { AdminUsername, AdminPassword } } });
  refuse(
    "IR",
    "CreateNetwork",
    "no token",
    network({ ClientRequestToken: undefined }),
    /ClientRequestToken is required/,
  );
  refuse(
    "IR",
    "CreateNetwork",
    "a long token",
    network({ ClientRequestToken: "x".repeat(65) }),
    /1 to 64 characters; it has 65/,
  );
  refuse("IR", "CreateNetwork", "no name", network({ Name: undefined }), /Name is required/);
  refuse("IR", "CreateNetwork", "a name of spaces", network({ Name: "   " }), /Name must have a character/);
  refuse("IR", "CreateNetwork", "a long name", network({ Name: "x".repeat(65) }), /Name must have 1 to 64/);
  refuse("IR", "CreateNetwork", "a name that is a number", network({ Name: 5 }), /Name must be a string/);
  refuse(
    "IR",
    "CreateNetwork",
    "a long description",
    network({ Description: "x".repeat(129) }),
    /Description must have 0 to 128/,
  );
  refuse("IR", "CreateNetwork", "an unknown framework", network({ Framework: "CORDA" }), /Framework must be one of/);
  refuse("IR", "CreateNetwork", "Ethereum", network({ Framework: "ETHEREUM" }), /only HYPERLEDGER_FABRIC can/);
  refuse(
    "IR",
    "CreateNetwork",
    "an unknown version",
    network({ FrameworkVersion: "1.3" }),
    /1.2, 1.4, 2.2, 2.5, not 1.3/,
  );
  refuse("IR", "CreateNetwork", "no edition", network({ FrameworkConfiguration: undefined }), /Edition is required/);
  refuse(
    "IR",
    "CreateNetwork",
    "an unknown edition",
    network({ FrameworkConfiguration: { Fabric: { Edition: "GOLD" } } }),
    /STARTER, STANDARD/,
  );
  refuse("IR", "CreateNetwork", "101 percent", policy({ ThresholdPercentage: 101 }), /whole number from 0 to 100/);
  refuse("IR", "CreateNetwork", "half a percent", policy({ ThresholdPercentage: 0.5 }), /whole number from 0 to 100/);
  refuse("IR", "CreateNetwork", "0 hours", policy({ ProposalDurationInHours: 0 }), /whole number from 1 to 168/);
  refuse("IR", "CreateNetwork", "169 hours", policy({ ProposalDurationInHours: 169 }), /whole number from 1 to 168/);
  refuse(
    "IR",
    "CreateNetwork",
    "an unknown comparator",
    policy({ ThresholdComparator: "MORE" }),
    /ThresholdComparator must be one of/,
  );
  refuse("IR", "CreateNetwork", "no policy", network({ VotingPolicy: {} }), /ApprovalThresholdPolicy is required/);
  refuse(
    "IR",
    "CreateNetwork",
    "a member name with a space",
    member({ Name: "a b" }),
    /MemberConfiguration.Name must be letters/,
  );
  refuse(
    "IR",
    "CreateNetwork",
    "a member name with a digit first",
    member({ Name: "1a" }),
    /MemberConfiguration.Name must be letters/,
  );
  refuse(
    "IR",
    "CreateNetwork",
    "a member name with two dashes",
    member({ Name: "a--b" }),
    /MemberConfiguration.Name must be letters/,
  );
  refuse(
    "IR",
    "CreateNetwork",
    "a member name with a dash last",
    member({ Name: "a-" }),
    /MemberConfiguration.Name must be letters/,
  );
  refuse("IR", "CreateNetwork", "a wrong key", member({ KmsKeyArn: "key" }), /KmsKeyArn must be an ARN/);
  refuse(
    "IR",
    "CreateNetwork",
    "no administrator",
    member({ FrameworkConfiguration: {} }),
    /FrameworkConfiguration.Fabric is required/,
  );
  refuse(
    "IR",
    "CreateNetwork",
    "an administrator with a dash",
    admin("a-b", PASSWORD),
    /AdminUsername must be letters and digits/,
  );
  refuse(
    "IR",
    "CreateNetwork",
    "an administrator of 17 letters",
    admin("a".repeat(17), PASSWORD),
    /AdminUsername must have 1 to 16/,
  );
  for (const wrong of [
    "password1",
    "PASSWORD1",
    "Password",
    "Passw0rd@",
    "Pass w0rd",
    "Passw0rd/",
    "Passw0rd'",
    'Passw0rd"',
    "Passw0rd\\",
  ])
    refuse("IR", "CreateNetwork", `the password ${wrong}`, admin("a", wrong), /AdminPassword must have/);
  refuse("IR", "CreateNetwork", "a short password", admin("a", "Passw0r"), /AdminPassword must have 8 to 32/);
  refuse("IR", "CreateNetwork", "a reserved tag", network({ Tags: { "aws:a": "1" } }), /reserved/);
  refuse("IR", "CreateNetwork", "a tag that is a number", network({ Tags: { a: 1 } }), /must be a string/);
  refuse("IR", "CreateNetwork", "a long tag", network({ Tags: { a: "x".repeat(257) } }), /0 to 256 characters/);
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, ""]));
  refuse("TT", "CreateNetwork", "51 tags", network({ Tags: many }), /at most 50 tags; it has 51/);

  // GetNetwork, ListNetworks
  refuse("NF", "GetNetwork", "an unknown network", [0, "GET", () => "/networks/n-NONE"], /Network n-NONE not found/);
  refuse("NF", "GetNetwork", "a network of others", [0, "GET", at("/networks/{n2}")], /not found/);
  refuse(
    "IR",
    "GetNetwork",
    "a long id",
    [0, "GET", () => `/networks/${"n".repeat(33)}`],
    /networkId must have 1 to 32/,
  );
  refuse("IR", "ListNetworks", "page size 0", [0, "GET", () => "/networks?maxResults=0"], /from 1 to 10/);
  refuse("IR", "ListNetworks", "page size 11", [0, "GET", () => "/networks?maxResults=11"], /from 1 to 10/);
  refuse("IR", "ListNetworks", "a page size in words", [0, "GET", () => "/networks?maxResults=ten"], /from 1 to 10/);
  refuse("IR", "ListNetworks", "an unknown status", [0, "GET", () => "/networks?status=GOOD"], /status must be one of/);
  refuse(
    "IR",
    "ListNetworks",
    "an unknown framework",
    [0, "GET", () => "/networks?framework=X"],
    /framework must be one of/,
  );
  refuse(
    "IR",
    "ListNetworks",
    "a made-up page token",
    [0, "GET", () => "/networks?nextToken=abc"],
    /nextToken is not a token/,
  );
  refuse(
    "IR",
    "ListNetworks",
    "a long page token",
    [0, "GET", () => `/networks?nextToken=${"a".repeat(129)}`],
    /0 to 128/,
  );

  // CreateMember
  const join = (account: number, change: object, path = "/networks/{n}/members") =>
    [
      account,
      "POST",
      at(path),
      () => ({ ...token(), InvitationId: ids.open, MemberConfiguration: memberConfiguration("new"), ...change }),
    ] as const;
  refuse("IR", "CreateMember", "no invitation", join(2, { InvitationId: undefined }), /InvitationId is required/);
  refuse("NF", "CreateMember", "an unknown invitation", join(2, { InvitationId: "in-NONE" }), /Invitation in-NONE/);
  refuse("NF", "CreateMember", "another account's invitation", join(1, {}), /not found in account 222222222222/);
  refuse(
    "IR",
    "CreateMember",
    "a rejected invitation",
    [
      2,
      "POST",
      at("/networks/{n}/members"),
      () => ({ ...token(), InvitationId: ids.used, MemberConfiguration: memberConfiguration("new") }),
    ],
    /is REJECTED, not PENDING/,
  );
  refuse(
    "AE",
    "CreateMember",
    "a name that is taken",
    join(2, { MemberConfiguration: memberConfiguration("first") }),
    /the name first/,
  );
  refuse("NF", "CreateMember", "another network", join(2, {}, "/networks/{n2}/members"), /Network .* not found/);
  refuse(
    "IR",
    "CreateMember",
    "a wrong member name",
    join(2, { MemberConfiguration: memberConfiguration("9") }),
    /must be letters/,
  );

  // GetMember, ListMembers, UpdateMember, DeleteMember
  refuse(
    "NF",
    "GetMember",
    "an unknown member",
    [0, "GET", at("/networks/{n}/members/m-NONE")],
    /Member m-NONE not found/,
  );
  refuse(
    "NF",
    "GetMember",
    "a member of another network",
    [1, "GET", at("/networks/{n}/members/{m3}")],
    /not found in network/,
  );
  refuse("NF", "ListMembers", "a network of others", [0, "GET", at("/networks/{n2}/members")], /not found/);
  refuse(
    "IR",
    "ListMembers",
    "an unknown status",
    [0, "GET", at("/networks/{n}/members?status=X")],
    /status must be one of/,
  );
  refuse(
    "IR",
    "ListMembers",
    "isOwned in words",
    [0, "GET", at("/networks/{n}/members?isOwned=yes")],
    /isOwned must be true or false/,
  );
  refuse("IR", "ListMembers", "page size 21", [0, "GET", at("/networks/{n}/members?maxResults=21")], /from 1 to 20/);
  const caLogs = (Enabled: unknown) => () => ({
    LogPublishingConfiguration: { Fabric: { CaLogs: { Cloudwatch: { Enabled } } } },
  });
  refuse(
    "AD",
    "UpdateMember",
    "another's member",
    [0, "PATCH", at("/networks/{n}/members/{m2}"), caLogs(true)],
    /not the owner/,
  );
  refuse(
    "NF",
    "UpdateMember",
    "an unknown member",
    [0, "PATCH", at("/networks/{n}/members/m-X"), caLogs(true)],
    /not found/,
  );
  refuse(
    "IR",
    "UpdateMember",
    "a switch in words",
    [0, "PATCH", at("/networks/{n}/members/{m1}"), caLogs("on")],
    /true or false/,
  );
  refuse("AD", "DeleteMember", "another's member", [0, "DELETE", at("/networks/{n}/members/{m2}")], /not the owner/);
  refuse("NF", "DeleteMember", "an unknown member", [0, "DELETE", at("/networks/{n}/members/m-X")], /not found/);

  // Nodes
  const node = (account: number, change: object, more: object = {}) =>
    [
      account,
      "POST",
      at("/networks/{n}/nodes"),
      () => ({ ...token(), MemberId: ids.m2, NodeConfiguration: { InstanceType: "bc.t3.small", ...change }, ...more }),
    ] as const;
  refuse("IR", "CreateNode", "no member", node(1, {}, { MemberId: undefined }), /MemberId is required/);
  refuse("AD", "CreateNode", "another's member", node(0, {}), /not the owner/);
  refuse("NF", "CreateNode", "an unknown member", node(0, {}, { MemberId: "m-X" }), /Member m-X not found/);
  refuse("IR", "CreateNode", "no type", node(1, { InstanceType: undefined }), /InstanceType is required/);
  refuse("IR", "CreateNode", "an unknown type", node(1, { InstanceType: "bc.x9" }), /bc.t3.small, bc.t3.medium/);
  refuse(
    "IR",
    "CreateNode",
    "a type of the other edition",
    node(1, { InstanceType: "bc.m5.large" }),
    /STARTER edition/,
  );
  refuse(
    "IR",
    "CreateNode",
    "another region's zone",
    node(1, { AvailabilityZone: "eu-west-1a" }),
    /not a zone of us-east-1/,
  );
  refuse("IR", "CreateNode", "an unknown state database", node(1, { StateDB: "Oracle" }), /LevelDB, CouchDB/);
  refuse(
    "LE",
    "CreateNode",
    "a third node of STARTER",
    [
      0,
      "POST",
      at("/networks/{n}/nodes"),
      () => ({ ...token(), MemberId: ids.m1, NodeConfiguration: { InstanceType: "bc.t3.small" } }),
    ],
    /has 2 peer nodes, and 2 is the limit/,
  );
  refuse("IR", "GetNode", "no member", [0, "GET", at("/networks/{n}/nodes/{nd}")], /memberId is required/);
  refuse(
    "NF",
    "GetNode",
    "an unknown node",
    [0, "GET", at("/networks/{n}/nodes/nd-X?memberId={m1}")],
    /Node nd-X of member/,
  );
  refuse(
    "AD",
    "GetNode",
    "another's member",
    [1, "GET", at("/networks/{n}/nodes/{nd}?memberId={m1}")],
    /not the owner/,
  );
  refuse(
    "NF",
    "GetNode",
    "a node of another member",
    [1, "GET", at("/networks/{n}/nodes/{nd}?memberId={m2}")],
    /not found/,
  );
  refuse("AD", "ListNodes", "another's member", [1, "GET", at("/networks/{n}/nodes?memberId={m1}")], /not the owner/);
  refuse(
    "IR",
    "ListNodes",
    "an unknown status",
    [0, "GET", at("/networks/{n}/nodes?memberId={m1}&status=X")],
    /status must be one of/,
  );
  refuse(
    "IR",
    "UpdateNode",
    "no member",
    [0, "PATCH", at("/networks/{n}/nodes/{nd}"), () => ({})],
    /MemberId is required/,
  );
  refuse(
    "NF",
    "UpdateNode",
    "an unknown node",
    [0, "PATCH", at("/networks/{n}/nodes/nd-X"), () => ({ MemberId: ids.m1 })],
    /not found/,
  );
  refuse(
    "NF",
    "DeleteNode",
    "an unknown node",
    [0, "DELETE", at("/networks/{n}/nodes/nd-X?memberId={m1}")],
    /not found/,
  );
  refuse(
    "AD",
    "DeleteNode",
    "another's member",
    [1, "DELETE", at("/networks/{n}/nodes/{nd}?memberId={m1}")],
    /not the owner/,
  );

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
  refuse(
    "NF",
    "RejectInvitation",
    "another account's",
    [0, "DELETE", at("/invitations/{open}")],
    /not found in account/,
  );
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
  refuse("TT", "TagResource", "51 tags", [0, "POST", arnOf(`${ours}::networks/{n}`), tags(many)], /at most 50/);
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

  const everything = () =>
    JSON.stringify([
      ["network", "member", "node", "accessor", "tags", "token"].map((table) => [...plane.store.entries(table)]),
      plane.operator.networks().map(({ acts }) => acts.length),
      plane.store.secrets.memberIds(),
    ]);

  for (const [operation, what, account, method, target, body, status, error, says] of cases)
    it(`${operation} refuses ${what}`, async () => {
      const state = everything();
      const answer = await raw(plane.url, account, method, target(), body());
      assert.deepEqual([answer.error, answer.status], [error, status], JSON.stringify(answer.body));
      assert.match(String(answer.body.message), says);
      assert.doesNotMatch(JSON.stringify(answer.body), new RegExp(`${PASSWORD}|${ACCOUNTS[account]?.secretAccessKey}`));
      await plane.idle();
      assert.equal(everything(), state, "something has changed");
    });
});
