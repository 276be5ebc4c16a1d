import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import {
  ChannelConfig,
  computeConfigUpdate,
  genesisBlock,
  withBatchSettings,
  withoutOrganization,
} from "@hansa/channel-config";
import { signedUpdate, testProfile } from "@hansa/channel-config/testing";
import { readBroadcast, verifyBlockSignatures } from "@hansa/ordering";
import {
  orderer as ab,
  blockDataHash,
  blockHeaderHash,
  HeaderType,
  METADATA,
  Status,
  splitBlock,
  toLong,
} from "@hansa/wire";
import { startOrderer } from "./orderer.js";
import { TestClient, testClock, testNetwork } from "./testing.js";

const root = mkdtempSync(path.join(tmpdir(), "hansa-orderer-"));
after(() => rmSync(root, { recursive: true, force: true }));

const { orgs, ordererOrg, ordererIdentity, genesis } = testNetwork();
const [brewery, pub] = orgs as [(typeof orgs)[0], (typeof orgs)[0]];
const member = brewery.identity("client");
const peer = pub.identity("peer");

async function running(extra: Partial<Parameters<typeof startOrderer>[0]> = {}) {
  const orderer = await startOrderer({
    identity: ordererIdentity,
    listen: { address: "127.0.0.1:0" },
    clock: testClock,
    ...extra,
  });
  const client = new TestClient(orderer.address);
  const stop = async () => {
    client.close();
    await orderer.stop();
  };
  return { orderer, client, stop };
}

const refusal = (status: number, info: string) => ({ status, info });
const ok = { status: Status.SUCCESS, info: "" };

describe("an ordering node", () => {
  it("makes durable, signed, chained blocks of what is broadcast, and delivers them", async () => {
    const { orderer, client, stop } = await running();
    await orderer.join(genesis);
    const envelopes = Array.from({ length: 40 }, (_, i) => client.envelope(member, "trade", { data: `tx ${i}` }));
    assert.deepEqual(
      await client.broadcast(envelopes),
      envelopes.map(() => ok),
    );

    const height = orderer.channels()[0]?.height as number;
    const { blocks, status } = await client.deliver(peer, "trade", { oldest: {} }, { newest: {} });
    assert.equal(status, Status.SUCCESS);
    assert.equal(blocks.length, height);
    assert.deepEqual(Buffer.from(blocks[0] as Uint8Array), Buffer.from(genesis));
    const config = ChannelConfig.fromBlock(genesis);
    let previous = splitBlock(genesis).header;
    const ordered: Uint8Array[] = [];
    for (const [i, bytes] of blocks.slice(1).entries()) {
      const block = splitBlock(bytes);
      assert.equal(block.header.number, BigInt(i + 1));
      assert.deepEqual(Buffer.from(block.header.previousHash), Buffer.from(blockHeaderHash(previous)));
      assert.deepEqual(Buffer.from(block.header.dataHash), Buffer.from(blockDataHash(block.envelopes)));
      assert.equal(block.metadata.length, 5);
      assert.equal(block.metadata[METADATA.TRANSACTIONS_FILTER]?.length, 0);
      assert.deepEqual(verifyBlockSignatures(block, config), { ok: true });
      ordered.push(...block.envelopes);
      previous = block.header;
    }
    assert.deepEqual(ordered.map(Buffer.from), envelopes.map(Buffer.from));
    await stop();
  });

  it("answers as Fabric does, in order, and ends the stream at the first refusal", async () => {
    const { orderer, client, stop } = await running();
    await orderer.join(genesis);
    const good = client.envelope(member, "trade");
    const cases: [string, Uint8Array, { status: number; info: string | RegExp }][] = [
      ["unknown channel", client.envelope(member, "nowhere"), refusal(400, "channel does not exist")],
      ["empty payload", Buffer.alloc(0), refusal(400, "could not determine channel ID: header not set")],
      ["a payload that is none", Buffer.from([10, 2, 255, 255]), { status: 400, info: /error unmarshalling Payload/ }],
      [
        "CONFIG from a client",
        client.envelope(member, "trade", { type: HeaderType.CONFIG }),
        refusal(400, "message is of type that cannot be processed directly"),
      ],
      [
        "ORDERER_TRANSACTION",
        client.envelope(member, "trade", { type: HeaderType.ORDERER_TRANSACTION }),
        refusal(400, "message is of type that is no longer supported"),
      ],
      [
        "too large",
        client.envelope(member, "trade", { data: "x".repeat(300_000) }),
        { status: 400, info: /^message payload is \d+ bytes and exceeds maximum allowed 262144 bytes$/ },
      ],
      [
        "wrong signature",
        client.envelope(member, "trade", { spoil: true }),
        refusal(
          403,
          "implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the 'Writers' sub-policies to be satisfied: permission denied",
        ),
      ],
      [
        "a stranger",
        client.envelope(testNetwork().orgs[0]!.identity("client"), "trade"),
        { status: 403, info: /permission denied$/ },
      ],
    ];
    for (const [name, bad, expected] of cases) {
      const answers = await client.broadcast([good, bad, good]);
      assert.equal(answers.length, 2, name);
      assert.deepEqual(answers[0], ok, name);
      assert.equal(answers[1]?.status, expected.status, name);
      if (expected.info instanceof RegExp) assert.match(answers[1]?.info ?? "", expected.info, name);
      else assert.equal(answers[1]?.info, expected.info, name);
    }
    await assert.rejects(client.broadcast([Buffer.from([255, 255, 255])]), /failed to unmarshal the received message/);
    await stop();
  });

  it("serves callers in its own process alike", async () => {
    const { orderer, client, stop } = await running();
    await orderer.join(genesis);
    const answer = async (envelope: Uint8Array) => ab.BroadcastResponse.decode(await orderer.broadcast(envelope));
    assert.equal((await answer(client.envelope(member, "trade"))).status, Status.SUCCESS);
    assert.equal((await answer(client.envelope(member, "nowhere"))).info, "channel does not exist");
    await assert.rejects(orderer.broadcast(Buffer.from([255])), /failed to unmarshal/);
    const responses: ab.DeliverResponse[] = [];
    const collect = (bytes: Uint8Array) => void responses.push(ab.DeliverResponse.decode(bytes));
    const seek = client.seek(peer, "trade", { oldest: {} }, { newest: {} });
    await orderer.deliver(seek, (bytes) => collect(bytes) as undefined, new AbortController().signal);
    assert.deepEqual(
      responses.map(({ block, status }) => (block ? Number(block.header?.number) : status)),
      [0, 1, Status.SUCCESS],
    );
    await stop();
  });

  it("keeps everything across a restart and goes on", async () => {
    const dataFolder = path.join(root, "restart");
    const first = await running({ dataFolder });
    await first.orderer.join(genesis);
    await first.client.broadcast([first.client.envelope(member, "trade")]);
    const before = first.orderer.channels();
    await first.stop();
    const second = await running({ dataFolder });
    assert.deepEqual(second.orderer.channels(), before);
    await second.client.broadcast([second.client.envelope(member, "trade")]);
    const { blocks } = await second.client.deliver(peer, "trade", { oldest: {} }, { newest: {} });
    assert.equal(blocks.length, (before[0]?.height as number) + 1);
    const [a, b] = blocks.slice(-2).map((block) => splitBlock(block).header);
    assert.deepEqual(Buffer.from(b!.previousHash), Buffer.from(blockHeaderHash(a!)));
    await second.stop();
  });

  it("changes the configuration in a block of its own and judges by the new one", async () => {
    const { orderer, client, stop } = await running();
    await orderer.join(genesis);
    const config = ChannelConfig.fromBlock(genesis);
    const settings = { batchTimeoutMs: 500, maxMessageCount: 3, absoluteMaxBytes: 9_000, preferredMaxBytes: 9_000 };
    const update = computeConfigUpdate("trade", config.config, withBatchSettings(config.config, settings));
    const signed = signedUpdate(update, [ordererOrg.identity("admin")]);
    const big = client.envelope(member, "trade", { data: "x".repeat(20_000) });
    const answers = await client.broadcast([
      client.envelope(member, "trade"),
      signed,
      client.envelope(member, "trade"),
      big,
    ]);
    // The last was admitted by the old configuration and refused by the new one.
    assert.deepEqual(answers.slice(0, 3), [ok, ok, ok]);
    assert.match(answers[3]?.info ?? "", /exceeds maximum allowed 9000 bytes/);
    const { blocks } = await client.deliver(peer, "trade", { oldest: {} }, { newest: {} });
    const configs = blocks.map((block) => readBroadcast(splitBlock(block).envelopes[0] as Uint8Array));
    const types = configs.map((each) => (each.kind === "message" ? each.type : -1));
    const at = types.indexOf(HeaderType.CONFIG, 1);
    assert.equal(splitBlock(blocks[at] as Uint8Array).envelopes.length, 1);
    assert.equal(ChannelConfig.fromBlock(blocks[at] as Uint8Array).sequence, 1n);
    assert.equal(ChannelConfig.fromBlock(blocks[at] as Uint8Array).orderer.maxMessageCount, 3);

    const tooFew = signedUpdate(update, [member]);
    const [late] = await client.broadcast([tooFew]);
    assert.equal(late?.status, 400);
    assert.match(
      late?.info ?? "",
      /^error applying config update to existing channel 'trade': error authorizing update:/,
    );
    await stop();
  });
});

describe("Deliver", () => {
  it("finds its start and stop as Fabric does", async () => {
    const { orderer, client, stop } = await running();
    await orderer.join(genesis);
    for (let i = 0; i < 3; i++) await client.broadcast([client.envelope(member, "trade")]);
    const at = (number: number) => ({ specified: { number } });
    const numbers = async (start: ab.ISeekPosition, end: ab.ISeekPosition, behavior = 1) => {
      const { blocks, status } = await client.deliver(peer, "trade", start, end, { behavior });
      return [...blocks.map((block) => Number(splitBlock(block).header.number)), status];
    };
    const { SUCCESS, NOT_FOUND, BAD_REQUEST } = Status;
    assert.deepEqual(await numbers({ oldest: {} }, { oldest: {} }), [0, SUCCESS]);
    assert.deepEqual(await numbers({ newest: {} }, { newest: {} }), [3, SUCCESS]);
    assert.deepEqual(await numbers(at(1), at(2)), [1, 2, SUCCESS]);
    assert.deepEqual(await numbers(at(2), at(9)), [2, 3, NOT_FOUND]);
    assert.deepEqual(await numbers(at(4), at(9)), [NOT_FOUND]);
    assert.deepEqual(await numbers(at(5), at(9), 0), [NOT_FOUND]);
    assert.deepEqual(await numbers({ nextCommit: {} }, at(9)), [NOT_FOUND]);
    assert.deepEqual(await numbers(at(3), at(2)), [BAD_REQUEST]);
    assert.deepEqual(await numbers({}, at(2)), [NOT_FOUND]);
    await stop();
  });

  it("waits for blocks to come, through the whole of a uint64", async () => {
    const { orderer, client, stop } = await running();
    await orderer.join(genesis);
    const end = { specified: { number: toLong(2n ** 64n - 1n) } };
    const follower = client.follow(peer, "trade", { specified: { number: 0 } }, end);
    assert.equal(splitBlock(await follower.nextBlock()).header.number, 0n);
    const next = follower.nextBlock();
    await client.broadcast([client.envelope(member, "trade")]);
    assert.equal(splitBlock(await next).header.number, 1n);
    follower.close();
    await stop();
  });

  it("refuses strangers, unknown channels, wrong clocks and requests that do not parse", async () => {
    const { orderer, client, stop } = await running();
    await orderer.join(genesis);
    const oldest = { oldest: {} };
    const stranger = testNetwork().orgs[0]!.identity("peer");
    assert.equal((await client.deliver(stranger, "trade", oldest, oldest)).status, Status.FORBIDDEN);
    assert.equal((await client.deliver(peer, "nowhere", oldest, oldest)).status, Status.NOT_FOUND);
    const late = { timestampMs: testClock.now() - 16 * 60_000 };
    assert.equal((await client.deliver(peer, "trade", oldest, oldest, {}, late)).status, Status.BAD_REQUEST);
    assert.equal((await client.deliver(peer, "trade", oldest, oldest, {}, { spoil: true })).status, Status.FORBIDDEN);
    assert.equal((await client.deliver(peer, "trade", undefined, oldest)).status, Status.BAD_REQUEST);
    assert.equal((await client.deliverRaw(Buffer.from("0a030a0102", "hex"))).status, Status.BAD_REQUEST);
    await assert.rejects(client.deliverRaw(Buffer.from([1, 2, 3])), {
      message: "grpc: failed to unmarshal the received message: proto: cannot parse invalid wire-format data",
    });
    await stop();
  });

  it("ends a follower whose organisation has left", async () => {
    const { orderer, client, stop } = await running();
    await orderer.join(genesis);
    const end = { specified: { number: toLong(2n ** 64n - 1n) } };
    const follower = client.follow(peer, "trade", { specified: { number: 0 } }, end);
    await follower.nextBlock();
    const config = ChannelConfig.fromBlock(genesis);
    const update = computeConfigUpdate("trade", config.config, withoutOrganization(config.config, pub.mspId));
    const admins = orgs.map((org) => org.identity("admin"));
    assert.deepEqual(await client.broadcast([signedUpdate(update, admins)]), [ok]);
    assert.equal(await follower.nextStatus(), Status.FORBIDDEN);
    follower.close();
    await stop();
  });

  it("sends headers and signatures alone when asked", async () => {
    const { orderer, client, stop } = await running();
    await orderer.join(genesis);
    await client.broadcast([client.envelope(member, "trade")]);
    const contentType = ab.SeekInfo.SeekContentType.HEADER_WITH_SIG;
    const { blocks } = await client.deliver(peer, "trade", { oldest: {} }, { newest: {} }, { contentType });
    assert.equal(splitBlock(blocks[0] as Uint8Array).envelopes.length, 1, "a configuration comes whole");
    const block = splitBlock(blocks[1] as Uint8Array);
    assert.equal(block.envelopes.length, 0);
    assert.deepEqual(verifyBlockSignatures(block, ChannelConfig.fromBlock(genesis)), { ok: true });
    await stop();
  });
});

describe("several channels", () => {
  it("are ordered apart, joined and removed while the node runs", async () => {
    const dataFolder = path.join(root, "channels");
    const { orderer, client, stop } = await running({ dataFolder });
    await orderer.join(genesis);
    await orderer.join(genesisBlock(testProfile(orgs, ordererOrg, { channelId: "orders" })));
    await assert.rejects(orderer.join(genesis), /channel already exists/);
    await client.broadcast([client.envelope(member, "orders")]);
    assert.deepEqual(orderer.channels(), [
      { channelId: "orders", height: 2 },
      { channelId: "trade", height: 1 },
    ]);
    await orderer.remove("orders");
    await assert.rejects(orderer.remove("orders"), /channel does not exist/);
    assert.deepEqual(orderer.channels(), [{ channelId: "trade", height: 1 }]);
    await stop();
    const again = await running({ dataFolder });
    assert.deepEqual(again.orderer.channels(), [{ channelId: "trade", height: 1 }]);
    await again.stop();
  });
});
