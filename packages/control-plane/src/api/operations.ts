/** Every operation: its route, and what carries it out. */
import { type Input, inputs, type OperationName } from "../input/inputs.js";
import { createAccessor, deleteAccessor, getAccessor, listAccessors } from "./accessors.js";
import { getBill } from "./bill.js";
import type { Answer, Context } from "./context.js";
import { advanceClock, describeNetwork, describeProposal, dryRunProposal, explain, whoAmI } from "./hansa.js";
import { createMember, deleteMember, getMember, listMembers, updateMember } from "./members.js";
import { createNetwork, getNetwork, listNetworks } from "./networks.js";
import { createNode, deleteNode, getNode, listNodes, updateNode } from "./nodes.js";
import {
  createProposal,
  getProposal,
  listInvitations,
  listProposals,
  listProposalVotes,
  rejectInvitation,
  voteOnProposal,
} from "./proposals.js";
import { listTagsForResource, tagResource, untagResource } from "./tags.js";

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

export type Operation = {
  readonly name: OperationName;
  readonly method: Method;
  /** Segments; a label is in braces. */
  readonly path: string;
  /** Query parameters that may be repeated. */
  readonly lists: readonly string[];
  readonly run: (context: Context, members: Readonly<Record<string, unknown>>) => Promise<Answer>;
};

function operation<Name extends OperationName>(
  name: Name,
  method: Method,
  path: string,
  handler: (context: Context, input: Input<Name>) => Promise<Answer>,
  lists: readonly string[] = [],
): Operation {
  const check = inputs[name] as (value: unknown, name: string) => Input<Name>;
  return { name, method, path, lists, run: async (context, members) => handler(context, check(members, "")) };
}

const NETWORK = "/networks/{networkId}";
const MEMBER = `${NETWORK}/members/{memberId}`;
const NODE = `${NETWORK}/nodes/{nodeId}`;
const PROPOSAL = `${NETWORK}/proposals/{proposalId}`;

export const OPERATIONS: readonly Operation[] = [
  operation("CreateNetwork", "POST", "/networks", createNetwork),
  operation("ListNetworks", "GET", "/networks", listNetworks),
  operation("GetNetwork", "GET", NETWORK, getNetwork),
  operation("CreateMember", "POST", `${NETWORK}/members`, createMember),
  operation("ListMembers", "GET", `${NETWORK}/members`, listMembers),
  operation("GetMember", "GET", MEMBER, getMember),
  operation("UpdateMember", "PATCH", MEMBER, updateMember),
  operation("DeleteMember", "DELETE", MEMBER, deleteMember),
  operation("CreateNode", "POST", `${NETWORK}/nodes`, createNode),
  operation("ListNodes", "GET", `${NETWORK}/nodes`, listNodes),
  operation("GetNode", "GET", NODE, getNode),
  operation("UpdateNode", "PATCH", NODE, updateNode),
  operation("DeleteNode", "DELETE", NODE, deleteNode),
  // As clients before 2020-12 write it, with the member in the path.
  operation("CreateNode", "POST", `${MEMBER}/nodes`, createNode),
  operation("ListNodes", "GET", `${MEMBER}/nodes`, listNodes),
  operation("GetNode", "GET", `${MEMBER}/nodes/{nodeId}`, getNode),
  operation("UpdateNode", "PATCH", `${MEMBER}/nodes/{nodeId}`, updateNode),
  operation("DeleteNode", "DELETE", `${MEMBER}/nodes/{nodeId}`, deleteNode),
  operation("CreateProposal", "POST", `${NETWORK}/proposals`, createProposal),
  operation("ListProposals", "GET", `${NETWORK}/proposals`, listProposals),
  operation("GetProposal", "GET", PROPOSAL, getProposal),
  operation("VoteOnProposal", "POST", `${PROPOSAL}/votes`, voteOnProposal),
  operation("ListProposalVotes", "GET", `${PROPOSAL}/votes`, listProposalVotes),
  operation("ListInvitations", "GET", "/invitations", listInvitations),
  operation("RejectInvitation", "DELETE", "/invitations/{invitationId}", rejectInvitation),
  operation("CreateAccessor", "POST", "/accessors", createAccessor),
  operation("ListAccessors", "GET", "/accessors", listAccessors),
  operation("GetAccessor", "GET", "/accessors/{AccessorId}", getAccessor),
  operation("DeleteAccessor", "DELETE", "/accessors/{AccessorId}", deleteAccessor),
  operation("TagResource", "POST", "/tags/{resourceArn}", tagResource),
  operation("UntagResource", "DELETE", "/tags/{resourceArn}", untagResource, ["tagKeys"]),
  operation("ListTagsForResource", "GET", "/tags/{resourceArn}", listTagsForResource),
  operation("WhoAmI", "GET", "/hansa/whoami", whoAmI),
  operation("GetBill", "GET", "/hansa/bill", getBill),
  operation("DescribeNetwork", "GET", `/hansa${NETWORK}`, describeNetwork),
  operation("AdvanceClock", "POST", `/hansa${NETWORK}/clock`, advanceClock),
  operation("DryRunProposal", "POST", `/hansa${NETWORK}/dry-run`, dryRunProposal),
  operation("DescribeProposal", "GET", `/hansa${PROPOSAL}`, describeProposal),
  operation("ExplainMember", "GET", `/hansa${MEMBER}`, explain),
];
