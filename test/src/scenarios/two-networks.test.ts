import assert from "node:assert/strict";
import path from "node:path";
import { after, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import { repositoryRoot } from "../support/paths.js";

const contracts = path.join(repositoryRoot, "network-configs/contracts");

function pubNetwork(name: string) {
  return startNetwork(
    {
      network: name,
      mode: "inline",
      members: [{ name: "Pub" }, { name: "Brewery", peers: [{}, {}] }],
      channels: [{ name: "trade" }],
      contracts: [{ name: "shipment", channel: "trade", path: path.join(contracts, "shipment"), endorsement: "all" }],
    },
    {},
  );
}

describe("two networks in one process", () => {
  const networks: Network[] = [];
  after(async () => {
    await Promise.all(networks.map((network) => network.stop()));
  });

  it("run side by side and know nothing of each other", async () => {
    networks.push(...(await Promise.all([pubNetwork("first"), pubNetwork("second")])));
    const [first, second] = networks.map((network) =>
      network.member("Pub").gateway().getNetwork("trade").getContract("shipment"),
    );
    await first!.submitTransaction("PlaceOrder", "only-here", "Pils", "1", "8");
    assert.match(Buffer.from(await first!.evaluateTransaction("ReadOrder", "only-here")).toString(), /"placed"/);
    await assert.rejects(second!.evaluateTransaction("ReadOrder", "only-here"), /There is no order "only-here"/);
    const addresses = networks.flatMap((network) =>
      network.members.flatMap((member) => member.peers.map((peer) => peer.address)),
    );
    assert.equal(new Set(addresses).size, 6);
    const ledgers = await networks[0]!.ledgers("trade");
    assert.equal(ledgers.length, 3);
  });

  it("are gone when they are stopped", async () => {
    const network = networks.pop()!;
    const address = network.member("Pub").peers[0]!.address;
    await network.stop();
    const again = await pubNetwork("third");
    networks.push(again);
    assert.notEqual(again.layout.root, network.layout.root);
    assert.equal(typeof address, "string");
  });

  it("are not started from a file that is not there", async () => {
    await assert.rejects(startNetwork("/nowhere/network.yaml"), {
      code: "NETWORK_FILE_MISSING",
      message: "The network file /nowhere/network.yaml cannot be read: there is no such file or folder.",
    });
  });
});
