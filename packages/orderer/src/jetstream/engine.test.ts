import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ChannelConfig, computeConfigUpdate, genesisBlock, withBatchSettings } from "@hansa/channel-config";
import { signedUpdate, testProfile } from "@hansa/channel-config/testing";
import type { JournalStrand } from "@hansa/journal";
import { type Batching, readBroadcast } from "@hansa/ordering";
import { type Logger, silentLogger, systemRandom, toHex } from "@hansa/primitives";
import { MemoryJournalStore } from "@hansa/storage";
import { Status, splitBlock } from "@hansa/wire";
import type { OrderedChannel } from "../channel.js";
import type { Outcome } from "../engine.js";
import { Registrar } from "../registrar.js";
import { TestClient, testClock, testNetwork } from "../testing.js";
import { streamEngine } from "./engine.js";
import { NO_FAULTS, TestStreams } from "./testing.js";

const { orgs, ordererOrg, ordererIdentity } = testNetwork();
const limits = { maxMessageCount: 10, absoluteMaxBytes: 262_144, preferredMaxBytes: 65_536 };
const genesis = genesisBlock(testProfile(orgs, ordererOrg, { ...limits, batchTimeoutMs: 400 }));
const member = orgs[0]!.identity("client");
const client = new TestClient("127.0.0.1:1");

type Node = { store: MemoryJournalStore; registrar: Registrar; channel: OrderedChannel };

/** A store whose appends wait for `gate`. */
class GatedStore extends MemoryJournalStore {
  gate: Promise<void> = Promise.resolve();

  override async create(...args: Parameters<MemoryJournalStore["create"]>): Promise<JournalStrand> {
    const strand = await super.create(...args);
    const append = strand.append.bind(strand);
    strand.append = async (records) => {
      await this.gate;
      await append(records);
    };
    return strand;
  }
}

type StartOptions = {
  store?: MemoryJournalStore;
  batching?: Batching;
  before?: Node;
  logger?: Logger;
  isAlive?: () => boolean;
};

/** An orderer on these streams; with `before` one that was killed and comes back with its journal. */
async function startNode(
  streams: TestStreams,
  { batching = "adaptive", before, logger = silentLogger, isAlive, store: given }: StartOptions = {},
): Promise<Node> {
  const store = before?.store ?? given ?? new MemoryJournalStore();
  const registrar = await Registrar.open({
    store,
    logger,
    channel: {
      identity: ordererIdentity,
      engine: streamEngine(streams.source(isAlive), { batching, pace: undefined }),
      tailCacheBytes: 1_000,
      maxBacklogMessages: 5_000,
      clock: testClock,
      random: systemRandom,
    },
  });
  return { store, registrar, channel: registrar.get("trade") ?? (await registrar.join(genesis)) };
}

function send(channel: OrderedChannel, data: string | Uint8Array): Promise<Outcome> {
  const message = readBroadcast(typeof data === "string" ? client.envelope(member, "trade", { data }) : data);
  assert.ok(message.kind === "message");
  return new Promise((resolve) => channel.submit(message, resolve));
}

/** Hashes of the journal's blocks: they bind order, times and contents. */
async function history({ channel }: Node): Promise<string[]> {
  const hashes: string[] = [];
  for (let number = 0; number < channel.height; number++) {
    hashes.push(toHex((await channel.strand.block(number)).blockHash));
  }
  return hashes;
}

async function namesIn({ channel }: Node): Promise<string[]> {
  const names: string[] = [];
  for (let number = 1; number < channel.height; number++) {
    for (const envelope of splitBlock(await channel.block(number)).envelopes) {
      names.push(/m\d+-\d+/.exec(Buffer.from(envelope).toString("latin1"))?.[0] ?? "config");
    }
  }
  return names;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (holds()) return;
    await pause(10);
  }
  throw new Error(`waited in vain until ${what}`);
}

async function assertSame(nodes: readonly Node[]): Promise<void> {
  const height = Math.max(...nodes.map(({ channel }) => channel.height));
  await until(`all have ${height} blocks`, () => nodes.every(({ channel }) => channel.height === height));
  const [first, ...others] = await Promise.all(nodes.map(history));
  for (const other of others) assert.deepEqual(other, first);
}

const stop = (nodes: readonly Node[]) => Promise.all(nodes.map(({ registrar }) => registrar.halt("test is over")));

describe("orderers that share a stream", () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`cut the same blocks with every acknowledged message once, whatever goes wrong (seed ${seed})`, async () => {
      const faults = { lostAck: 0.2, lostMessage: 0.1, appendedTwice: 0.2, missed: 0.2, unread: 0.1, delayMs: 4 };
      const streams = new TestStreams(seed, faults);
      const nodes = await Promise.all([startNode(streams), startNode(streams), startNode(streams)]);
      const outcomes: Promise<Outcome>[] = [];
      const sent: string[] = [];
      for (let i = 0; i < 60; i++) {
        nodes.forEach(({ channel }, k) => {
          sent.push(`m${k}-${i}`);
          outcomes.push(send(channel, `m${k}-${i}`));
        });
        if (i % 5 === 0) await pause(streams.chance() * 10);
      }
      for (const { status, info } of await Promise.all(outcomes)) assert.equal(status, Status.SUCCESS, info);
      await assertSame(nodes);
      assert.deepEqual((await namesIn(nodes[0]!)).sort(), sent.sort());
      await stop(nodes);
    });
  }

  it("answer when the stream has the message and their own journal the block, not before", async () => {
    const streams = new TestStreams(5);
    const store = new GatedStore();
    const slow = await startNode(streams, { store });
    const other = await startNode(streams);
    let open = () => {};
    store.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let answered = false;
    const waiting = send(slow.channel, "m0-0").then((outcome) => {
      answered = true;
      return outcome;
    });
    await until("the other one has the block", () => other.channel.height === 2);
    await pause(30);
    assert.equal(answered, false, "its own journal has not written the block");
    open();
    assert.equal((await waiting).status, Status.SUCCESS);
    await stop([slow, other]);
  });

  it("let a configuration take effect at the same point for all, and judge again what stands behind it", async () => {
    const streams = new TestStreams(7, { ...NO_FAULTS, delayMs: 3 });
    const nodes = await Promise.all([startNode(streams), startNode(streams)]);
    const { config } = ChannelConfig.fromBlock(genesis);
    const small = {
      ...limits,
      batchTimeoutMs: 400,
      maxMessageCount: 2,
      absoluteMaxBytes: 30_000,
      preferredMaxBytes: 30_000,
    };
    const update = computeConfigUpdate("trade", config, withBatchSettings(config, small));
    const signed = signedUpdate(update, [ordererOrg.identity("admin")]);
    const big = `m9-${"9".repeat(40_000)}`;
    const [changed, ...others] = await Promise.all([
      send(nodes[0]!.channel, signed),
      ...Array.from({ length: 20 }, (_, i) => send(nodes[i % 2]!.channel, `m${i % 2}-${i}`)),
      ...Array.from({ length: 4 }, (_, i) => send(nodes[i % 2]!.channel, big)),
    ]);
    assert.equal(changed?.status, Status.SUCCESS, changed?.info);
    for (const { status, info } of others) {
      if (status !== Status.SUCCESS) assert.match(info, /exceeds maximum allowed 30000 bytes/);
    }
    assert.equal((await send(nodes[1]!.channel, big)).status, Status.BAD_REQUEST);
    await assertSame(nodes);
    for (const { channel } of nodes) assert.equal(channel.config.orderer.maxMessageCount, 2);
    await stop(nodes);
  });

  it("accept one of two configurations made at the same time, and refuse the other in Fabric's words", async () => {
    const streams = new TestStreams(8);
    const nodes = await Promise.all([startNode(streams), startNode(streams)]);
    const { config } = ChannelConfig.fromBlock(genesis);
    const updates = [3, 4].map((maxMessageCount) => {
      const wanted = withBatchSettings(config, { ...limits, batchTimeoutMs: 400, maxMessageCount });
      return signedUpdate(computeConfigUpdate("trade", config, wanted), [ordererOrg.identity("admin")]);
    });
    const outcomes = await Promise.all(updates.map((update, i) => send(nodes[i]!.channel, update)));
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), [Status.SUCCESS, Status.BAD_REQUEST]);
    assert.match(outcomes.map(({ info }) => info).join(""), /error applying config update to existing channel/);
    await assertSame(nodes);
    await stop(nodes);
  });

  it("cut a batch by a timer's message, also when the orderer that took its messages is gone", async () => {
    const streams = new TestStreams(9);
    let isAlive = true;
    const doomed = await startNode(streams, { batching: "fabric", isAlive: () => isAlive });
    const other = await startNode(streams, { batching: "fabric" });
    const begun = performance.now();
    const outcomes = await Promise.all([send(doomed.channel, "m0-1"), send(other.channel, "m1-1")]);
    assert.ok(performance.now() - begun >= 390, "nothing was cut before the batch timeout");
    for (const { status } of outcomes) assert.equal(status, Status.SUCCESS);
    assert.equal(doomed.channel.height, 2, "both share the block");

    const messages = streams.streams.get(doomed.channel.strand.info.strandId)!;
    const before = messages.length;
    void send(doomed.channel, "m0-2");
    await until("the message is in the stream", () => messages.length > before);
    isAlive = false;
    await until("the other one has the block", () => other.channel.height === 3);
    await stop([other, doomed]);
  });

  it("go on from the journal, and catch up on what others ordered meanwhile", async () => {
    const streams = new TestStreams(10, { ...NO_FAULTS, missed: 0.3, delayMs: 2 });
    const [one, two] = await Promise.all([startNode(streams), startNode(streams)]);
    await Promise.all(Array.from({ length: 30 }, (_, i) => send(one.channel, `m0-${i}`)));
    await stop([two]);
    for (let i = 0; i < 40; i++) await send(one.channel, `m1-${i}`);
    const again = await startNode(streams, { before: two });
    assert.equal((await send(again.channel, "m2-0")).status, Status.SUCCESS);
    const late = await startNode(streams);
    await assertSame([one, again, late]);
    assert.equal((await namesIn(late)).length, 71);
    await stop([one, again, late]);
  });

  it("answer within a time when the servers cannot be reached, and serve again when they can", async () => {
    const streams = new TestStreams(11);
    streams.isDown = true;
    const node = await startNode(streams);
    const waiting = send(node.channel, "m0-0");
    await pause(50);
    streams.isDown = false;
    assert.equal((await waiting).status, Status.SUCCESS);
    streams.isDown = true;
    const lost = send(node.channel, "m0-1");
    await pause(20);
    const begun = performance.now();
    await stop([node]);
    assert.equal((await lost).status, Status.SERVICE_UNAVAILABLE);
    assert.ok(performance.now() - begun < 5_000);
  });
});

describe("a stream that comes back shorter than a journal", () => {
  it("gets the lost blocks from the journal, and the other orderers get them from there", async () => {
    const streams = new TestStreams(20);
    const one = await startNode(streams);
    for (let i = 0; i < 6; i++) await send(one.channel, `m0-${i}`);
    const strandId = one.channel.strand.info.strandId;
    streams.truncate(strandId, 2);
    await until("the blocks are in the stream again", () => (streams.streams.get(strandId)?.length ?? 0) >= 6);
    assert.equal((await send(one.channel, "m0-6")).status, Status.SUCCESS);
    const two = await startNode(streams);
    await assertSame([one, two]);
    assert.deepEqual(await namesIn(two), ["m0-0", "m0-1", "m0-2", "m0-3", "m0-4", "m0-5", "m0-6"]);

    // And once more, with all nodes stopped and nothing left.
    await stop([one, two]);
    streams.truncate(strandId, 0);
    const nodes = await Promise.all([one, two].map((before) => startNode(streams, { before })));
    assert.equal((await send(nodes[0]!.channel, "m0-7")).status, Status.SUCCESS);
    nodes.push(await startNode(streams));
    await assertSame(nodes);
    assert.equal((await namesIn(nodes[2]!)).length, 8);
    await stop(nodes);
  });

  it("is made again when somebody has deleted it, also before it had a message", async () => {
    const streams = new TestStreams(22);
    const one = await startNode(streams);
    const two = await startNode(streams);
    const { strandId } = one.channel.strand.info;
    await until("both follow it", () => streams.streams.has(strandId));
    await pause(50);
    const acknowledged: string[] = [];
    let sent = 0;
    /** Who asks when the loss is noticed may hear that it is in doubt; whoever asks then is served. */
    const served = async (by: Node) => {
      for (let i = 0; i < 50; i++) {
        const name = `m0-${sent++}`;
        if ((await send(by.channel, name)).status !== Status.SUCCESS) continue;
        acknowledged.push(name);
        return;
      }
      throw new Error("nobody is served");
    };
    streams.remove(strandId);
    await served(one);
    await served(two);
    await assertSame([one, two]);
    streams.remove(strandId);
    await served(one);
    await until("the blocks are in the stream again", () => (streams.streams.get(strandId)?.length ?? 0) >= 3);
    await served(two);
    const late = await startNode(streams);
    await assertSame([one, two, late]);
    const names = await namesIn(late);
    for (const name of acknowledged) assert.equal(names.filter((each) => each === name).length, 1, name);
    await stop([one, two, late]);
  });

  it("stops an orderer whose journal holds another history than the stream, and leaves its blocks readable", async () => {
    const streams = new TestStreams(21);
    const one = await startNode(streams);
    const two = await startNode(streams);
    for (let i = 0; i < 4; i++) await send(one.channel, `m0-${i}`);
    await assertSame([one, two]);
    await stop([one]);
    streams.truncate(one.channel.strand.info.strandId, 1);
    // An orderer that had read no further than the stream now reaches goes on and cuts another block 2.
    await stop([two]);
    const fresh = await startNode(streams);
    await send(fresh.channel, "m1-0");
    const errors: string[] = [];
    const logger: Logger = { ...silentLogger, error: (m, f) => errors.push(`${m} ${f?.reason}`), child: () => logger };
    const back = await startNode(streams, { before: one, logger });
    await until("it has stopped", () => back.channel.isFailed);
    assert.match(errors.join(), /another history than the journal block 2 of channel trade is [0-9a-f]{64} in this/);
    assert.equal((await send(back.channel, "m0-9")).status, Status.SERVICE_UNAVAILABLE);
    assert.equal((await back.channel.block(4)).length > 0, true);
    assert.equal((await send(fresh.channel, "m1-1")).status, Status.SUCCESS);
    await stop([fresh, back]);
  });
});
