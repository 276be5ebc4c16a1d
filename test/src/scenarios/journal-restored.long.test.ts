/** An orderer whose journal is lost, and what a backup gives it again: its channels, and the members' acts. */
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, describe, it } from "node:test";
import { proposalId } from "@hansa/governance";
import { DataHome, type Network, type NetworkFile, startNetwork } from "@hansa/network";
import { silentLogger } from "@hansa/primitives";
import { exportTarget } from "@hansa/storage";
import { temporaryFolder } from "../support/folder.js";
import { hansa } from "../support/hansa-command.js";
import { until } from "../support/until.js";

const FILE: NetworkFile = {
  network: "restored",
  mode: "inline",
  members: [{ name: "Brewery" }, { name: "Pub" }],
  channels: [{ name: "orders" }, { name: "returns" }],
};

describe("an orderer whose journal is lost", () => {
  const { folder, remove } = temporaryFolder();
  const orderer = path.join(folder, "restored", "nodes", "orderer");
  const acts = path.join(folder, "restored", "governance", "strand");
  let running: Network | undefined;
  let home: DataHome | undefined;
  after(async () => {
    await running?.stop();
    await home?.close();
    remove();
  });

  const start = async () => {
    running = await startNetwork(FILE, { dataFolder: folder });
    const launch = async () => assert.fail("nothing is to be launched");
    home ??= await DataHome.open({ dataFolder: folder, launch, logger: silentLogger });
    const network = await until("the network", async () => home?.networks()[0]);
    await until("its supervisor", async () => network.isRunning || undefined);
    return network;
  };
  const stop = async () => {
    await running?.stop();
    running = undefined;
  };
  const importing = (name: string) => hansa(folder, "journal", "import", name, "--into", orderer);

  it("takes its channels from exports and the acts from the network's copy, and the members go on", async () => {
    const network = await start();
    const propose = (number: number) =>
      network.submit({
        kind: "proposed",
        proposalId: proposalId(Buffer.alloc(16, number)),
        memberId: [...network.governance.members.keys()][0]!,
        invitations: [],
        removals: [[...network.governance.members.keys()][1]!],
        tags: {},
      });
    const first = await propose(1);
    for (const name of ["orders", "returns"])
      await (await running!.journal(name)).exportTo(exportTarget(name, folder), "ION_BINARY");
    await stop();
    renameSync(path.join(orderer, "journal"), path.join(folder, "lost"));

    const [one, other] = [await importing("orders"), await importing("returns")];
    assert.equal(one.exit, 0, one.stderr);
    assert.match(one.stdout, /Imported \d+ blocks of channel orders.*\n.*\nThe members' acts were lost too: 2 blocks/);
    assert.equal(other.exit, 0, other.stderr);
    assert.doesNotMatch(other.stdout, /acts/, "they are there by now");

    await start();
    const second = await propose(2);
    assert.equal(second.sequenceNo, first.sequenceNo + 1);
    assert.equal(network.governance.proposals.size, 2);
    await stop();
  });

  it("takes no acts from a copy that does not hold", async () => {
    renameSync(path.join(orderer, "journal"), path.join(folder, "lost again"));
    writeFileSync(acts, "no strand", { flag: "a" });
    const { exit, stdout, stderr } = await importing("orders");
    assert.equal(exit, 0, stderr);
    assert.match(stderr, /copy of the governance strand in \S+ does not hold at byte \d+/);
    assert.doesNotMatch(stdout, /acts/);
  });
});
