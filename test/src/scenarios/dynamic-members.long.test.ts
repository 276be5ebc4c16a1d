/** Members, peers and channels come and go while a network runs, and whatever is killed in between is finished. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { configOfBlock, policyOf, withBatchSettings } from "@hansa/channel-config";
import {
  askAddMember,
  askAddPeer,
  askChannels,
  askCreateChannel,
  askRemoveMember,
  askStatus,
  findSupervisor,
  Layout,
  type Network,
  type NetworkFile,
  NetworkView,
  startNetwork,
} from "@hansa/network";
import { common, encode } from "@hansa/wire";
import type { Gateway } from "@hyperledger/fabric-gateway";
import { admit, dismiss, newMember } from "../support/admission.js";
import { temporaryFolder } from "../support/folder.js";
import { hansa } from "../support/hansa-command.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const CHANNEL = "trade";
const contract = path.join(repositoryRoot, "test/contracts/bench");
const PEER = `nd-${"B2".repeat(13)}`;

function networkFile(name: string, mode: "inline" | "processes"): NetworkFile {
  return {
    network: name,
    mode,
    contractsRun: "peer",
    members: [{ name: "A" }, { name: "B" }],
    channels: [{ name: CHANNEL }],
    contracts: [{ name: "bench", channel: CHANNEL, path: contract }],
  };
}

let written = 0;

/** Writes through one member's gateway, with the endorsements of exactly those members' peers. */
async function write(view: NetworkView, member: string, endorsers: readonly string[]): Promise<string> {
  const key = `key-${++written}`;
  const gateway = view.member(member).gateway();
  try {
    const endorsingOrganizations = endorsers.map((name) => view.member(name).mspId);
    await gateway
      .getNetwork(CHANNEL)
      .getContract("bench")
      .submit("create", { arguments: [key, "value"], endorsingOrganizations });
    return key;
  } finally {
    gateway.close();
  }
}

/** What a member's peer has under a key, once it has caught up with the writer's. */
async function read(view: NetworkView, member: string, key: string, peer = 0): Promise<string> {
  const gateway: Gateway = view.member(member).gateway({ peer });
  try {
    const contract = gateway.getNetwork(CHANNEL).getContract("bench");
    return await until(`${key} at ${member}`, async () =>
      contract.evaluateTransaction("read", key).then(
        (bytes) => Buffer.from(bytes).toString("utf8"),
        () => undefined,
      ),
    );
  } finally {
    gateway.close();
  }
}

/** Waits until all peers have the same blocks and the same state. Returns how many they are. */
async function agreeing(view: NetworkView): Promise<number> {
  return until("all peers to agree", async () => {
    const ledgers = await view.ledgers(CHANNEL);
    const stories = new Set(ledgers.map(({ blockHash, commitHash }) => blockHash + commitHash));
    return stories.size === 1 ? ledgers.length : undefined;
  });
}

for (const mode of ["inline", "processes"] as const) {
  describe(`a network of two that a third enters (${mode})`, () => {
    const { folder, remove } = temporaryFolder();
    const c = newMember("C", "C3");
    let network: Network;
    let firstKey = "";
    before(async () => {
      network = await startNetwork(networkFile("dynamic", mode), { dataFolder: folder });
      firstKey = await write(network, "A", ["A", "B"]);
    });
    after(async () => {
      await network?.stop();
      remove();
    });

    it("starts the newcomer's authority, which certifies its administrator and users", async () => {
      let changes = 0;
      const end = network.running.onChange(() => changes++);
      await network.running.addMember({ ...c, admin: { username: "boss", password: "Secret123" } });
      end();
      assert.ok(changes > 0);
      assert.deepEqual(network.member("C").peers, []);
      assert.deepEqual(network.member("C").users, ["User1", "Admin"]);
      await network.member("C").enrol({ name: "Clerk" });
      // The same again changes nothing, and another one may not take its place.
      const files = [network.layout.networkFile, network.layout.stateFile].map((file) => readFileSync(file, "utf8"));
      await network.running.addMember(c);
      await network.running.addMember({ ...c, admin: { username: "boss", password: "Secret123" } });
      assert.deepEqual(
        [network.layout.networkFile, network.layout.stateFile].map((file) => readFileSync(file, "utf8")),
        files,
      );
      await assert.rejects(network.running.addMember({ ...newMember("c", "D4") }), {
        code: "USAGE",
        message: "Network dynamic has the name c already, for C.",
      });
      assert.equal(
        files.some((text) => text.includes("Secret123")),
        false,
      );
    });

    it("brings its peer to the channel that took it in, with the contract, and tells the others", async () => {
      await admit(network, CHANNEL, c);
      await network.running.addPeer({ mspId: c.mspId, peerName: PEER, extraHosts: ["peer.of.c.test"] });
      const [peer] = network.member("C").peers;
      assert.equal(peer!.host, `${PEER.toLowerCase()}.${c.domain}`);
      const tls = path.join(network.layout.nodeIdentity("peer", c.domain, peer!.host), "tls/server.crt");
      assert.match(new X509Certificate(readFileSync(tls)).subjectAltName!, /DNS:peer\.of\.c\.test/);
      assert.deepEqual(network.channel(CHANNEL).members, ["A", "B", "C"]);
      // C's gateway knows A's peer, A's gateway knows C's, and C's peer endorses.
      await write(network, "C", ["A", "C"]);
      const key = await write(network, "A", ["B", "C"]);
      assert.equal(await read(network, "C", key), "value");
      assert.equal(await read(network, "C", firstKey), "value");
      assert.equal(await agreeing(network), 3);
      await network.running.addPeer({ mspId: c.mspId, peerName: PEER });
      assert.equal(network.member("C").peers.length, 1);
    });

    it("makes a channel with the newcomer on it, whose rule is the voting policy", async () => {
      await network.running.createChannel({ name: "new", members: ["B", "C"], endorsement: "any" });
      await network.running.createChannel({ name: "new", members: ["C", "B"], endorsement: "any" });
      await assert.rejects(network.running.createChannel({ name: "new", members: ["B"] }), { code: "USAGE" });
      assert.deepEqual(await network.running.channels(), [
        { name: "new", mspIds: [c.mspId, network.member("B").mspId].sort() },
        { name: CHANNEL, mspIds: [c.mspId, "AMSP", "BMSP"].sort() },
      ]);
      assert.equal((await network.ledgers("new")).length, 2);
      const { config } = configOfBlock(readFileSync(network.layout.genesisBlock("new"))).configEnvelope;
      const { policies } = config!.channelGroup!.groups!.Application!;
      const bytesOf = (policy: common.IPolicy | null | undefined) => encode(common.Policy, policy!);
      const rules = ["ANY Endorsement", `OutOf(2, 'BMSP.admin', '${c.mspId}.admin')`].map(policyOf).map(bytesOf);
      assert.deepEqual(
        [policies!.Endorsement, policies!.Admins].map((each) => bytesOf(each!.policy)),
        rules,
      );
      await network.deploy({ name: "second", channel: "new", path: contract });
    });

    it("gives a second peer of a founder everything too", async () => {
      await network.running.addPeer({ mspId: "AMSP", peerName: "peer1" });
      assert.equal(await agreeing(network), 4);
      assert.equal(await read(network, "A", firstKey, 1), "value");
      await network.running.removePeer({ mspId: "AMSP", peerName: "peer1" });
      assert.equal(network.member("A").peers.length, 1);
      assert.equal(existsSync(network.layout.node("peer1.a")), false);
      await write(network, "C", ["A", "C"]);
    });

    it("copies logs to the log groups of their member", async () => {
      const nodeId = network.running.config().members.find(({ name }) => name === "C")!.peers[0]!.nodeId!;
      assert.equal(nodeId, PEER);
      const stream = path.join(
        folder,
        "log-groups/aws/managedblockchain",
        network.running.config().networkId!,
        c.memberId,
        nodeId,
      );
      await network.running.setLogging({ kind: "peer", nodeId }, true);
      await write(network, "C", ["A", "C"]);
      await until("C's log to be copied", async () => (existsSync(stream) && statSync(stream).size > 0) || undefined);
      assert.match(readFileSync(stream, "utf8"), /block committed/);
      await network.running.setLogging({ kind: "peer", nodeId }, false);
      const { size } = statSync(stream);
      await write(network, "C", ["A", "C"]);
      await sleep(700);
      assert.equal(statSync(stream).size, size);
      await assert.rejects(network.running.setLogging({ kind: "ca", memberId: "m-NOBODY" }, true), {
        code: "UNKNOWN_MEMBER",
      });
    });

    it("heals the newcomer's peer, and says so meanwhile", {
      skip: mode === "inline" && "it has no process",
    }, async () => {
      const report = () => network.nodes().find(({ node }) => node.nodeId === PEER)!;
      const states: string[] = [];
      const end = network.running.onChange(() => {
        if (report().state !== states.at(-1)) states.push(report().state);
      });
      const { pid } = report();
      process.kill(pid!, "SIGKILL");
      await until("the peer to run again", async () => states.includes("running") || undefined);
      end();
      assert.deepEqual(states, ["restarting", "running"]);
      assert.match(report().lastFailure!, /SIGKILL/);
      await until("C to endorse again", () => write(network, "C", ["A", "C"]).catch(() => undefined));
    });

    it("starts again as it has become, from the file that it was founded with", async () => {
      const { networkId } = network.running.config();
      await network.stop();
      network = await startNetwork(networkFile("dynamic", mode), { dataFolder: folder });
      assert.equal(network.running.config().networkId, networkId);
      await write(network, "C", ["B", "C"]);
      await network.stop();
      const other = { network: "dynamic", mode, members: [{ name: "A" }], channels: [{ name: CHANNEL }] };
      await assert.rejects(startNetwork(other, { dataFolder: folder }), {
        code: "NETWORK_CHANGED",
        message: /made with other members \(A, B; today A, B, C\) than its file has now \(A\)/,
        nextStep: /hansa apply/,
      });
      network = await startNetwork(networkFile("dynamic", mode), { dataFolder: folder });
    });

    it("goes on without a founder, and forgets it", async () => {
      const founder = { ...c, mspId: "AMSP" };
      await dismiss(network, CHANNEL, founder);
      await network.running.removeMember("AMSP", { wipe: true });
      assert.deepEqual(
        network.members.map(({ name }) => name),
        ["B", "C"],
      );
      assert.equal(existsSync(network.layout.node("peer0.a")), false);
      assert.ok(existsSync(network.layout.organization("peer", "a.example.com")));
      await write(network, "B", ["B", "C"]);
      await network.stop();
      network = await startNetwork(networkFile("dynamic", mode), { dataFolder: folder });
      await write(network, "C", ["B", "C"]);
      assert.deepEqual(network.channel(CHANNEL).members, ["B", "C"]);
    });
  });
}

describe("a network of members without peers, and without channels", () => {
  const { folder, remove } = temporaryFolder();
  let network: Network;
  before(async () => {
    const members = [
      { name: "A", peers: [] },
      { name: "B", peers: [] },
    ];
    const file: NetworkFile = { network: "bare", mode: "inline", contractsRun: "peer", members, channels: [] };
    network = await startNetwork(file, { dataFolder: folder });
  });
  after(async () => {
    await network?.stop();
    remove();
  });

  it("starts, and gets a channel that its members can change", async () => {
    assert.deepEqual(await network.running.channels(), []);
    await network.running.createChannel({ name: CHANNEL, members: ["A", "B"] });
    const batch = { batchTimeoutMs: 300, maxMessageCount: 5, absoluteMaxBytes: 65_536, preferredMaxBytes: 32_768 };
    assert.equal(await network.updateChannel(CHANNEL, (config) => withBatchSettings(config, batch)), 1);
    assert.deepEqual(await network.ledgers(CHANNEL), []);
    await assert.rejects(network.deploy({ name: "bench", channel: CHANNEL, path: contract }), {
      code: "UNKNOWN_NODE",
      nextStep: /hansa node create/,
    });
    assert.throws(() => network.member("A").gateway(), { code: "UNKNOWN_NODE" });
  });

  it("gets its first peers at the same time, and transacts", async () => {
    await Promise.all(["AMSP", "BMSP"].map((mspId) => network.running.addPeer({ mspId, peerName: "peer0" })));
    await network.deploy({ name: "bench", channel: CHANNEL, path: contract });
    await write(network, "A", ["A", "B"]);
    assert.equal(await agreeing(network), 2);
    await assert.rejects(network.running.addPeer({ mspId: "AMSP", peerName: "../peer" }), { code: "USAGE" });
    await assert.rejects(network.running.addPeer({ mspId: "DMSP", peerName: "peer0" }), { code: "UNKNOWN_MEMBER" });
  });
});

describe("a network whose supervisor is killed while it changes", () => {
  const { folder, remove } = temporaryFolder();
  const layout = new Layout(path.join(folder, ".hansa", "killed"));
  const file = path.join(folder, "killed.json");
  const c = newMember("C", "C3");

  async function up() {
    const { exit, stderr } = await hansa(folder, "up", file);
    assert.equal(exit, 0, stderr);
    return (await findSupervisor(layout))!;
  }

  /** Asks for a change and kills the supervisor after a moment; then starts the network anew and asks again. */
  async function throughKills(
    delays: readonly number[],
    ask: (supervisor: Awaited<ReturnType<typeof up>>) => Promise<void>,
  ) {
    for (const delayMs of delays) {
      const supervisor = (await findSupervisor(layout)) ?? (await up());
      const asked = ask(supervisor).catch(() => {});
      await sleep(delayMs);
      process.kill(supervisor.pid, "SIGKILL");
      await asked;
      await until("the supervisor to end", async () => (isAlive(supervisor.pid) ? undefined : true), 15_000);
    }
    await ask(await up());
  }

  async function withView<T>(work: (view: NetworkView) => Promise<T>): Promise<T> {
    const view = await NetworkView.open(layout);
    try {
      return await work(view);
    } finally {
      view.closeConnections();
    }
  }

  before(async () => {
    // With the nodes inside, so that they are killed too, and start faster.
    writeFileSync(file, JSON.stringify(networkFile("killed", "inline")));
    await up();
  });
  after(async () => {
    await hansa(folder, "down", "--wipe");
    remove();
  });

  it("has the newcomer complete", async () => {
    await throughKills([5, 300], (supervisor) => askAddMember(supervisor, c));
    await withView(async (view) => {
      assert.deepEqual(view.member("C").users, ["User1", "Admin"]);
      await admit(view, CHANNEL, c);
    });
  });

  it("has its peer complete", async () => {
    await throughKills([300, 900], (supervisor) => askAddPeer(supervisor, { mspId: c.mspId, peerName: PEER }));
    await withView(async (view) => {
      assert.equal(view.member("C").peers.length, 1);
      await write(view, "C", ["A", "C"]);
      await write(view, "A", ["B", "C"]);
    });
  });

  it("has a new channel once", async () => {
    await throughKills([40], (supervisor) => askCreateChannel(supervisor, { name: "new", members: ["A", "C"] }));
    const channels = await askChannels((await findSupervisor(layout))!);
    assert.deepEqual(
      channels.map(({ name }) => name),
      ["new", CHANNEL],
    );
    assert.equal((await withView((view) => view.ledgers("new"))).length, 2);
  });

  it("is rid of a member that left", async () => {
    await withView((view) => dismiss(view, CHANNEL, c));
    await throughKills([20], (supervisor) => askRemoveMember(supervisor, c.mspId));
    const { nodes } = await askStatus((await findSupervisor(layout))!);
    assert.equal(
      nodes.some(({ organization }) => organization === "C"),
      false,
    );
    assert.equal(existsSync(layout.node(`ca.${c.memberId.toLowerCase()}`)), false);
    await withView((view) => write(view, "A", ["A", "B"]));
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
