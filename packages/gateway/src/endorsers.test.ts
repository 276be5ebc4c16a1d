import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { byHeight, byOrganization, endorsersOf } from "./endorsers.js";
import { brewery, carrier, definition, FakeHost, fakePeer } from "./testing/fake-network.js";

function hostAt(height: number, others: readonly (readonly [name: string, height: number | undefined])[]): FakeHost {
  const host = new FakeHost();
  host.definitions.set("deal", definition("deal", "AND('Brewery.peer')"));
  for (let number = 0; number < height; number++) host.addBlock([]);
  host.others = others.map(([name, ledgerHeight]) => {
    const peer = fakePeer(carrier, name);
    return ledgerHeight === undefined ? peer : { ...peer, ledgerHeight };
  });
  return host;
}

const order = (host: FakeHost) =>
  byHeight(endorsersOf(host, "trade", 1_000)).map(({ address }) => address.split(".")[0]);

describe("the order in which peers are asked", () => {
  it("begins with this peer while no other is clearly ahead", () => {
    const host = hostAt(30, [
      ["peer1", 31],
      ["peer2", 50],
      ["peer3", 25],
    ]);
    assert.deepEqual(order(host), ["peer0", "peer1", "peer2", "peer3"]);
  });

  it("begins with those that are clearly ahead, and ends with those behind and those that said nothing", () => {
    const host = hostAt(30, [
      ["silent", undefined],
      ["behind", 5],
      ["ahead", 51],
      ["close", 28],
    ]);
    assert.deepEqual(order(host), ["ahead", "peer0", "close", "behind", "silent"]);
  });

  it("takes a peer that said nothing for one that may have every chaincode", () => {
    const host = hostAt(3, [["peer1", undefined]]);
    const organizations = byOrganization(endorsersOf(host, "trade", 1_000), "deal");
    assert.deepEqual([...organizations.keys()].sort(), [brewery.mspId, carrier.mspId].sort());
  });
});
