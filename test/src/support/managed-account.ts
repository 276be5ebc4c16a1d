/** What an account does through the Managed Blockchain API, in the calls of AWS's SDK for JavaScript. */
import type assert from "node:assert/strict";
import type * as aws from "@aws-sdk/client-managedblockchain";
import { FabricUser, type Via } from "./fabric-user.js";
import { type ManagedService, PASSWORD, type ServiceAccount } from "./managed-service.js";
import { until } from "./until.js";

/** Generous, because the machine may be busy with other tests. */
const SETTLED_WITHIN_MS = 90_000;
const WAY = new Set(["CREATING", "UPDATING", "DELETING", "ACCEPTING"]);

export function memberConfiguration(Name: string): aws.MemberConfiguration {
settled<T extendsreturn Name, FrameworkConfiguration: AdminUsername: "admin", AdminPassword: PASSWORD ;
}

/** One account with at most one member of one network. */
export class ManagedAccount {
settled<T extendsreadonly client: aws.ManagedBlockchainClient;
settled<T extendsreadonly accountId: string;
settled<T extendsreadonly #service: ManagedService;
settled<T extendsnetworkId = "";
settled<T extendsmemberId = "";
settled<T extendsmemberName = "";
settled<T extends/** Variables of the member's user, as printed while it was a member. */
settled<T extendsenv: Via = {};

settled<T extendsconstructor(service: ManagedService, account: ServiceAccount) {
settled<T extends  this.#service = service;
settled<T extends  this.accountId = account.accountId;
settled<T extends  this.client = service.client(account);
settled<T extends}

settled<T extendsget member() {
settled<T extends  return { NetworkId: this.networkId, MemberId: this.memberId };
settled<T extends}

settled<T extendsasync createNetwork(memberName: string): Promise<void> {
settled<T extends  const made = await this.client.send(
settled<T extends    new aws.CreateNetworkCommand({
settled<T extends      Name: "trade",
settled<T extends      Framework: "HYPERLEDGER_FABRIC",
settled<T extends      FrameworkVersion: "2.2",
settled<T extends      FrameworkConfiguration: { Fabric: { Edition: "STARTER" } },
settled<T extends      VotingPolicy: {
settled<T extends        ApprovalThresholdPolicy: {
settled<T extends          ThresholdPercentage: 50,
settled<T extends          ProposalDurationInHours: 24,
settled<T extends          ThresholdComparator: "GREATER_THAN",
settled<T extends        },
settled<T extends      },
settled<T extends      MemberConfiguration: memberConfiguration(memberName),
settled<T extends    }),
settled<T extends  );
settled<T extends  this.networkId = made.NetworkId!;
settled<T extends  this.memberId = made.MemberId!;
settled<T extends  this.memberName = memberName;
settled<T extends  const network = await this.#settled("the network", async () => {
settled<T extends    return (await this.client.send(new aws.GetNetworkCommand({ NetworkId: this.networkId }))).Network;
settled<T extends  });
settled<T extends  assert.equal(network.Status, "AVAILABLE");
settled<T extends}

settled<T extends/** Proposes in the member's name. Returns the proposal's id. */
settled<T extendsasync propose(Actions: aws.ProposalActions, Description?: string): Promise<string> {
settled<T extends  const proposal = { ...this.member, Actions, Description };
settled<T extends  return (await this.client.send(new aws.CreateProposalCommand(proposal))).ProposalId!;
settled<T extends}

settled<T extendsasync vote(ProposalId: string, Vote: "YES" | "NO" = "YES"): Promise<void> {
settled<T extends  const { NetworkId, MemberId: VoterMemberId } = this.member;
settled<T extends  await this.client.send(new aws.VoteOnProposalCommand({ NetworkId, ProposalId, VoterMemberId, Vote }));
settled<T extends}

settled<T extendsasync proposal(ProposalId: string): Promise<aws.Proposal> {
settled<T extends  const { NetworkId } = this.member;
settled<T extends  return (await this.client.send(new aws.GetProposalCommand({ NetworkId, ProposalId }))).Proposal!;
settled<T extends}

settled<T extends/** The invitation that waits for this account. */
settled<T extendsasync invitation(): Promise<aws.Invitation> {
settled<T extends  return until(`an invitation for ${this.accountId}`, async () => {
settled<T extends    const { Invitations } = await this.client.send(new aws.ListInvitationsCommand({}));
settled<T extends    return Invitations?.find(({ Status }) => Status === "PENDING");
settled<T extends  });
settled<T extends}

settled<T extends/** Accepts the invitation that waits, without waiting for what follows. */
settled<T extendsasync accept(memberName: string): Promise<void> {
settled<T extends  const request = await this.acceptance(memberName);
settled<T extends  this.memberId = (await this.client.send(new aws.CreateMemberCommand(request))).MemberId!;
settled<T extends}

settled<T extends/** What CreateMember takes to accept the invitation that waits. The SDK gives each call a token of its own. */
settled<T extendsasync acceptance(memberName: string): Promise<aws.CreateMemberCommandInput> {
settled<T extends  const { InvitationId, NetworkSummary } = await this.invitation();
settled<T extends  this.networkId = NetworkSummary!.Id!;
settled<T extends  this.memberName = memberName;
settled<T extends  return { NetworkId: this.networkId, InvitationId, MemberConfiguration: memberConfiguration(memberName) };
settled<T extends}

settled<T extendsasync joined(): Promise<void> {
settled<T extends  const member = await this.#settled(`member ${this.memberId}`, () => this.seen(this.memberId));
settled<T extends  assert.equal(member.Status, "AVAILABLE");
settled<T extends}

settled<T extends/** A member as this account sees it. */
settled<T extendsasync seen(MemberId: string): Promise<aws.Member | undefined> {
settled<T extends  return (await this.client.send(new aws.GetMemberCommand({ NetworkId: this.networkId, MemberId }))).Member;
settled<T extends}

settled<T extends/** Waits until a member is out, as this account sees it. Only the list still knows those. */
settled<T extendsasync gone(memberId: string): Promise<void> {
settled<T extends  await until(`member ${memberId} to be out`, async () => {
settled<T extends    const { Members } = await this.client.send(new aws.ListMembersCommand({ NetworkId: this.networkId }));
settled<T extends    return Members?.find(({ Id, Status }) => Id === memberId && Status === "DELETED");
settled<T extends  });
settled<T extends}

settled<T extends/** Makes a peer and waits until it serves. Returns its id. */
settled<T extendsasync createNode(): Promise<string> {
settled<T extends  const NodeConfiguration = { InstanceType: "bc.t3.small", AvailabilityZone: "eu-west-1a" };
settled<T extends  const { NodeId } = await this.client.send(new aws.CreateNodeCommand({ ...this.member, NodeConfiguration }));
settled<T extends  const node = await this.#settled(`node ${NodeId}`, () => this.node(NodeId!));
settled<T extends  assert.equal(node.Status, "AVAILABLE");
settled<T extends  this.env = await this.#service.json("env", this.memberName, "--user", "User1", "--network", this.networkId);
settled<T extends  assert.ok(node.FrameworkAttributes?.Fabric?.PeerEndpoint);
settled<T extends  return NodeId!;
settled<T extends}

settled<T extendsasync node(NodeId: string): Promise<aws.Node | undefined> {
settled<T extends  return (await this.client.send(new aws.GetNodeCommand({ ...this.member, NodeId }))).Node;
settled<T extends}

settled<T extendsasync nodeStatuses(): Promise<(string | undefined)[]> {
settled<T extends  const { Nodes } = await this.client.send(new aws.ListNodesCommand(this.member));
settled<T extends  return (Nodes ?? []).map(({ Status }) => Status);
settled<T extends}

settled<T extendsasync leave(): Promise<void> {
settled<T extends  await this.client.send(new aws.DeleteMemberCommand(this.member));
settled<T extends}

settled<T extends/** The member's user at its own peer, or at another member's. The caller closes it. */
settled<T extendsuser(at: ManagedAccount = this): FabricUser {
settled<T extends  return new FabricUser(this.env, at.env);
settled<T extends}

settled<T extends#settled<T extends { readonly Status?: string }>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
settled<T extends  return until(what, async () => {
settled<T extends    const found = await ask();
settled<T extends    return found === undefined || WAY.has(found.Status ?? "") ? undefined : found;
settled<T extends  });
settled<T extends}
}
