/** A network that is started again with a file that was changed in between. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { ChannelConfig } from "@hansa/channel-config";
import { type Network, type NetworkFile, startNetwork } from "@hansa/network";
import { common, decode } from "@hansa/wire";
import { temporaryFolder } from "../support/folder.js";

describe("a network whose file was changed", () => {
  const { folder, remove } = temporaryFolder();
  let network: Network | undefined;
  after(async () => {
    await network?.stop();
    remove();
  });

  async function start(channels: NonNullable<NetworkFile["channels"]>): Promise<Network> {
    await network?.stop();
    network = undefined;
    const file: NetworkFile = { network: "again", mode: "inline", members: [{ name: "A" }, { name: "B" }], channels };
    network = await startNetwork(file, { dataFolder: folder });
    return network;
  }

  async function configOf(channel: string, running: Network): Promise<ChannelConfig> {
    const cscc = running.member("A").gateway({ user: "Admin" }).getNetwork(channel).getContract("cscc");
    const bytes = await cscc.evaluateTransaction("GetChannelConfig", channel);
    return ChannelConfig.load(channel as ChannelConfig["channelId"], decode(common.Config, bytes, "common.Config"));
  }

  it("gives channels their new batch settings, and makes new channels", async () => {
    assert.equal((await configOf("first", await start([{ name: "first" }]))).orderer.maxMessageCount, 500);
    const changed = await start([{ name: "first", batch: { maxMessages: 3, timeout: "700ms" } }, { name: "second" }]);
    const first = await configOf("first", changed);
    assert.equal(first.sequence, 1n);
    assert.deepEqual([first.orderer.maxMessageCount, first.orderer.batchTimeoutMs], [3, 700]);
    assert.equal((await configOf("second", changed)).sequence, 0n);
    const same = await start([{ name: "first", batch: { maxMessages: 3, timeout: "700ms" } }, { name: "second" }]);
    assert.equal((await configOf("first", same)).sequence, 1n);
  });

  it("refuses other members for a channel, and leaves everything as it was", async () => {
    await assert.rejects(start([{ name: "first", members: ["A"] }]), {
      code: "NETWORK_CHANGED",
      message: "Channel first was made with other members (A, B) than its file has now (A).",
    });
    const running = await start([{ name: "first", batch: { maxMessages: 3, timeout: "700ms" } }, { name: "second" }]);
    assert.equal((await running.ledgers("first")).length, 2);
  });
});
