/** What things say while they come and go, what the editions allow, and what becomes of work that was interrupted. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as aws from "@aws-sdk/client-managedblockchain";
import { HansaError, silentLogger, type UnixMs, unixMs } from "@hansa/primitives";
import { Store } from "../store/store.js";
import { memberConfiguration, networkRequest, TestControlPlane } from "../testing/control-plane.js";
import { fleet, invite } from "../testing/fleet.js";
import { MemoryOperator } from "../testing/memory-operator.js";
import { raw } from "../testing/raw.js";

/** Until the operator is told to hurry. */
const FOREVER_MS = 600_000;

class HandClock {
  at = unixMs(Date.now());
  now(): UnixMs {
    return this.at;
  }
  pass(ms: number): void {
    this.at = unixMs(this.at + ms);
  }
}

const nodeRequest = (NetworkId: string, MemberId: string, InstanceType = "bc.t3.small") => ({
  NetworkId,
  MemberId,
  NodeConfiguration: { InstanceType, AvailabilityZone: "us-east-1a" },
});

async function statuses(plane: TestControlPlane, account: number, networkId: string) {
  const client = plane.client(account);
  const { Network } = await client.send(new aws.GetNetworkCommand({ NetworkId: networkId }));
  const { Members } = await client.send(new aws.ListMembersCommand({ NetworkId: networkId }));
  return [Network?.Status, ...(Members ?? []).map(({ Status }) => Status)];
}

describe("states", () => {
  const open: TestControlPlane[] = [];
  const start = async (config: Parameters<typeof TestControlPlane.start>[0] = {}) => {
    const plane = await TestControlPlane.start(config);
    open.push(plane);
    return plane;
  };
  afterEach(async () => {
    for (const plane of open.splice(0)) await plane.stop();
  });

  it("says CREATING until it is made, and lets nobody act on it before", async () => {
    const plane = await start({ operator: new MemoryOperator({ startMs: FOREVER_MS }) });
    const one = plane.client(0);
    const { NetworkId, MemberId } = await one.send(new aws.CreateNetworkCommand(networkRequest()));
    assert.deepEqual(await statuses(plane, 0, NetworkId!), ["CREATING", "CREATING"]);
    await assert.rejects(
      one.send(new aws.CreateNodeCommand(nodeRequest(NetworkId!, MemberId!))),
      aws.ResourceNotReadyException,
    );
    const Actions = { Invitations: [{ Principal: "222222222222" }] };
    await assert.rejects(
      one.send(new aws.CreateProposalCommand({ NetworkId, MemberId, Actions })),
      aws.ResourceNotReadyException,
    );
    await assert.rejects(one.send(new aws.DeleteMemberCommand({ NetworkId, MemberId })), aws.ResourceNotReadyException);
    const vote = { NetworkId, ProposalId: "p-1", VoterMemberId: MemberId, Vote: "YES" } as const;
    await assert.rejects(one.send(new aws.VoteOnProposalCommand(vote)), aws.ResourceNotFoundException);
    plane.operator.hurry();
    await plane.idle();
    assert.deepEqual(await statuses(plane, 0, NetworkId!), ["AVAILABLE", "AVAILABLE"]);
    const node = await one.send(new aws.CreateNodeCommand(nodeRequest(NetworkId!, MemberId!)));
    const where = { NetworkId, MemberId, NodeId: node.NodeId };
    assert.equal((await one.send(new aws.GetNodeCommand(where))).Node?.Status, "CREATING");
    await assert.rejects(one.send(new aws.DeleteNodeCommand(where)), aws.ResourceNotReadyException);
    plane.operator.hurry();
    await plane.idle();
    assert.equal((await one.send(new aws.GetNodeCommand(where))).Node?.Status, "AVAILABLE");
  });

  it("takes as long as it is told to", async () => {
    const clock = new HandClock();
    const plane = await start({ operator: new MemoryOperator({ clock }), createDelayMs: 30 * 60_000 });
    const { NetworkId, MemberId } = await plane.client(0).send(new aws.CreateNetworkCommand(networkRequest()));
    await plane.idle();
    assert.deepEqual(await statuses(plane, 0, NetworkId!), ["CREATING", "CREATING"]);
    clock.pass(29 * 60_000);
    assert.deepEqual(await statuses(plane, 0, NetworkId!), ["CREATING", "CREATING"]);
    clock.pass(60_000);
    assert.deepEqual(await statuses(plane, 0, NetworkId!), ["AVAILABLE", "AVAILABLE"]);
    await plane.client(0).send(new aws.CreateNodeCommand(nodeRequest(NetworkId!, MemberId!)));
  });

  it("says CREATE_FAILED when it could not be made, and lets the owner clear it away", async () => {
    const plane = await start();
    plane.operator.fail("create");
    const one = plane.client(0);
    const { NetworkId, MemberId } = await one.send(new aws.CreateNetworkCommand(networkRequest()));
    await plane.idle();
    assert.deepEqual(await statuses(plane, 0, NetworkId!), ["CREATE_FAILED", "CREATE_FAILED"]);
    const told = await raw(plane.url, 0, "GET", `/hansa/networks/${NetworkId}`);
    assert.equal(told.body.StatusReason, "create fails on purpose");
    assert.deepEqual(plane.store.secrets.memberIds(), [], "the password is gone");
    await one.send(new aws.DeleteMemberCommand({ NetworkId, MemberId }));
    await assert.rejects(one.send(new aws.GetNetworkCommand({ NetworkId })), aws.ResourceNotFoundException);
  });

  it("keeps an invitation open when its member could not be made", async () => {
    const plane = await start();
    const net = await fleet(plane, [0]);
    const InvitationId = await invite(plane, net, [0], 1);
    plane.operator.fail("prepareMember");
    const request = { NetworkId: net.networkId, InvitationId, MemberConfiguration: memberConfiguration("second") };
    const { MemberId } = await plane.client(1).send(new aws.CreateMemberCommand(request));
    await plane.idle();
    assert.deepEqual(await statuses(plane, 1, net.networkId), ["AVAILABLE", "AVAILABLE", "CREATE_FAILED"]);
    const { Invitations } = await plane.client(1).send(new aws.ListInvitationsCommand({}));
    assert.equal(Invitations?.[0]?.Status, "PENDING");
    await plane.client(1).send(new aws.CreateMemberCommand(request));
    await plane.idle();
    assert.deepEqual(await statuses(plane, 1, net.networkId), ["AVAILABLE", "AVAILABLE", "CREATE_FAILED", "AVAILABLE"]);
    await plane.client(1).send(new aws.DeleteMemberCommand({ NetworkId: net.networkId, MemberId }));
    assert.deepEqual(await statuses(plane, 1, net.networkId), ["AVAILABLE", "AVAILABLE", "DELETED", "AVAILABLE"]);
  });

  it("says ACCEPTING while a member joins", async () => {
    const plane = await start();
    const net = await fleet(plane, [0]);
    const InvitationId = await invite(plane, net, [0], 1);
    plane.operator.startMs = FOREVER_MS;
    plane.operator.enactMs = FOREVER_MS;
    const two = plane.client(1);
    const request = { NetworkId: net.networkId, InvitationId, MemberConfiguration: memberConfiguration("second") };
    const Actions = { Invitations: [{ Principal: "333333333333" }] };
    const open = { NetworkId: net.networkId, MemberId: net.memberIds[0], Actions };
    const { ProposalId } = await plane.client(0).send(new aws.CreateProposalCommand(open));
    const joining = await two.send(new aws.CreateMemberCommand(request));
    const status = async () => (await two.send(new aws.ListInvitationsCommand({}))).Invitations?.[0]?.Status;
    assert.equal(await status(), "ACCEPTING");
    await assert.rejects(two.send(new aws.RejectInvitationCommand({ InvitationId })), aws.IllegalActionException);
    await assert.rejects(two.send(new aws.CreateMemberCommand(request)), /is ACCEPTING, not PENDING/);
    const vote = { NetworkId: net.networkId, ProposalId, VoterMemberId: joining.MemberId, Vote: "NO" } as const;
    await assert.rejects(two.send(new aws.VoteOnProposalCommand(vote)), aws.IllegalActionException, "not a member yet");
    plane.operator.hurry();
    await plane.running.idle();
    assert.equal(await status(), "ACCEPTING", "channels still take it in");
    assert.deepEqual(await statuses(plane, 1, net.networkId), ["AVAILABLE", "AVAILABLE", "CREATING"]);
    await two.send(new aws.VoteOnProposalCommand(vote));
    plane.operator.hurry();
    await plane.idle();
    assert.equal(await status(), "ACCEPTED");
  });

  it("shows the health of the process behind a node", async () => {
    const plane = await start();
    const { networkId, memberIds } = await fleet(plane, [0]);
    const one = plane.client(0);
    const { NodeId } = await one.send(new aws.CreateNodeCommand(nodeRequest(networkId, memberIds[0]!)));
    await plane.idle();
    const where = { NetworkId: networkId, MemberId: memberIds[0], NodeId };
    const status = async () => (await one.send(new aws.GetNodeCommand(where))).Node?.Status;
    const network = plane.operator.network(networkId)!;
    for (const [state, failure, expected] of [
      ["running", undefined, "AVAILABLE"],
      ["starting", undefined, "UNHEALTHY"],
      ["restarting", "killed", "UNHEALTHY"],
      ["stopped", undefined, "UNHEALTHY"],
      ["stopped", "disk full", "FAILED"],
      ["running", undefined, "AVAILABLE"],
    ] as const) {
      network.place(NodeId!, memberIds[0], state, "peer", failure === undefined ? {} : { lastFailure: failure });
      assert.equal(await status(), expected);
    }
    network.tellsNodes = true;
    const asked = network.nodesAsked;
    network.place(NodeId!, memberIds[0], "restarting", "peer", { lastFailure: "killed" });
    assert.equal(await status(), "UNHEALTHY");
    network.place(NodeId!, memberIds[0], "running", "peer");
    assert.equal(await status(), "AVAILABLE");
    assert.equal(network.nodesAsked, asked, "what is told is not asked for");
    network.tellsNodes = false;
    network.nodes = () => Promise.reject(new HansaError("NOT_RUNNING", "it is not running"));
    assert.equal(await status(), "UNHEALTHY");
  });

  it("keeps a node that could not be made on the list until it is deleted", async () => {
    const plane = await start();
    const { networkId, memberIds } = await fleet(plane, [0]);
    plane.operator.fail("createNode");
    const one = plane.client(0);
    const { NodeId } = await one.send(new aws.CreateNodeCommand(nodeRequest(networkId, memberIds[0]!)));
    await plane.idle();
    const where = { NetworkId: networkId, MemberId: memberIds[0], NodeId };
    assert.equal((await one.send(new aws.GetNodeCommand(where))).Node?.Status, "CREATE_FAILED");
    await one.send(new aws.DeleteNodeCommand(where));
    await plane.idle();
    await assert.rejects(one.send(new aws.GetNodeCommand(where)), aws.ResourceNotFoundException);
  });

  it("tries again what failed on the way there", async () => {
    const plane = await start();
    plane.operator.fail("create", new HansaError("SUPERVISOR_UNREACHABLE", "not there yet"));
    const { NetworkId } = await plane.client(0).send(new aws.CreateNetworkCommand(networkRequest()));
    await plane.idle();
    assert.deepEqual(await statuses(plane, 0, NetworkId!), ["AVAILABLE", "AVAILABLE"]);
  });

  it("shows the members and peers of a network from a file to their accounts", async () => {
    const plane = await start();
    const members = [
      { name: "Brewery", accountId: "111111111111" },
      { name: "Malt house", accountId: "222222222222" },
    ];
    const network = plane.operator.foundWithPeers("n-FILE", members);
    assert.deepEqual(await statuses(plane, 0, "n-FILE"), ["AVAILABLE", "AVAILABLE", "AVAILABLE"]);
    const [first = ""] = network.governance.members.keys();
    const one = plane.client(0);
    const { Nodes } = await one.send(new aws.ListNodesCommand({ NetworkId: "n-FILE", MemberId: first }));
    assert.deepEqual(
      Nodes?.map(({ Status, InstanceType }) => [Status, InstanceType]),
      [["AVAILABLE", "bc.t3.small"]],
    );
    const where = { NetworkId: "n-FILE", MemberId: first, NodeId: Nodes?.[0]?.Id };
    const logs = { Fabric: { ChaincodeLogs: { Cloudwatch: { Enabled: true } } } };
    await one.send(new aws.UpdateNodeCommand({ ...where, LogPublishingConfiguration: logs }));
    await plane.idle();
    assert.equal(network.isLogging(`chaincode ${where.NodeId}`), true);
    const { Node } = await one.send(new aws.GetNodeCommand(where));
    assert.equal(Node?.LogPublishingConfiguration?.Fabric?.ChaincodeLogs?.Cloudwatch?.Enabled, true);
    await one.send(new aws.DeleteNodeCommand(where));
    await plane.idle();
    const left = await one.send(new aws.ListNodesCommand({ NetworkId: "n-FILE", MemberId: first }));
    assert.equal(left.Nodes?.[0]?.Status, "DELETED");
  });
});

describe("quotas", () => {
  let plane: TestControlPlane;
  let free: TestControlPlane;
  before(async () => {
    plane = await TestControlPlane.start();
    free = await TestControlPlane.start({ quotas: "off" });
  });
  after(async () => {
    await plane.stop();
    await free.stop();
  });

  it("lets a STARTER network have 5 members", async () => {
    const owners = [0, 1, 1, 1, 1];
    const net = await fleet(plane, owners, { edition: "STARTER" });
    const InvitationId = await invite(plane, net, owners, 2);
    const MemberConfiguration = memberConfiguration("sixth");
    await assert.rejects(
      plane
        .client(2)
        .send(new aws.CreateMemberCommand({ NetworkId: net.networkId, InvitationId, MemberConfiguration })),
      (error: Error) =>
        error.name === "ResourceLimitExceededException" && /has 5 members, and 5 is the limit/.test(error.message),
    );
  });

  it("lets an account have members in 6 networks", async () => {
    for (let i = 0; i < 6; i++) await fleet(plane, [2]);
    await assert.rejects(
      plane.client(2).send(new aws.CreateNetworkCommand(networkRequest())),
      (error: Error) => error.name === "ResourceLimitExceededException" && /6 is the limit/.test(error.message),
    );
  });

  it("lets go of both when quotas are off", async () => {
    for (let i = 0; i < 7; i++) await fleet(free, [2]);
    const owners = [0, 1, 1, 1, 1, 1];
    const { networkId, memberIds } = await fleet(free, owners, { edition: "STARTER" });
    assert.equal((await statuses(free, 0, networkId)).length, 7);
    for (let i = 0; i < 4; i++)
      await free.client(0).send(new aws.CreateNodeCommand(nodeRequest(networkId, memberIds[0]!, "bc.m5.large")));
    await free.idle();
  });
});

describe("after the control plane was stopped or killed", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "hansa-plane-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("goes on with what was under way", async () => {
    // As slow as it takes to be stopped before anything is made.
    const slow = new MemoryOperator({ startMs: FOREVER_MS });
    const first = await TestControlPlane.start({ operator: slow, store: Store.open(folder, silentLogger) });
    const { NetworkId, MemberId } = await first.client(0).send(new aws.CreateNetworkCommand(networkRequest()));
    assert.deepEqual(await statuses(first, 0, NetworkId!), ["CREATING", "CREATING"]);
    // Stopped as if killed: nothing is awaited, and the lock of the folder goes with the store.
    await first.store.close();
    const second = await TestControlPlane.start({ store: Store.open(folder, silentLogger) });
    await second.idle();
    assert.deepEqual(await statuses(second, 0, NetworkId!), ["AVAILABLE", "AVAILABLE"]);
    assert.deepEqual(second.store.secrets.memberIds(), [], "the password is gone");
    const { networkId, memberIds } = { networkId: NetworkId!, memberIds: [MemberId!] };
    const InvitationId = await invite(second, { networkId, memberIds }, [0], 1);

    const { operator } = second;
    Object.assign(operator, { startMs: FOREVER_MS });
    const { NodeId } = await second.client(0).send(new aws.CreateNodeCommand(nodeRequest(networkId, MemberId!)));
    const joined = await second
      .client(1)
      .send(
        new aws.CreateMemberCommand({ NetworkId, InvitationId, MemberConfiguration: memberConfiguration("second") }),
      );
    await second.store.close();
    operator.startMs = 0;
    const third = await TestControlPlane.start({ operator, store: Store.open(folder, silentLogger) });
    await third.idle();
    assert.deepEqual(await statuses(third, 1, networkId), ["AVAILABLE", "AVAILABLE", "AVAILABLE"]);
    const { Member } = await third.client(1).send(new aws.GetMemberCommand({ NetworkId, MemberId: joined.MemberId }));
    assert.equal(Member?.FrameworkAttributes?.Fabric?.AdminUsername, "admin");
    const { Node } = await third.client(0).send(new aws.GetNodeCommand({ NetworkId, MemberId, NodeId }));
    assert.equal(Node?.Status, "AVAILABLE");

    operator.fail("deleteNode");
    await third.client(0).send(new aws.DeleteNodeCommand({ NetworkId, MemberId, NodeId }));
    await sleep(20);
    await third.store.close();
    const fourth = await TestControlPlane.start({ operator, store: Store.open(folder, silentLogger) });
    await fourth.idle();
    const { Nodes } = await fourth.client(0).send(new aws.ListNodesCommand({ NetworkId, MemberId }));
    assert.equal(Nodes?.[0]?.Status, "DELETED");
    slow.hurry();
    operator.hurry();
    await Promise.all([first, second, third].map(({ running }) => running.stop()));
    await fourth.stop();
  });

  it("has the network itself say whether a member came in", async () => {
    const operator = new MemoryOperator();
    const place = path.join(folder, "lost answer");
    const first = await TestControlPlane.start({ operator, store: Store.open(place, silentLogger) });
    const net = await fleet(first, [0]);
    const InvitationId = await invite(first, net, [0], 1);
    // The act is ordered, and its answer lost.
    const network = operator.network(net.networkId)!;
    const submit = network.submit.bind(network);
    network.submit = async (act) => {
      await submit(act);
      network.submit = submit;
      throw new HansaError("TIMED_OUT", "no answer came");
    };
    const MemberConfiguration = memberConfiguration("second");
    await first
      .client(1)
      .send(new aws.CreateMemberCommand({ NetworkId: net.networkId, InvitationId, MemberConfiguration }));
    await first.idle();
    assert.deepEqual(await statuses(first, 1, net.networkId), ["AVAILABLE", "AVAILABLE", "AVAILABLE"]);
    await first.stop();
  });
});
