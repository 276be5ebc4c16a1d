/** Networks of one data folder as the control plane finds them: from files, running, stopped, back again, replaced. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { proposalId } from "@hansa/governance";
import { DataHome, type Network, type NetworkFile, type RemoteNetwork, startNetwork } from "@hansa/network";
import { silentLogger } from "@hansa/primitives";
import { temporaryFolder } from "../support/folder.js";
import { until } from "../support/until.js";

const FILE: NetworkFile = {
  network: "home",
  mode: "inline",
  members: [{ name: "Brewery", account: "123456789012" }, { name: "Pub" }, { name: "Carrier" }],
  channels: [{ name: "orders" }],
  governance: { threshold: 60, comparator: "GREATER_THAN_OR_EQUAL_TO", proposalHours: 2, clock: "simulated" },
};

describe("the networks of a data folder", () => {
  const { folder, remove } = temporaryFolder();
  let home: DataHome;
  let running: Network | undefined;
  before(async () => {
    const launch = async () => assert.fail("nothing is to be launched");
    home = await DataHome.open({ dataFolder: folder, launch, logger: silentLogger });
  });
  after(async () => {
    await running?.stop();
    await home.close();
    remove();
  });

  const start = async () => {
    running = await startNetwork(FILE, { dataFolder: folder });
  };
  const stop = async () => {
    await running?.stop();
    running = undefined;
  };
  const theOne = () => until("the network", async () => home.networks()[0]);
  const isRunning = (network: RemoteNetwork, wanted: boolean) =>
    until("the supervisor", async () => network.isRunning === wanted || undefined);

  let network: RemoteNetwork;

  it("are found when they are started from a file, which founds them by what it says", async () => {
    assert.deepEqual(home.networks(), []);
    let changes = 0;
    const end = home.onChange(() => changes++);
    await start();
    network = await theOne();
    end();
    assert.ok(changes > 0);
    const { name, policy, members, rules } = network.governance;
    assert.equal(name, "home");
    assert.deepEqual(policy, {
      thresholdPercentage: 60,
      comparator: "GREATER_THAN_OR_EQUAL_TO",
      proposalDurationHours: 2,
    });
    assert.equal(rules.simulatedClock, true);
    assert.deepEqual(
      [...members.values()].map((member) => [member.name, member.mspId, member.accountId, member.status]),
      [
        ["Brewery", "BreweryMSP", "123456789012", "active"],
        ["Pub", "PubMSP", "000000000002", "active"],
        ["Carrier", "CarrierMSP", "000000000003", "active"],
      ],
    );
    assert.equal(home.network(network.networkId), network);
    await isRunning(network, true);
    const kinds = (await network.nodes()).map(({ kind, state }) => `${kind} ${state}`).toSorted();
    assert.deepEqual(kinds, [...Array(3).fill("ca running"), "orderer running", ...Array(3).fill("peer running")]);
    assert.deepEqual(await network.channels(), [{ name: "orders", members: [...members.keys()] }]);
  });

  const brewery = () => [...network.governance.members.values()][0]!;
  const propose = () =>
    network.submit({
      kind: "proposed",
      proposalId: proposalId(Buffer.alloc(16, network.governance.proposals.size)),
      memberId: brewery().memberId,
      invitations: [],
      removals: [brewery().memberId],
      tags: {},
    });

  it("are known while they are stopped, and say so when they are asked for something", async () => {
    const ordered = await propose();
    assert.equal(ordered.networkId, network.networkId);
    await stop();
    await isRunning(network, false);
    assert.deepEqual(home.networks(), [network]);
    assert.equal(network.governance.proposals.size, 1);
    for (const attempt of [propose, () => network.nodes(), () => network.channels()])
      await assert.rejects(attempt, { code: "NOT_RUNNING", nextStep: /^Start it with: hansa up --network \S+$/ });
    // One that comes later learns as much.
    const later = await DataHome.open({ dataFolder: folder, launch: async () => {}, logger: silentLogger });
    assert.equal(later.networks()[0]?.governance.proposals.size, 1);
    await later.close();
  });

  it("go on when they are started again, with the ids that they had", async () => {
    const { networkId, governance } = network;
    await start();
    await isRunning(network, true);
    await propose();
    assert.equal(network.networkId, networkId);
    assert.deepEqual([...network.governance.members.keys()], [...governance.members.keys()]);
    assert.equal(network.governance.proposals.size, 2);
  });

  it("move their clock on where their file allows it, and expire what is due", async () => {
    const now = network.now();
    const to = (now + 3 * 3_600_000) as typeof now;
    await network.submit({ kind: "clockAdvanced", to });
    assert.ok(network.now() >= to && network.now() < to + 60_000);
    const statuses = [...network.governance.proposals.values()].map(({ status }) => status);
    assert.deepEqual(statuses, ["EXPIRED", "EXPIRED"]);
    await stop();
    await start();
    await isRunning(network, true);
    assert.ok(network.now() >= to && network.now() < to + 600_000);
  });

  it("are others when somebody makes them anew under the same name", async () => {
    const before = network.networkId;
    await stop();
    rmSync(path.join(folder, "home"), { recursive: true });
    await start();
    network = await until("the new network", async () => home.networks().find(({ networkId }) => networkId !== before));
    assert.equal(home.networks().length, 1);
    assert.equal(network.governance.proposals.size, 0);
    await isRunning(network, true);
    await propose();
  });

  it("are forgotten with their folders", async () => {
    await stop();
    rmSync(path.join(folder, "home"), { recursive: true });
    await until("the end", async () => home.networks().length === 0 || undefined);
  });
});
