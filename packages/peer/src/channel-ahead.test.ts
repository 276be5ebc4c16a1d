import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ChannelConfig } from "@hansa/channel-config";
import { Ledger, type StoredBlock } from "@hansa/ledger";
import { silentLogger, systemClock } from "@hansa/primitives";
import { MemoryBlockStore, MemoryStateStore } from "@hansa/storage";
import { splitBlock } from "@hansa/wire";
import { PeerChannel } from "./channel.js";
import { createJudge } from "./judge.js";
import { TestOrderer, testGenesis, testOrg } from "./testing/consortium.js";
import { TransientStore } from "./transient-store.js";

/** Its appends are done when somebody says so. */
class SlowBlockStore extends MemoryBlockStore {
  readonly waiting: (() => void)[] = [];
  isSlow = false;

  override append(block: StoredBlock): Promise<void> {
    if (!this.isSlow) return super.append(block);
    return new Promise((resolve, reject) => this.waiting.push(() => void super.append(block).then(resolve, reject)));
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a channel that is behind", () => {
  it("judges the blocks that it has while those before them are stored, and tells of each when it is", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hansa-behind-"));
    const ordering = testOrg("OrdererMSP");
    const genesis = testGenesis("trade", [testOrg("BreweryMSP")], ordering, "127.0.0.1:1");
    const orderer = new TestOrderer(ordering.identity("orderer", "orderer"));
    orderer.addChannel(genesis);
    const blocks = new SlowBlockStore();
    const ledger = await Ledger.open({ channelId: "trade", blocks, state: new MemoryStateStore() });
    const judge = createJudge("trade");
    const { transactions } = await judge.genesis(genesis, ledger);
    await ledger.commit({ block: splitBlock(genesis), transactions });
    blocks.isSlow = true;
    const judged: number[] = [];
    const channel = new PeerChannel({
      ledger,
      config: ChannelConfig.fromBlock(genesis),
      transient: await TransientStore.open(folder, silentLogger),
      judge: {
        ...judge,
        judge: (block, ...rest) => {
          judged.push(block.number);
          return judge.judge(block, ...rest);
        },
      },
      openStream: (_source, _from, _config, { onBlock }) => {
        setImmediate(() => {
          for (const text of ["one", "two", "three"])
            onBlock(orderer.block("trade", orderer.order("trade", Buffer.from(text))));
        });
        return { pause() {}, resume() {}, close() {} };
      },
      sources: () => [{ mspId: "OrdererMSP", address: "a:1" }],
      clock: systemClock,
      logger: silentLogger,
    });
    const told: number[] = [];
    channel.onCommit(({ number }) => told.push(number));
    channel.start();
    while (blocks.waiting.length < 3) await turn();
    assert.deepEqual(judged, [1, 2, 3]);
    assert.deepEqual(told, []);
    assert.equal(channel.height(), 1);
    for (const [index, store] of blocks.waiting.entries()) {
      store();
      assert.ok(await channel.waitFor(index + 1, new AbortController().signal));
      assert.deepEqual(told, [1, 2, 3].slice(0, index + 1));
      assert.equal(channel.height(), index + 2);
    }
    await channel.stop();
    await rm(folder, { recursive: true, force: true });
  });
});
