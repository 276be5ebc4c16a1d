/** The whole life of a network whose members decide who is in: made, joined, transacted in, left, and over. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { CaClient } from "@hansa/ca";
import { generatePrivateKey } from "@hansa/crypto";
import { createCsr } from "@hansa/crypto/issuing";
import {
  askCreateChannel,
  findSupervisor,
  type RemoteNetwork,
  type RunningControlPlane,
  startControlPlane,
} from "@hansa/network";
import { temporaryFolder } from "../support/folder.js";
import {
  Assembly,
  createNetwork,
  drawNodeId,
  foundingOf,
  type JoiningMember,
  joiningMember,
} from "../support/governing.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const CHANNEL = "trade";
const contract = path.join(repositoryRoot, "test/contracts/conformance");

describe("the life of a network, decided by its members", () => {
  const { folder, remove } = temporaryFolder();
  const [ana, ben, cem, dora] = ["Ana", "Ben", "Cem", "Dora"].map((name, index) => joiningMember(name, index + 1)) as [
    JoiningMember,
    JoiningMember,
    JoiningMember,
    JoiningMember,
  ];
  let controlPlane: RunningControlPlane;
  let network: RemoteNetwork;
  let assembly: Assembly;
  before(async () => {
    controlPlane = await startControlPlane({ dataFolder: folder, mode: "inline" });
    network = await createNetwork(controlPlane.operator, ana);
    assembly = new Assembly(network);
  });
  after(async () => {
    await controlPlane?.stop();
    remove();
  });

  let written = 0;
  /** One transaction through a member's own peer, by Fabric's own client library. */
  async function transact({ name }: JoiningMember): Promise<void> {
    const gateway = (await controlPlane.network(network.networkId)).member(name).gateway();
    try {
      const contracts = gateway.getNetwork(CHANNEL).getContract("conformance");
      const key = `key-${++written}`;
      await contracts.submitTransaction("put", key, name);
      assert.equal(Buffer.from(await contracts.evaluateTransaction("get", key)).toString(), name);
    } finally {
      gateway.close();
    }
  }

  async function giveNode(member: JoiningMember): Promise<string> {
    const nodeId = drawNodeId();
    await network.createNode({ nodeId, memberId: member.memberId });
    return nodeId;
  }

  /** Waits until a member has no nodes any more. */
  const gone = ({ memberId }: JoiningMember) =>
    until("the end of a member's nodes", async () => {
      const nodes = await network.nodes();
      return nodes.every((node) => node.memberId !== memberId) || undefined;
    });

  const membersOn = async (channel: string) =>
    (await network.channels()).find(({ name }) => name === channel)?.members.toSorted();
  const idsOf = (...members: readonly JoiningMember[]) => members.map(({ memberId }) => memberId).toSorted();

  it("begins with one member, its node and a channel", async () => {
    assert.equal(network.governance.name, "Trade");
    assert.deepEqual([...network.governance.members.keys()], [ana.memberId]);
    const nodeId = await giveNode(ana);
    const supervisor = (await findSupervisor(network.layout))!;
    await askCreateChannel(supervisor, { name: CHANNEL, members: ["Ana"] });
    const view = await controlPlane.network(network.networkId);
    await view.deploy({ name: "conformance", channel: CHANNEL, path: contract });
    await transact(ana);
    const node = (await network.nodes()).find((each) => each.nodeId === nodeId);
    assert.deepEqual([node?.kind, node?.state, node?.memberId], ["peer", "running", ana.memberId]);
  });

  it("lets the member's administrator in by password, and has one for the member's own tools", async () => {
    const view = await controlPlane.network(network.networkId);
    const member = view.member("Ana");
    const key = generatePrivateKey("P-256");
    const authority = view.plan.nodes.find(
      ({ kind, organization }) => kind === "ca" && organization.mspId === member.mspId,
    );
    const ca = new CaClient(view.target(authority!).rpc);
    const csrPem = createCsr({ key, subject: { commonName: ana.adminUsername } });
    const enrolment = { id: ana.adminUsername, csrPem };
    const certificate = await ca.enroll({ ...enrolment, secret: ana.adminPassword });
    await assert.rejects(ca.enroll({ ...enrolment, secret: "Password124" }), { fault: "UNAUTHENTICATED" });
    assert.match(new X509Certificate(certificate).subject, /OU=admin/);
    const env = member.env();
    assert.equal(env.CORE_PEER_LOCALMSPID, ana.memberId);
    assert.ok(existsSync(env.CORE_PEER_MSPCONFIGPATH!));
    const gateway = member.gateway({ user: "Admin" });
    assert.equal(
      Buffer.from(
        await gateway.getNetwork(CHANNEL).getContract("conformance").evaluateTransaction("get", "key-1"),
      ).toString(),
      "Ana",
    );
    gateway.close();
  });

  it("says what an invitation would change before anybody votes", async () => {
    const invitations = [{ invitationId: "in-1", accountId: ben.accountId }];
    const [preview, ...others] = await network.preview({ invitations, removals: [] });
    assert.deepEqual(others, []);
    assert.equal(preview?.channelId, CHANNEL);
    assert.match(preview!.changes.join("\n"), new RegExp(`admits .*${ben.accountId}\nchanges policy .*2 of 2`));
  });

  it("admits the second by the first's vote, and the third by theirs", async () => {
    await assembly.admit([ana], ben);
    await giveNode(ben);
    for (const member of [ben, ana]) await transact(member);
    await assembly.admit([ana, ben], cem);
    await giveNode(cem);
    for (const member of [cem, ana, ben]) await transact(member);
    assert.deepEqual(await membersOn(CHANNEL), idsOf(ana, ben, cem));
    const ledgers = await (await controlPlane.network(network.networkId)).ledgers(CHANNEL);
    assert.equal(ledgers.length, 3);
  });

  it("refuses a second vote, and an act of one that is no member", async () => {
    const proposal = await assembly.propose(ana, { removals: [cem.memberId] });
    await assembly.vote(proposal, ana, false);
    await assert.rejects(assembly.vote(proposal, ana), { name: "GovernanceRefusal", reason: "ALREADY_EXISTS" });
    await assert.rejects(assembly.vote(proposal, dora), { name: "GovernanceRefusal", reason: "NOT_FOUND" });
    await assembly.vote(proposal, ben, false);
    assert.equal(assembly.proposal(proposal).status, "REJECTED");
    assert.deepEqual(await membersOn(CHANNEL), idsOf(ana, ben, cem));
  });

  it("takes out the one that created it, by the others' votes, and goes on", async () => {
    const gateway = (await controlPlane.network(network.networkId)).member("Ana").gateway();
    const proposal = await assembly.decide([ben, cem], { removals: [ana.memberId] });
    await assembly.enacted();
    assert.equal(assembly.proposal(proposal).status, "APPROVED");
    assert.equal(assembly.member(ana).status, "left");
    assert.deepEqual(await membersOn(CHANNEL), idsOf(ben, cem));
    // Whether at its own peer or at the orderer: nobody takes anything from it any more.
    const contracts = gateway.getNetwork(CHANNEL).getContract("conformance");
    await assert.rejects(contracts.submitTransaction("put", "too-late", "Ana"));
    gateway.close();
    await gone(ana);
    assert.ok(existsSync(network.layout.organization("peer", `${ana.memberId.toLowerCase()}.hansa`)));
    for (const member of [ben, cem]) await transact(member);
  });

  it("lets the others invite whom they like", async () => {
    await assembly.admit([cem, ben], dora);
    await giveNode(dora);
    for (const member of [dora, ben, cem]) await transact(member);
  });

  it("knows what each member wrote, those that are gone included", async () => {
    const [all, ...others] = await network.written([]);
    assert.deepEqual([all?.upTo.channel, others], [CHANNEL, []]);
    const sumOf = ({ memberId }: JoiningMember) =>
      all!.writings.reduce((sum, writing) => sum + (writing.memberId === memberId ? writing.bytes : 0), 0);
    // Two members signed each transaction at the least, with certificates of a kilobyte or so.
    for (const member of [ana, ben, cem, dora]) assert.ok(sumOf(member) > 1_000, member.name);
    assert.ok(sumOf(ana) > sumOf(dora), "a contract weighs more than a key");
    assert.ok(all!.writings.every(({ at }) => at > network.governance.foundedAt && at <= network.now()));
    assert.deepEqual(await network.written([all!.upTo]), []);
    await transact(dora);
    const [more] = await network.written([all!.upTo]);
    assert.deepEqual(new Set(more?.writings.map(({ memberId }) => memberId)), new Set([dora.memberId]));
  });

  it("follows a new voting policy, in its channels too", async () => {
    const newPolicy = {
      thresholdPercentage: 75,
      comparator: "GREATER_THAN_OR_EQUAL_TO",
      proposalDurationHours: 1,
    } as const;
    const [preview] = await network.preview({ invitations: [], removals: [], newPolicy });
    assert.match(preview!.changes.join(), /Admins from 2 of 3 .* to 3 of 3/);
    const proposal = await assembly.decide([ben, cem], { newPolicy });
    await assembly.enacted();
    assert.equal(assembly.proposal(proposal).status, "APPROVED");
    assert.deepEqual(network.governance.policy, newPolicy);
    assert.deepEqual(await network.preview({ invitations: [], removals: [], newPolicy }), []);
    await transact(dora);
  });

  it("lets a member leave, and needs nobody's vote for it", async () => {
    await assembly.leave(cem);
    assert.deepEqual(await membersOn(CHANNEL), idsOf(ben, dora));
    await gone(cem);
    for (const member of [ben, dora]) await transact(member);
  });

  it("makes no member of one whose channel does not exist, says why, and leaves the invitation open", async () => {
    const { invitation, proposal } = await assembly.invite([ben, dora], cem, {
      channels: { kind: "listed", names: ["nowhere"] },
    });
    const newcomer = joiningMember("Cem", 3);
    await assembly.accept(invitation, newcomer);
    await assembly.enacted();
    assert.deepEqual(
      [assembly.proposal(proposal).status, assembly.proposal(proposal).failure],
      ["ACTION_FAILED", "channel nowhere cannot be changed: there is no such channel"],
    );
    assert.equal(assembly.member(newcomer).status, "failed");
    assert.equal(network.governance.invitations.get(invitation)?.status, "PENDING");
    await gone(newcomer);
    for (const member of [ben, dora]) await transact(member);
  });

  it("ends with its last member, and is remembered", async () => {
    await assembly.leave(ben);
    await transact(dora);
    await network.submit({ kind: "left", memberId: dora.memberId });
    assert.equal(network.governance.status, "DELETED");
    await until("the end of its nodes", async () => !network.isRunning || undefined);
    // Whoever keeps the nodes answers until the last of them has stopped, and may end in the middle of an answer.
    await until("the end of who kept them", () =>
      network.nodes().then(
        () => undefined,
        (error: { code?: string }) => error.code === "NOT_RUNNING" || undefined,
      ),
    );
    assert.equal(controlPlane.operator.network(network.networkId), network);
    await assert.rejects(controlPlane.operator.create({ ...foundingOf(dora), networkId: network.networkId }), {
      code: "NETWORK_DELETED",
      nextStep: "Give a new network another name, or start over with: hansa down --wipe",
    });
  });
});
