import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { common, decode, encode } from "@hansa/wire";
import fc from "fast-check";
import { ChannelConfig } from "./channel-config.js";
import { computeConfigUpdate } from "./compute-update.js";
import { withAnchorPeers, withBatchSettings, withOrganization, withoutOrganization } from "./edit.js";
import { equalTrees } from "./elements.js";
import { genesisBlock } from "./genesis.js";
import { signedUpdate, testOrganization, testProfile } from "./testing/organization.js";
import { judgeConfigUpdate, validateConfigEnvelope } from "./update.js";

const brewery = testOrganization("Brewery");
const carrier = testOrganization("Carrier");
const pub = testOrganization("Pub");
const farm = testOrganization("Farm");
const ordererOrg = testOrganization("Ordering");
const genesis = ChannelConfig.fromBlock(genesisBlock(testProfile([brewery, carrier, pub], ordererOrg)));
const admins = [brewery, carrier, pub].map((org) => org.identity("admin"));

function update(updated: common.IConfig, signers = admins): Uint8Array {
  return signedUpdate(computeConfigUpdate("trade", genesis.config, updated), signers);
}

function withoutVersions(group: common.IConfigGroup): common.IConfigGroup {
  const strip = <T extends object>(map: { [key: string]: T } | null | undefined, each: (item: T) => T) =>
    Object.fromEntries(Object.entries(map ?? {}).map(([key, item]) => [key, each(item)]));
  return {
    ...group,
    version: 0,
    groups: strip(group.groups, withoutVersions),
    values: strip(group.values, (item) => ({ ...item, version: 0 })),
    policies: strip(group.policies, (item) => ({ ...item, version: 0 })),
  };
}

describe("judging configuration updates", () => {
  const farmProfile = { mspId: "Farm", mspConfig: farm.mspConfig };

  it("admits a member that a majority of admins signed for", () => {
    const envelope = update(withOrganization(genesis.config, farmProfile), admins.slice(0, 2));
    const { next, config } = judgeConfigUpdate(genesis, envelope);
    assert.deepEqual(
      next
        .applicationOrgs()
        .map((org) => org.mspId)
        .sort(),
      ["Brewery", "Carrier", "Farm", "Pub"],
    );
    assert.equal(next.sequence, 1n);
    assert.equal(Number(config.channelGroup!.groups!.Application!.version), 1);
  });

  it("refuses it when too few signed, in Fabric's words", () => {
    const envelope = update(withOrganization(genesis.config, farmProfile), admins.slice(0, 1));
    assert.throws(() => judgeConfigUpdate(genesis, envelope), {
      fault: "UPDATE_REFUSED",
      message:
        "error authorizing update: error validating DeltaSet: policy for [Group]  /Channel/Application not satisfied: implicit policy evaluation failed - 1 sub-policies were satisfied, but this policy requires 2 of the 'Admins' sub-policies to be satisfied",
    });
  });

  it("does not count the same admin twice", () => {
    const [first] = admins;
    const envelope = update(withOrganization(genesis.config, farmProfile), [first!, first!]);
    assert.throws(
      () => judgeConfigUpdate(genesis, envelope),
      /policy for \[Group\] {2}\/Channel\/Application not satisfied/,
    );
  });

  it("lets an organisation change its own anchor peers alone", () => {
    const edited = withAnchorPeers(genesis.config, "Pub", [{ host: "peer1.pub", port: 1 }]);
    const { next } = judgeConfigUpdate(genesis, update(edited, [pub.identity("admin")]));
    assert.deepEqual(next.applicationOrgs().find((org) => org.name === "Pub")?.anchorPeers, [
      { host: "peer1.pub", port: 1 },
    ]);
    assert.throws(
      () => judgeConfigUpdate(genesis, update(edited, [brewery.identity("admin")])),
      /policy for \[Value\] {2}\/Channel\/Application\/Pub\/AnchorPeers not satisfied/,
    );
  });

  it("refuses an update that read another version", () => {
    const first = update(withOrganization(genesis.config, farmProfile));
    const { next } = judgeConfigUpdate(genesis, first);
    assert.throws(() => judgeConfigUpdate(next, first), {
      message:
        "error authorizing update: error validating ReadSet: proposed update requires that key [Group]  /Channel/Application be at version 0, but it is currently at version 1",
    });
  });

  it("refuses an update that changes nothing, is for another channel, or is no update", () => {
    assert.throws(() => computeConfigUpdate("trade", genesis.config, genesis.config), {
      message: "no differences detected between original and updated config",
    });
    const empty = signedUpdate({ channelId: "trade", readSet: {}, writeSet: {} }, admins);
    assert.throws(() => judgeConfigUpdate(genesis, empty), {
      message:
        "error authorizing update: error validating DeltaSet: delta set was empty -- update would have no effect",
    });
    const elsewhere = signedUpdate({ channelId: "other", readSet: {}, writeSet: {} }, admins);
    assert.throws(() => judgeConfigUpdate(genesis, elsewhere), {
      message: "error authorizing update: ConfigUpdate for channel 'other' but envelope for channel 'trade'",
    });
    assert.throws(
      () => judgeConfigUpdate(genesis, Buffer.from("garbage")),
      /error converting envelope to config update/,
    );
  });

  it("refuses versions that skip and elements that come from nowhere", () => {
    const base = computeConfigUpdate("trade", genesis.config, withOrganization(genesis.config, farmProfile));
    base.writeSet!.groups!.Application!.version = 2;
    assert.throws(() => judgeConfigUpdate(genesis, signedUpdate(base, admins)), {
      message:
        "error authorizing update: error validating DeltaSet: attempt to set key [Group]  /Channel/Application to version 2, but key is at version 0",
    });
    const ghost = computeConfigUpdate("trade", genesis.config, withOrganization(genesis.config, farmProfile));
    ghost.writeSet!.groups!.Application!.groups!.Farm!.version = 1;
    assert.throws(() => judgeConfigUpdate(genesis, signedUpdate(ghost, admins)), {
      message:
        "error authorizing update: error validating DeltaSet: attempted to set key [Group]  /Channel/Application/Farm to version 1, but key does not exist",
    });
  });

  it("refuses settings that no channel may have", () => {
    const settings = { batchTimeoutMs: 100, maxMessageCount: 0, absoluteMaxBytes: 10, preferredMaxBytes: 5 };
    const signers = [...admins, ordererOrg.identity("admin")];
    assert.throws(() => judgeConfigUpdate(genesis, update(withBatchSettings(genesis.config, settings), signers)), {
      fault: "INVALID_CONFIG",
      message:
        "initializing channelconfig failed: could not create channel Orderer sub-group config: Attempted to set the batch size max message count to an invalid value: 0",
    });
  });

  it("leaves a removed member out, together with its policies", () => {
    const { next } = judgeConfigUpdate(genesis, update(withoutOrganization(genesis.config, "Pub")));
    assert.deepEqual(
      next
        .applicationOrgs()
        .map((org) => org.mspId)
        .sort(),
      ["Brewery", "Carrier"],
    );
    assert.equal(next.hasPolicy("/Channel/Application/Pub/Admins"), false);
  });

  it("is repeated by every peer, who notices a configuration that the update does not lead to", () => {
    const { envelope } = judgeConfigUpdate(genesis, update(withOrganization(genesis.config, farmProfile)));
    const bytes = encode(common.ConfigEnvelope, envelope);
    assert.equal(validateConfigEnvelope(genesis, bytes).sequence, 1n);
    const tampered = decode(common.ConfigEnvelope, bytes, "ConfigEnvelope");
    tampered.config!.channelGroup!.groups!.Application!.policies!.Admins!.modPolicy = "Readers";
    assert.throws(() => validateConfigEnvelope(genesis, tampered), {
      message: "ConfigEnvelope LastUpdate did not produce the supplied config result",
    });
    const next = validateConfigEnvelope(genesis, bytes);
    assert.throws(() => validateConfigEnvelope(next, bytes), {
      message: "config currently at sequence 1, cannot validate config at sequence 1",
    });
  });

  it("leads from any configuration to any other that was asked for", () => {
    const edit = fc.oneof(
      fc.record({
        kind: fc.constant("batch" as const),
        count: fc.integer({ min: 1, max: 5000 }),
        ms: fc.integer({ min: 1, max: 100_000 }),
      }),
      fc.record({
        kind: fc.constant("anchor" as const),
        org: fc.constantFrom("Brewery", "Carrier", "Pub"),
        port: fc.nat(65535),
      }),
      fc.record({ kind: fc.constant("add" as const) }),
      fc.record({ kind: fc.constant("remove" as const) }),
    );
    const signers = [...admins, ordererOrg.identity("admin")];
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let current = genesis;
        for (const each of edits) {
          const members = current.applicationOrgs().map((org) => org.name);
          let target = current.config;
          if (each.kind === "batch") {
            const size = { maxMessageCount: each.count, absoluteMaxBytes: 1000, preferredMaxBytes: 100 };
            target = withBatchSettings(target, { ...size, batchTimeoutMs: each.ms });
          } else if (each.kind === "anchor") {
            target = withAnchorPeers(target, each.org, [{ host: "h", port: each.port }]);
          } else if (each.kind === "add") {
            target = withOrganization(target, farmProfile);
          } else if (members.includes("Farm")) {
            target = withoutOrganization(target, "Farm");
          }
          const same = equalTrees(withoutVersions(target.channelGroup!), withoutVersions(current.config.channelGroup!));
          if (same) continue;
          const change = computeConfigUpdate("trade", current.config, target);
          const { next, envelope } = judgeConfigUpdate(current, signedUpdate(change, signers));
          assert.ok(equalTrees(withoutVersions(next.config.channelGroup!), withoutVersions(target.channelGroup!)));
          current = validateConfigEnvelope(current, encode(common.ConfigEnvelope, envelope));
          assert.ok(equalTrees(current.config.channelGroup!, next.config.channelGroup!));
        }
      }),
      { numRuns: 25 },
    );
  });
});
