/** Networks, members and nodes: every operation given something wrong. */
import { memberConfiguration, networkRequest, PASSWORD } from "../testing/control-plane.js";
import { Refusals, TOO_MANY_TAGS } from "../testing/refusals.js";

const refusals = new Refusals();
const { ids, at, token, refuse } = refusals;

// CreateNetwork
const network = (change: object) =>
  [0, "POST", () => "/networks", () => ({ ...token(), ...networkRequest(), ...change })] as const;
const policy = (change: object) => network({ VotingPolicy: { ApprovalThresholdPolicy: change } });
const member = (change: object) => network({ MemberConfiguration: { ...memberConfiguration("a"), ...change } });
const admin = (AdminUsername: string, AdminPassword: string) =>
  member({ FrameworkConfiguration: { Fabric: { AdminUsername, AdminPassword } } });
refuse("IR", "CreateNetwork", "no token", network({ ClientRequestToken: undefined }), /ClientRequestToken is required/);
refuse(
  "IR",
  "CreateNetwork",
  "a long token",
  network({ ClientRequestToken: "x".repeat(65) }),
  /1 to 64 characters; it has 65/,
);
refuse("IR", "CreateNetwork", "no name", network({ Name: undefined }), /Name is required/);
refuse("IR", "CreateNetwork", "a name of spaces", network({ Name: "   " }), /Name must have a character/);
refuse("IR", "CreateNetwork", "a long name in pictures", network({ Name: "😀".repeat(65) }), /it has 65/);
refuse("IR", "CreateNetwork", "half a character", network({ Name: "\ud83d" }), /Name has half a surrogate pair/);
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
refuse(
  "IR",
  "CreateNetwork",
  "the name of the ordering organisation for a member",
  member({ Name: "orderer" }),
  /name of the ordering organisation/,
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
refuse("TT", "CreateNetwork", "51 tags", network({ Tags: TOO_MANY_TAGS }), /at most 50 tags; it has 51/);

// GetNetwork, ListNetworks
refuse("NF", "GetNetwork", "an unknown network", [0, "GET", () => "/networks/n-NONE"], /Network n-NONE not found/);
refuse("NF", "GetNetwork", "a network of others", [0, "GET", at("/networks/{n2}")], /not found/);
refuse("IR", "GetNetwork", "a long id", [0, "GET", () => `/networks/${"n".repeat(33)}`], /networkId must have 1 to 32/);
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
refuse(
  "AE",
  "CreateMember",
  "a name that is taken in another case",
  join(2, { MemberConfiguration: memberConfiguration("FIRST") }),
  /the name first/,
);
refuse(
  "IR",
  "CreateMember",
  "the name of the ordering organisation",
  join(2, { MemberConfiguration: memberConfiguration("Orderer") }),
  /name of the ordering organisation/,
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
refuse("IR", "CreateNode", "a type of the other edition", node(1, { InstanceType: "bc.m5.large" }), /STARTER edition/);
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
refuse("AD", "GetNode", "another's member", [1, "GET", at("/networks/{n}/nodes/{nd}?memberId={m1}")], /not the owner/);
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
refuse("NF", "DeleteNode", "an unknown node", [0, "DELETE", at("/networks/{n}/nodes/nd-X?memberId={m1}")], /not found/);
refuse(
  "AD",
  "DeleteNode",
  "another's member",
  [1, "DELETE", at("/networks/{n}/nodes/{nd}?memberId={m1}")],
  /not the owner/,
);

refusals.run("refusals about networks, members and nodes");
