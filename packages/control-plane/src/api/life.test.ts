/** The life of a network through the AWS SDK for JavaScript: every operation of the service, two accounts and more. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as aws from "@aws-sdk/client-managedblockchain";
import { memberConfiguration, networkRequest, REGION, TestControlPlane } from "../testing/control-plane.js";

describe("a network's life", () => {
  let plane: TestControlPlane;
  let one: aws.ManagedBlockchainClient;
  let two: aws.ManagedBlockchainClient;
  let networkId = "";
  let firstId = "";
  let secondId = "";
  let nodeId = "";

  before(async () => {
    plane = await TestControlPlane.start();
    [one, two] = [plane.client(0), plane.client(1)];
  });
  after(() => plane.stop());

  it("creates a network with its first member", async () => {
    const made = await one.send(
      new aws.CreateNetworkCommand({ ...networkRequest(), Description: "a test", Tags: { stage: "test" } }),
    );
    networkId = made.NetworkId ?? "";
    firstId = made.MemberId ?? "";
    assert.match(networkId, /^n-[A-Z2-7]{26}$/);
    assert.match(firstId, /^m-[A-Z2-7]{26}$/);
    assert.equal(made.$metadata.httpStatusCode, 200);
    assert.match(made.$metadata.requestId ?? "", /^[0-9a-f-]{36}$/);
    await plane.idle();
    const { Network } = await one.send(new aws.GetNetworkCommand({ NetworkId: networkId }));
    const lower = networkId.toLowerCase();
    assert.deepEqual(
      { ...Network, CreationDate: undefined },
      {
        Id: networkId,
        Name: "trade",
        Description: "a test",
        Framework: "HYPERLEDGER_FABRIC",
        FrameworkVersion: "2.2",
        FrameworkAttributes: { Fabric: { OrderingServiceEndpoint: "127.0.0.1:30001", Edition: "STANDARD" } },
        VpcEndpointServiceName: `com.amazonaws.us-east-1.managedblockchain.${lower}`,
        VotingPolicy: networkRequest().VotingPolicy,
        Status: "AVAILABLE",
        CreationDate: undefined,
        Tags: { stage: "test" },
        Arn: `arn:aws:managedblockchain:${REGION}::networks/${networkId}`,
      },
    );
    assert.ok(Network?.CreationDate instanceof Date);
    const { Networks } = await one.send(new aws.ListNetworksCommand({ Name: "trade", Status: "AVAILABLE" }));
    assert.deepEqual(
      Networks?.map(({ Id }) => Id),
      [networkId],
    );
  });

  it("shows it to nobody else", async () => {
    await assert.rejects(two.send(new aws.GetNetworkCommand({ NetworkId: networkId })), aws.ResourceNotFoundException);
    assert.deepEqual((await two.send(new aws.ListNetworksCommand({}))).Networks, []);
  });

  it("shows the first member", async () => {
    const { Member } = await one.send(new aws.GetMemberCommand({ NetworkId: networkId, MemberId: firstId }));
    assert.equal(Member?.Status, "AVAILABLE");
    assert.equal(Member?.KmsKeyArn, "AWS_OWNED_KMS_KEY");
    assert.deepEqual(Member?.FrameworkAttributes, {
      Fabric: { AdminUsername: "admin", CaEndpoint: "127.0.0.1:30002" },
    });
    assert.equal(Member?.Arn, `arn:aws:managedblockchain:${REGION}:111111111111:members/${firstId}`);
  });

  it("invites an account by proposal and vote", async () => {
    const { ProposalId } = await one.send(
      new aws.CreateProposalCommand({
        NetworkId: networkId,
        MemberId: firstId,
        Actions: { Invitations: [{ Principal: "222222222222" }] },
        Description: "two should join",
        Tags: { round: "1" },
      }),
    );
    const proposal = { NetworkId: networkId, ProposalId };
    const open = (await one.send(new aws.GetProposalCommand(proposal))).Proposal;
    assert.equal(open?.Status, "IN_PROGRESS");
    assert.equal(open?.OutstandingVoteCount, 1);
    assert.equal(open?.ProposedByMemberName, "first");
    assert.deepEqual(open?.Actions?.Invitations, [{ Principal: "222222222222" }]);
    assert.deepEqual(open?.Tags, { round: "1" });
    assert.equal((open?.ExpirationDate?.getTime() ?? 0) - (open?.CreationDate?.getTime() ?? 0), 24 * 3_600_000);
    await one.send(new aws.VoteOnProposalCommand({ ...proposal, VoterMemberId: firstId, Vote: "YES" }));
    const decided = (await one.send(new aws.GetProposalCommand(proposal))).Proposal;
    assert.equal(decided?.Status, "APPROVED");
    assert.deepEqual([decided?.YesVoteCount, decided?.NoVoteCount, decided?.OutstandingVoteCount], [1, 0, 0]);
    const { ProposalVotes } = await one.send(new aws.ListProposalVotesCommand(proposal));
    assert.deepEqual(ProposalVotes, [{ Vote: "YES", MemberName: "first", MemberId: firstId }]);
    const { Proposals } = await one.send(new aws.ListProposalsCommand({ NetworkId: networkId }));
    assert.deepEqual(
      Proposals?.map((each) => each.ProposalId),
      [ProposalId],
    );
  });

  it("lets the invited account join", async () => {
    const { Invitations } = await two.send(new aws.ListInvitationsCommand({}));
    const [invitation] = Invitations ?? [];
    assert.equal(invitation?.Status, "PENDING");
    assert.equal(invitation?.NetworkSummary?.Id, networkId);
    const { Tags } = await two.send(new aws.ListTagsForResourceCommand({ ResourceArn: invitation?.Arn }));
    assert.deepEqual(Tags, { round: "1" });
    const joined = await two.send(
      new aws.CreateMemberCommand({
        NetworkId: networkId,
        InvitationId: invitation?.InvitationId,
        MemberConfiguration: memberConfiguration("second"),
      }),
    );
    secondId = joined.MemberId ?? "";
    await plane.idle();
    const { Members } = await two.send(new aws.ListMembersCommand({ NetworkId: networkId }));
    assert.deepEqual(
      Members?.map(({ Name, Status, IsOwned }) => [Name, Status, IsOwned]),
      [
        ["first", "AVAILABLE", false],
        ["second", "AVAILABLE", true],
      ],
    );
    const after = await two.send(new aws.ListInvitationsCommand({}));
    assert.equal(after.Invitations?.[0]?.Status, "ACCEPTED");
    const other = await two.send(new aws.GetMemberCommand({ NetworkId: networkId, MemberId: firstId }));
    assert.equal(other.Member?.FrameworkAttributes, undefined, "others do not see a member's authority");
  });

  it("creates, shows, changes and deletes a node", async () => {
    const made = await two.send(
      new aws.CreateNodeCommand({
        NetworkId: networkId,
        MemberId: secondId,
        NodeConfiguration: { InstanceType: "bc.t3.small", AvailabilityZone: "us-east-1a" },
        Tags: { owner: "two" },
      }),
    );
    nodeId = made.NodeId ?? "";
    assert.match(nodeId, /^nd-[A-Z2-7]{26}$/);
    await plane.idle();
    const where = { NetworkId: networkId, MemberId: secondId, NodeId: nodeId };
    const { Node } = await two.send(new aws.GetNodeCommand(where));
    assert.equal(Node?.Status, "AVAILABLE");
    assert.equal(Node?.StateDB, "CouchDB");
    assert.match(Node?.FrameworkAttributes?.Fabric?.PeerEndpoint ?? "", /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(Node?.Tags, { owner: "two" });
    const network = plane.operator.network(networkId);
    network?.place(nodeId, secondId, "restarting");
    assert.equal((await two.send(new aws.GetNodeCommand(where))).Node?.Status, "UNHEALTHY");
    network?.place(nodeId, secondId, "running");
    const logs = { Fabric: { PeerLogs: { Cloudwatch: { Enabled: true } } } };
    await two.send(new aws.UpdateNodeCommand({ ...where, LogPublishingConfiguration: logs }));
    await plane.idle();
    assert.equal(network?.isLogging(`peer ${nodeId}`), true);
    const { Nodes } = await two.send(new aws.ListNodesCommand({ NetworkId: networkId, MemberId: secondId }));
    assert.deepEqual(
      Nodes?.map(({ Id, Status, InstanceType }) => [Id, Status, InstanceType]),
      [[nodeId, "AVAILABLE", "bc.t3.small"]],
    );
    await two.send(new aws.DeleteNodeCommand(where));
    await plane.idle();
    await assert.rejects(two.send(new aws.GetNodeCommand(where)), aws.ResourceNotFoundException);
    const left = await two.send(new aws.ListNodesCommand({ NetworkId: networkId, MemberId: secondId }));
    assert.equal(left.Nodes?.[0]?.Status, "DELETED");
  });

  it("switches a member's log", async () => {
    const logs = { Fabric: { CaLogs: { Cloudwatch: { Enabled: true } } } };
    const where = { NetworkId: networkId, MemberId: secondId };
    await two.send(new aws.UpdateMemberCommand({ ...where, LogPublishingConfiguration: logs }));
    await plane.idle();
    assert.deepEqual((await two.send(new aws.GetMemberCommand(where))).Member?.LogPublishingConfiguration, logs);
    assert.equal(plane.operator.network(networkId)?.isLogging(`ca ${secondId}`), true);
  });

  it("rejects an invitation", async () => {
    const actions = { Invitations: [{ Principal: "333333333333" }] };
    const { ProposalId } = await one.send(
      new aws.CreateProposalCommand({ NetworkId: networkId, MemberId: firstId, Actions: actions }),
    );
    const vote = { NetworkId: networkId, ProposalId, Vote: "YES" as const };
    await one.send(new aws.VoteOnProposalCommand({ ...vote, VoterMemberId: firstId }));
    await two.send(new aws.VoteOnProposalCommand({ ...vote, VoterMemberId: secondId }));
    const three = plane.client(2);
    const InvitationId = (await three.send(new aws.ListInvitationsCommand({}))).Invitations?.[0]?.InvitationId;
    await assert.rejects(one.send(new aws.RejectInvitationCommand({ InvitationId })), aws.ResourceNotFoundException);
    await three.send(new aws.RejectInvitationCommand({ InvitationId }));
    await assert.rejects(three.send(new aws.RejectInvitationCommand({ InvitationId })), aws.IllegalActionException);
    const { Invitations } = await three.send(new aws.ListInvitationsCommand({}));
    assert.equal(Invitations?.[0]?.Status, "REJECTED");
  });

  it("tags and untags", async () => {
    const ResourceArn = `arn:aws:managedblockchain:${REGION}::networks/${networkId}`;
    await two.send(new aws.TagResourceCommand({ ResourceArn, Tags: { a: "1", "b c": "2/3" } }));
    const tags = async (client: aws.ManagedBlockchainClient) =>
      (await client.send(new aws.ListTagsForResourceCommand({ ResourceArn }))).Tags;
    assert.deepEqual(await tags(two), { a: "1", "b c": "2/3" });
    assert.deepEqual(await tags(one), { stage: "test" }, "tags are the account's own");
    await two.send(new aws.UntagResourceCommand({ ResourceArn, TagKeys: ["a", "b c"] }));
    assert.deepEqual(await tags(two), {});
  });

  it("keeps accessors", async () => {
    const made = await one.send(
      new aws.CreateAccessorCommand({ AccessorType: "BILLING_TOKEN", NetworkType: "POLYGON_MAINNET" }),
    );
    const { AccessorId } = made;
    assert.match(made.BillingToken ?? "", /^[A-Za-z0-9_-]{42}$/);
    const { Accessor } = await one.send(new aws.GetAccessorCommand({ AccessorId }));
    assert.equal(Accessor?.BillingToken, made.BillingToken);
    assert.equal((await one.send(new aws.ListAccessorsCommand({}))).Accessors?.length, 1);
    assert.equal((await two.send(new aws.ListAccessorsCommand({}))).Accessors?.length, 0);
    await one.send(new aws.DeleteAccessorCommand({ AccessorId }));
    assert.equal((await one.send(new aws.GetAccessorCommand({ AccessorId }))).Accessor?.Status, "PENDING_DELETION");
  });

  it("removes the creator by vote, and the network lives on", async () => {
    const actions = { Removals: [{ MemberId: firstId }] };
    const { ProposalId } = await two.send(
      new aws.CreateProposalCommand({ NetworkId: networkId, MemberId: secondId, Actions: actions }),
    );
    const vote = { NetworkId: networkId, ProposalId, Vote: "YES" as const };
    await two.send(new aws.VoteOnProposalCommand({ ...vote, VoterMemberId: secondId }));
    await one.send(new aws.VoteOnProposalCommand({ ...vote, VoterMemberId: firstId }));
    await plane.idle();
    await assert.rejects(one.send(new aws.GetNetworkCommand({ NetworkId: networkId })), aws.ResourceNotFoundException);
    const { Members } = await two.send(new aws.ListMembersCommand({ NetworkId: networkId }));
    assert.deepEqual(
      Members?.map(({ Name, Status }) => [Name, Status]),
      [
        ["first", "DELETED"],
        ["second", "AVAILABLE"],
      ],
    );
  });

  it("deletes the network with its last member", async () => {
    await two.send(new aws.DeleteMemberCommand({ NetworkId: networkId, MemberId: secondId }));
    await plane.idle();
    await assert.rejects(two.send(new aws.GetNetworkCommand({ NetworkId: networkId })), aws.ResourceNotFoundException);
    const { Invitations } = await two.send(new aws.ListInvitationsCommand({}));
    assert.equal(Invitations?.[0]?.NetworkSummary?.Status, "DELETED");
  });
});
