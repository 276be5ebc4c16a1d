import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ChannelConfig } from "@hansa/channel-config";
import { privateKeyFromPem } from "@hansa/crypto";
import { collectionBlockToLive } from "@hansa/endorsement/validation";
import { Ledger } from "@hansa/ledger";
import { createSigningIdentity } from "@hansa/msp";
import { NO_BYTES, silentLogger, systemClock, systemRandom, toHex } from "@hansa/primitives";
import { MemoryBlockStore, MemoryStateStore } from "@hansa/storage";
import { splitBlock } from "@hansa/wire";
import { PeerChannel } from "./channel.js";
import { createJudge } from "./judge.js";
import { createDialer } from "./orderer-dialer.js";
import { recordedIdentity } from "./testing/recorded-identity.js";
import { startRecordedOrderer } from "./testing/recorded-orderer.js";
import { NO_VECTORS, vector, vectorsFolder } from "./testing/vectors.js";
import { TransientStore } from "./transient-store.js";

type Expected = { blocks: { number: number; transactions: { txid: string; code: number }[] }[] };

describe("a channel that follows a recorded orderer", { skip: vectorsFolder() ? false : NO_VECTORS }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "hansa-channel-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function open(blocks: MemoryBlockStore, state: MemoryStateStore, address: string): Promise<PeerChannel> {
    const genesis = vector("0.block");
    const config = ChannelConfig.fromBlock(genesis);
    const { channelId } = config;
    const ledger = await Ledger.open({ channelId, blocks, state, blockToLive: collectionBlockToLive });
    const judge = createJudge(channelId);
    if (ledger.height === 0) {
      const verdicts = await judge.genesis(genesis, ledger);
      await ledger.commit({ block: splitBlock(genesis), transactions: verdicts.transactions });
    }
    const { certPem, keyPem } = recordedIdentity("Org1MSP", "peer");
    return new PeerChannel({
      ledger,
      config,
      transient: await TransientStore.open(join(folder, "transient"), silentLogger),
      judge,
      openStream: createDialer({
        signer: createSigningIdentity("Org1MSP", certPem, privateKeyFromPem(keyPem)),
        tls: undefined,
        overrides: Object.fromEntries(config.ordererEndpoints().map((each) => [each.address, { address }])),
        connectTimeoutMs: 2_000,
        clock: systemClock,
        random: systemRandom,
      }),
      sources: (inForce) => inForce.ordererEndpoints(),
      clock: systemClock,
      logger: silentLogger,
    });
  }

  it("arrives at the recorded verdicts and hashes, over an orderer's restart", async () => {
    const expected = JSON.parse(Buffer.from(vector("expected.json")).toString()) as Expected;
    const stores = [new MemoryBlockStore(), new MemoryStateStore()] as const;
    const first = await startRecordedOrderer(60);
    const channel = await open(...stores, first.address);
    channel.start();
    const never = new AbortController().signal;
    const last = expected.blocks.at(-1)?.transactions.at(-1);
    assert.ok(last !== undefined);
    const status = channel.waitForStatus(last.txid, never);
    assert.ok(await channel.waitFor(59, never));
    assert.deepEqual(first.seeks, [1]);
    first.until = 100;
    assert.ok(await channel.waitFor(99, never));
    first.until = 146;
    assert.deepEqual(await status, { code: last.code, blockNumber: 145 });
    for (const { number, transactions } of expected.blocks) {
      const { metadata } = splitBlock(await channel.block(number));
      assert.deepEqual(
        [...(metadata[2] ?? [])],
        transactions.map(({ code }) => code),
        `codes of block ${number}`,
      );
      const recorded = splitBlock(vector(`${number}.block`)).metadata[4] ?? NO_BYTES;
      assert.equal(toHex(metadata[4] ?? NO_BYTES), toHex(recorded), `commit hash of block ${number}`);
    }
    assert.equal(channel.failure, undefined);
    await channel.stop();
    await first.stop();
  });
});
