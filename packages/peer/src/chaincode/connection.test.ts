import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readConnection } from "./connection.js";

describe("connection.json", () => {
  const connection = { address: "127.0.0.1:9901", addresses: { Org2MSP: "127.0.0.1:9902", Org3MSP: "" } };

  it("names one server for all peers, and others by organisation", () => {
    const address = (mspId: string) => readConnection(connection, mspId).address;
    assert.equal(address("Org1MSP"), "127.0.0.1:9901");
    assert.equal(address("Org2MSP"), "127.0.0.1:9902");
    assert.equal(address("Org3MSP"), "127.0.0.1:9901");
  });

  it("may name one organisation's server alone", () => {
    const { address: _, ...alone } = connection;
    assert.equal(readConnection(alone, "Org2MSP").address, "127.0.0.1:9902");
    assert.throws(() => readConnection(alone, "Org1MSP"), /chaincode address not provided/);
  });

  it("takes no address from what is no list of addresses", () => {
    for (const addresses of [null, 7, "127.0.0.1:1", ["127.0.0.1:1"], { Org1MSP: 7 }])
      assert.equal(readConnection({ ...connection, addresses }, "Org1MSP").address, "127.0.0.1:9901");
  });
});
