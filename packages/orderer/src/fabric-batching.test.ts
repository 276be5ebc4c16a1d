import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { genesisBlock } from "@hansa/channel-config";
import { testProfile } from "@hansa/channel-config/testing";
import { Status, splitBlock } from "@hansa/wire";
import { startOrderer } from "./orderer.js";
import { TestClient, testClock, testNetwork } from "./testing.js";

const root = mkdtempSync(path.join(tmpdir(), "hansa-fabric-batching-"));
after(() => rmSync(root, { recursive: true, force: true }));

const { orgs, ordererOrg, ordererIdentity } = testNetwork();
const member = orgs[0]!.identity("client");
const genesis = genesisBlock(testProfile(orgs, ordererOrg, { batchTimeoutMs: 400, maxMessageCount: 10 }));

async function running(dataFolder: string, batching: "fabric" | "adaptive" = "fabric") {
  const orderer = await startOrderer({
    identity: ordererIdentity,
    clock: testClock,
    listen: { address: "127.0.0.1:0" },
    dataFolder,
    batching,
  });
  const client = new TestClient(orderer.address);
  const blocks = async (stop: number) => {
    const seek = await client.deliver(member, "trade", { specified: { number: 1 } }, { specified: { number: stop } });
    assert.equal(seek.status, Status.SUCCESS);
    return seek.blocks.map((block) =>
      splitBlock(block).envelopes.map((envelope) => Buffer.from(envelope).toString("hex")),
    );
  };
  const close = async () => {
    client.close();
    await orderer.stop();
  };
  return { orderer, client, blocks, close };
}

describe("batching as Fabric does it", () => {
  it("acknowledges before the block, so that one who waits for each answer fills a block too", async () => {
    const { orderer, client, blocks, close } = await running(path.join(root, "wait"));
    await orderer.join(genesis);
    const sent: string[] = [];
    for (let i = 0; i < 5; i++) {
      const envelope = client.envelope(member, "trade", { data: `message ${i}` });
      assert.deepEqual(await client.broadcast([envelope]), [{ status: Status.SUCCESS, info: "" }]);
      sent.push(Buffer.from(envelope).toString("hex"));
    }
    assert.deepEqual(orderer.channels(), [{ channelId: "trade", height: 1 }]);
    assert.deepEqual(await blocks(1), [sent]);
    await close();
  });

  it("orders after a crash what it acknowledged, once, under either batching", async () => {
    const dataFolder = path.join(root, "crash");
    const { orderer, client, close } = await running(dataFolder);
    await orderer.join(genesis);
    const sent: string[] = [];
    const send = async (count: number) => {
      const envelopes = Array.from({ length: count }, () => client.envelope(member, "trade"));
      for (const { status } of await client.broadcast(envelopes)) assert.equal(status, Status.SUCCESS);
      sent.push(...envelopes.map((envelope) => Buffer.from(envelope).toString("hex")));
    };
    await send(10);
    await send(3);
    // Ten are in block 1 by their number, three wait for the timer: as a crash would find them.
    const crashed = ["one", "two"].map((name) => path.join(root, name));
    for (const copy of crashed) cpSync(dataFolder, copy, { recursive: true });
    assert.deepEqual(orderer.channels(), [{ channelId: "trade", height: 2 }]);
    await close();

    for (const [i, batching] of (["fabric", "adaptive"] as const).entries()) {
      const again = await running(crashed[i] as string, batching);
      assert.deepEqual(await again.blocks(2), [sent.slice(0, 10), sent.slice(10)], batching);
      await again.close();
      const third = await running(crashed[i] as string, batching);
      assert.deepEqual(third.orderer.channels(), [{ channelId: "trade", height: 3 }]);
      await third.close();
    }
  });

  it("writes what waits when it is stopped, and leaves no intake behind", async () => {
    const dataFolder = path.join(root, "stop");
    const { orderer, client, close } = await running(dataFolder);
    await orderer.join(genesis);
    await client.broadcast([client.envelope(member, "trade")]);
    await close();
    const files = readdirSync(path.join(dataFolder, "journal"), { recursive: true }).map(String);
    assert.deepEqual(
      files.filter((file) => file.includes("intake")),
      [],
    );
    const blocksFile = files.find((file) => file.endsWith("/blocks")) as string;
    assert.ok(statSync(path.join(dataFolder, "journal", blocksFile)).size > 0);
    const again = await running(dataFolder);
    assert.deepEqual(again.orderer.channels(), [{ channelId: "trade", height: 2 }]);
    await again.close();
  });
});
