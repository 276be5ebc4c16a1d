import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { missingPrivateAt, missingPrivateText, type PrivateOrigin } from "./missing-private.js";

const message =
  "chaincode response 500, GET_STATE failed: transaction ID: 39…: private data matching public hash version is not " +
  "available. Public hash version = {BlockNum: 10, TxNum: 3}, Private data version = <nil>";
const [org1, org2, org3] = ["Org1", "Org2", "Org3"].map((name, index) => ({
  mspId: `${name}MSP`,
  address: `peer0.${name.toLowerCase()}:705${index}`,
})) as [Known, Known, Known];
type Known = { mspId: string; address: string };

const origin = (here: PrivateOrigin["collections"][number]["here"]): PrivateOrigin => ({
  by: {
    txId: "eb3e",
    block: 10,
    index: 3,
    creator: { mspId: "Org1MSP", name: "User1", role: "client" },
    chaincode: "deal",
    function: "Offer",
    arguments: ["7"],
  },
  collections: [
    {
      namespace: "deal",
      name: "prices",
      members: ["Org1MSP", "Org2MSP"],
      reads: 0,
      writes: 1,
      hash: "e93d041c347a82c6aa",
      here,
      keys: [],
    },
  ],
});

describe("a private value that is missing", () => {
  it("is found by the version that the peer names", () => {
    assert.deepEqual(missingPrivateAt(message), { block: 10, index: 3 });
    assert.equal(missingPrivateAt("private data matching public hash version is not available. <nil>"), undefined);
    assert.equal(missingPrivateAt("Public hash version = {BlockNum: 10, TxNum: 3}"), undefined);
  });

  it("should be with a member, and may be had from others", () => {
    const text = missingPrivateText(origin("held"), org2, [org1, org2, org3]);
    assert.equal(
      text,
      `peer0.org2:7051 (Org2MSP) was asked for a private value that block 10, transaction 3 wrote, and does not have it.
  eb3e by User1 (client of Org1MSP): deal Offer(7)
collection prices of deal is for Org1MSP, Org2MSP: Org2MSP should have it. On the ledger is its hash, e93d041c347a82c6….
  It may be had from peer0.org1:7050 (Org1MSP).
  The gateway's own peer has it.
What helps: ask a peer that has it, by naming its organisation as endorsing. The peer that lacks the value asks the others for it again by itself, and they must run then.`,
    );
  });

  it("is never with others than members", () => {
    const text = missingPrivateText(origin("no member"), org3, [org1, org2, org3]) ?? "";
    assert.match(text, /is for Org1MSP, Org2MSP: Org3MSP is no member, and its peers never have it/);
    assert.match(text, /It may be had from peer0\.org1:7050 \(Org1MSP\), peer0\.org2:7051 \(Org2MSP\)/);
    assert.match(text, /have a member's peer run this/);
  });

  it("was asked for in vain", () => {
    const asked = ["peer0.org1:7050 (Org1MSP), which did not answer: connection refused"];
    const text = missingPrivateText(origin("missing"), org2, [org2], asked) ?? "";
    assert.match(text, /No other peer of a member is known/);
    assert.match(text, /It has asked peer0\.org1:7050 \(Org1MSP\), which did not answer: connection refused\./);
  });

  it("fits into an error's details", () => {
    const [collection] = origin("held").collections;
    const collections = Array.from({ length: 100 }, () => ({ ...collection!, name: "x".repeat(100) }));
    assert.ok((missingPrivateText({ ...origin("held"), collections }, org2, [org1])?.length ?? 0) <= 1_201);
    assert.equal(missingPrivateText({ ...origin("held"), collections: [] }, org2, [org1]), undefined);
  });
});
