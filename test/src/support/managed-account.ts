/** What an account does through the Managed Blockchain API, in the calls of AWS's SDK for JavaScript. */
import assert from "node:assert/strict";
import * as aws from "@aws-sdk/client-managedblockchain";
import { FabricUser, type Via } from "./fabric-user.js";
import { type ManagedService, PASSWORD, type ServiceAccount } from "./managed-service.js";
import { until } from "./until.js";

/** Generous, because the machine may be busy with other tests. */
const SETTLED_WITHIN_MS = 90_000;
const WAY = new Set(["CREATING", "UPDATING", "DELETING", "ACCEPTING"]);

export function memberConfiguration(Name: string): aws.MemberConfiguration {
  return { Name, FrameworkConfiguration: { Fabric: { AdminUsername: "admin", AdminPassword: PASSWORD } } };
}

/** One account with at most one member of one network. */
export class ManagedAccount {
  readonly client: aws.ManagedBlockchainClient;
  readonly accountId: string;
  readonly #service: ManagedService;
  networkId = "";
  memberId = "";
  memberName = "";
  /** Variables of the member's user, as printed while it was a member. */
  env: Via = {};

  constructor(service: ManagedService, account: ServiceAccount) {
    this.#service = service;
    this.accountId = account.accountId;
    this.client = service.client(account);
  }

  get member() {
    return { NetworkId: this.networkId, MemberId: this.memberId };
  }

  async createNetwork(memberName: string): Promise<void> {
    const made = await this.client.send(
      new aws.CreateNetworkCommand({
        Name: "trade",
        Framework: "HYPERLEDGER_FABRIC",
        FrameworkVersion: "2.2",
        FrameworkConfiguration: { Fabric: { Edition: "STARTER" } },
        VotingPolicy: {
          ApprovalThresholdPolicy: {
            ThresholdPercentage: 50,
            ProposalDurationInHours: 24,
            ThresholdComparator: "GREATER_THAN",
          },
        },
        MemberConfiguration: memberConfiguration(memberName),
      }),
    );
    this.networkId = made.NetworkId!;
    this.memberId = made.MemberId!;
    this.memberName = memberName;
    const network = await this.#settled("the network", async () => {
      return (await this.client.send(new aws.GetNetworkCommand({ NetworkId: this.networkId }))).Network;
    });
    assert.equal(network.Status, "AVAILABLE");
  }

  /** Proposes in the member's name. Returns the proposal's id. */
  async propose(Actions: aws.ProposalActions, Description?: string): Promise<string> {
    const proposal = { ...this.member, Actions, Description };
    return (await this.client.send(new aws.CreateProposalCommand(proposal))).ProposalId!;
  }

  async vote(ProposalId: string, Vote: "YES" | "NO" = "YES"): Promise<void> {
    const { NetworkId, MemberId: VoterMemberId } = this.member;
    await this.client.send(new aws.VoteOnProposalCommand({ NetworkId, ProposalId, VoterMemberId, Vote }));
  }

  async proposal(ProposalId: string): Promise<aws.Proposal> {
    const { NetworkId } = this.member;
    return (await this.client.send(new aws.GetProposalCommand({ NetworkId, ProposalId }))).Proposal!;
  }

  /** The invitation that waits for this account. */
  async invitation(): Promise<aws.Invitation> {
    return until(`an invitation for ${this.accountId}`, async () => {
      const { Invitations } = await this.client.send(new aws.ListInvitationsCommand({}));
      return Invitations?.find(({ Status }) => Status === "PENDING");
    });
  }

  /** Accepts the invitation that waits, without waiting for what follows. */
  async accept(memberName: string): Promise<void> {
    const request = await this.acceptance(memberName);
    this.memberId = (await this.client.send(new aws.CreateMemberCommand(request))).MemberId!;
  }

  /** What CreateMember takes to accept the invitation that waits. The SDK gives each call a token of its own. */
  async acceptance(memberName: string): Promise<aws.CreateMemberCommandInput> {
    const { InvitationId, NetworkSummary } = await this.invitation();
    this.networkId = NetworkSummary!.Id!;
    this.memberName = memberName;
    return { NetworkId: this.networkId, InvitationId, MemberConfiguration: memberConfiguration(memberName) };
  }

  async joined(): Promise<void> {
    const member = await this.#settled(`member ${this.memberId}`, () => this.seen(this.memberId));
    assert.equal(member.Status, "AVAILABLE");
  }

  /** A member as this account sees it. */
  async seen(MemberId: string): Promise<aws.Member | undefined> {
    return (await this.client.send(new aws.GetMemberCommand({ NetworkId: this.networkId, MemberId }))).Member;
  }

  /** Waits until a member is out, as this account sees it. Only the list still knows those. */
  async gone(memberId: string): Promise<void> {
    await until(`member ${memberId} to be out`, async () => {
      const { Members } = await this.client.send(new aws.ListMembersCommand({ NetworkId: this.networkId }));
      return Members?.find(({ Id, Status }) => Id === memberId && Status === "DELETED");
    });
  }

  /** Makes a peer and waits until it serves, then reads how to reach it. Returns its id. */
  async createNode(): Promise<string> {
    const NodeId = await this.createBareNode();
    this.env = await this.#service.json("env", this.memberName, "--user", "User1", "--network", this.networkId);
    return NodeId;
  }

  /** Makes a peer and waits until it serves. Returns its id. */
  async createBareNode(): Promise<string> {
    const NodeConfiguration = { InstanceType: "bc.t3.small", AvailabilityZone: "eu-west-1a" };
    const { NodeId } = await this.client.send(new aws.CreateNodeCommand({ ...this.member, NodeConfiguration }));
    const node = await this.#settled(`node ${NodeId}`, () => this.node(NodeId!));
    assert.equal(node.Status, "AVAILABLE");
    assert.ok(node.FrameworkAttributes?.Fabric?.PeerEndpoint);
    return NodeId!;
  }

  async node(NodeId: string): Promise<aws.Node | undefined> {
    return (await this.client.send(new aws.GetNodeCommand({ ...this.member, NodeId }))).Node;
  }

  async nodeStatuses(): Promise<(string | undefined)[]> {
    const { Nodes } = await this.client.send(new aws.ListNodesCommand(this.member));
    return (Nodes ?? []).map(({ Status }) => Status);
  }

  async leave(): Promise<void> {
    await this.client.send(new aws.DeleteMemberCommand(this.member));
  }

  /** The member's user at its own peer, or at another member's. The caller closes it. */
  user(at: ManagedAccount = this): FabricUser {
    return new FabricUser(this.env, at.env);
  }

  #settled<T extends { readonly Status?: string }>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    const attempt = async () => {
      const found = await ask();
      return found === undefined || WAY.has(found.Status ?? "") ? undefined : found;
    };
    return until(what, attempt, SETTLED_WITHIN_MS);
  }
}
