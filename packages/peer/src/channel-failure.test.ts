import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ChannelConfig } from "@hansa/channel-config";
import { Ledger } from "@hansa/ledger";
import { silentLogger, systemClock } from "@hansa/primitives";
import { MemoryBlockStore, MemoryStateStore } from "@hansa/storage";
import { splitBlock } from "@hansa/wire";
import { PeerChannel } from "./channel.js";
import { createJudge } from "./judge.js";
import { TestOrderer, testGenesis, testOrg } from "./testing/consortium.js";
import { TransientStore } from "./transient-store.js";

describe("a channel whose next block cannot be committed", () => {
  it("stops where it is and tells all who wait", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hansa-failure-"));
    const ordering = testOrg("OrdererMSP");
    const genesis = testGenesis("trade", [testOrg("BreweryMSP")], ordering, "127.0.0.1:1");
    const orderer = new TestOrderer(ordering.identity("orderer", "orderer"));
    orderer.addChannel(genesis);
    const config = ChannelConfig.fromBlock(genesis);
    const ledger = await Ledger.open({
      channelId: "trade",
      blocks: new MemoryBlockStore(),
      state: new MemoryStateStore(),
    });
    const judge = createJudge("trade");
    const { transactions } = await judge.genesis(genesis, ledger);
    await ledger.commit({ block: splitBlock(genesis), transactions });
    let isClosed = false;
    const channel = new PeerChannel({
      ledger,
      config,
      transient: await TransientStore.open(folder, silentLogger),
      judge: { ...judge, judge: () => Promise.reject(new Error("the disk is full")) },
      openStream: (_source, _from, _config, { onBlock }) => {
        setImmediate(() => onBlock(orderer.block("trade", orderer.order("trade", Buffer.from("anything")))));
        const close = () => {
          isClosed = true;
        };
        return { pause() {}, resume() {}, close };
      },
      sources: () => [{ mspId: "OrdererMSP", address: "a:1" }],
      clock: systemClock,
      logger: silentLogger,
    });
    const waiting = channel.waitForStatus("some transaction", new AbortController().signal);
    channel.start();
    await assert.rejects(waiting, { code: "CHANNEL_FAILED", message: /block 1 cannot be committed/ });
    assert.match(String(channel.failure?.cause), /the disk is full/);
    assert.equal(channel.height(), 1);
    assert.ok(isClosed);
    await assert.rejects(channel.waitForStatus("another", new AbortController().signal), { code: "CHANNEL_FAILED" });
    await channel.stop();
    await rm(folder, { recursive: true, force: true });
  });
});
