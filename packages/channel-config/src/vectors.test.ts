/** Configurations and updates recorded from a real network. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { common, decode, encode, METADATA, splitBlock } from "@hansa/wire";
import { ChannelConfig, configOfBlock } from "./channel-config.js";
import { computeConfigUpdate } from "./compute-update.js";
import { entries, equalTrees, sortedKeys } from "./elements.js";
import { configBlockOf } from "./genesis.js";
import { channelGroupOf } from "./profile.js";
import { judgeConfigUpdate, readConfigUpdate, validateConfigEnvelope } from "./update.js";

const folder = join(process.env.HANSA_VECTORS ?? join(import.meta.dirname, "../../../../shared/vectors"), "fabric-2.5");
const skip = existsSync(folder) ? false : "no vectors: set HANSA_VECTORS to the folder that holds fabric-2.5";
const read = (name: string) => readFileSync(join(folder, name));
const CONFIG_BLOCKS = [0, 1, 2, 119, 120, 124];

describe("a recorded Fabric channel", { skip }, () => {
  const configAt = (sequence: number) => ChannelConfig.load("mychannel", read(`messages/config-${sequence}.pb`));

  it("has configurations that load and re-encode", () => {
    for (let sequence = 0; sequence <= 5; sequence++) {
      const config = configAt(sequence);
      assert.equal(config.sequence, BigInt(sequence));
      config.checkCapabilities();
    }
    assert.deepEqual(
      configAt(4)
        .applicationOrgs()
        .map((org) => org.mspId)
        .sort(),
      ["Org1MSP", "Org2MSP", "Org3MSP"],
    );
    assert.equal(configAt(0).orderer.batchTimeoutMs, 200);
    assert.deepEqual(configAt(0).ordererEndpoints(), [{ mspId: "OrdererMSP", address: "127.0.0.1:7050" }]);
  });

  for (let sequence = 1; sequence <= 5; sequence++) {
    it(`goes from configuration ${sequence - 1} to ${sequence} by its recorded update`, () => {
      const current = configAt(sequence - 1);
      const envelope = read(`messages/config-update-${sequence}.pb`);
      const { config, next } = judgeConfigUpdate(current, envelope);
      const recorded = configAt(sequence);
      assert.ok(equalTrees(config.channelGroup!, recorded.config.channelGroup!));
      assert.equal(next.sequence, recorded.sequence);
    });

    it(`recomputes update ${sequence} as the real tool did`, () => {
      const update = decode(
        common.ConfigUpdate,
        readConfigUpdate(read(`messages/config-update-${sequence}.pb`)).configUpdate,
        "ConfigUpdate",
      );
      const ours = computeConfigUpdate("mychannel", configAt(sequence - 1).config, configAt(sequence).config);
      assert.ok(equalTrees(ours.readSet!, update.readSet!));
      assert.ok(equalTrees(ours.writeSet!, update.writeSet!));
    });
  }

  it("is followed block by block, as a peer does", () => {
    let current = ChannelConfig.fromBlock(read("0.block"));
    for (const number of CONFIG_BLOCKS.slice(1)) {
      current = validateConfigEnvelope(current, configOfBlock(read(`${number}.block`)).configEnvelope);
    }
    assert.ok(equalTrees(current.config.channelGroup!, configAt(5).config.channelGroup!));
  });

  it("notices a broken signature that the update cannot do without", () => {
    const envelope = Buffer.from(read("messages/config-update-4.pb"));
    const signature = readConfigUpdate(envelope).signatures[1]!.signature!;
    envelope[envelope.indexOf(signature) + signature.length - 1]! ^= 1;
    assert.throws(() => judgeConfigUpdate(configAt(3), envelope), /not satisfied: implicit policy evaluation failed/);
  });

  it("begins with a genesis block of the same structure as ours", () => {
    const recorded = configAt(0).config.channelGroup!;
    const mspConfig = (section: string, org: string) => recorded.groups![section]!.groups![org]!.values!.MSP!.value!;
    const ours = channelGroupOf({
      channelId: "mychannel",
      createdAtMs: 0,
      organizations: ["Org1MSP", "Org2MSP"].map((mspId) => ({ mspId, mspConfig: mspConfig("Application", mspId) })),
      ordererOrgs: [
        { mspId: "OrdererMSP", mspConfig: mspConfig("Orderer", "OrdererMSP"), endpoints: ["127.0.0.1:7050"] },
      ],
      batchTimeoutMs: 200,
      consenters: [],
    });
    delete recorded.values!.OrdererAddresses;
    ours.groups!.Orderer!.values!.ConsensusType = recorded.groups!.Orderer!.values!.ConsensusType!;
    assert.deepEqual(difference(ours, recorded, "/Channel"), []);

    const block = splitBlock(configBlockOf("mychannel", { channelGroup: ours }, 0));
    const real = splitBlock(read("0.block"));
    assert.deepEqual(block.metadata[METADATA.LAST_CONFIG], real.metadata[METADATA.LAST_CONFIG]);
    assert.deepEqual(block.metadata[METADATA.SIGNATURES], real.metadata[METADATA.SIGNATURES]);
  });
});

/** Paths at which two trees differ. */
function difference(a: common.IConfigGroup, b: common.IConfigGroup, path: string): string[] {
  const found: string[] = [];
  for (const kind of ["groups", "values", "policies"] as const) {
    const [left, right] = [sortedKeys(a[kind]), sortedKeys(b[kind])];
    if (left.join() !== right.join()) found.push(`${path} ${kind}: ${left} / ${right}`);
  }
  for (const [name, value] of entries(a.values)) {
    const other = b.values?.[name];
    if (other && !Buffer.from(encode(common.ConfigValue, value)).equals(encode(common.ConfigValue, other))) {
      found.push(`${path}/${name}`);
    }
  }
  for (const [name, policy] of entries(a.policies)) {
    const other = b.policies?.[name];
    if (other && !Buffer.from(encode(common.ConfigPolicy, policy)).equals(encode(common.ConfigPolicy, other))) {
      found.push(`${path}/${name} (policy)`);
    }
  }
  for (const [name, group] of entries(a.groups)) {
    const other = b.groups?.[name];
    if (other) found.push(...difference(group, other, `${path}/${name}`));
  }
  return found;
}
