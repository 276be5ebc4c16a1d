import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { channelPeers } from "./channel-peers.js";

const others = [
  { mspId: "BreweryMSP", channels: ["deliveries", "recipes"] },
  { mspId: "CarrierMSP", channels: ["deliveries"] },
  { mspId: "PubMSP", channels: [] },
];
const found = (channelId: string, isInFile: boolean, organizations: readonly string[]) =>
  channelPeers(others, channelId, isInFile, organizations).map(({ mspId }) => mspId);

describe("the peers of a channel", () => {
  it("are those that the network file puts on it", () => {
    assert.deepEqual(found("deliveries", true, ["BreweryMSP", "PubMSP"]), ["BreweryMSP", "CarrierMSP"]);
    assert.deepEqual(found("recipes", true, []), ["BreweryMSP"]);
  });

  it("are those of its organisations when it was created by hand", () => {
    assert.deepEqual(found("tastings", false, ["CarrierMSP", "PubMSP", "StrangerMSP"]), ["CarrierMSP", "PubMSP"]);
  });
});
