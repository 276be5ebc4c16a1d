import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChannelConfig } from "./channel-config.js";
import { computeConfigUpdate } from "./compute-update.js";
import { withChannelCapabilities } from "./edit.js";
import { genesisBlock } from "./genesis.js";
import { signedUpdate, testOrganization, testProfile } from "./testing/organization.js";
import { judgeConfigUpdate } from "./update.js";

const brewery = testOrganization("Brewery");
const pub = testOrganization("Pub");
const ordererOrg = testOrganization("Ordering");
const profile = testProfile([brewery, pub], ordererOrg);
const message = Buffer.from("40 kegs");

function verdict(config: ChannelConfig) {
  const identity = pub.identity("client", "Ed25519");
  const signed = { identity: identity.serialized, message, signature: identity.sign(message) };
  return config.policy("/Channel/Application/Writers").evaluateSigned([signed]);
}

describe("identities with Ed25519 keys", () => {
  const plain = ChannelConfig.fromBlock(genesisBlock(profile));

  it("do not count on a channel without capability V3_0, in Fabric's words", () => {
    assert.equal(verdict(plain).ok, false);
    const identity = plain.msps.identity(pub.identity("client", "Ed25519").serialized);
    assert.throws(() => plain.msps.check(identity), {
      message: /could not validate identity's public key algorithm: Ed25519 is not supported/,
    });
  });

  it("count on a channel with it", () => {
    const config = ChannelConfig.fromBlock(genesisBlock({ ...profile, capabilities: { channel: ["V3_0"] } }));
    config.checkCapabilities();
    assert.deepEqual(verdict(config), { ok: true });
  });

  it("begin to count when the channel takes up the capability, though no member changed", () => {
    const updated = withChannelCapabilities(plain.config, ["V3_0"]);
    const signers = [brewery.identity("admin"), pub.identity("admin"), ordererOrg.identity("admin")];
    const envelope = signedUpdate(computeConfigUpdate("trade", plain.config, updated), signers);
    const { next } = judgeConfigUpdate(plain, envelope);
    assert.deepEqual([...next.capabilities.channel], ["V3_0"]);
    assert.deepEqual(verdict(next), { ok: true });
    assert.equal(verdict(plain).ok, false);
  });
});
