import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { JournalError, type JournalStore, type JournalStrand } from "@hansa/journal";
import { readBroadcast } from "@hansa/ordering";
import { silentLogger, systemRandom } from "@hansa/primitives";
import { MemoryJournalStore } from "@hansa/storage";
import { orderer as ab, Status } from "@hansa/wire";
import type { OrderedChannel } from "./channel.js";
import { deliverOne } from "./deliver.js";
import { embeddedEngine } from "./embedded-engine.js";
import type { Outcome } from "./engine.js";
import { Registrar } from "./registrar.js";
import { TestClient, testClock, testNetwork } from "./testing.js";

const { orgs, ordererIdentity, genesis } = testNetwork();
const member = orgs[0]!.identity("client");
const client = new TestClient("127.0.0.1:1");

/** A memory store whose appends wait for `gate` and fail when it rejects. */
class GatedStore extends MemoryJournalStore implements JournalStore {
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

async function joined(maxBacklogMessages = 5_000) {
  const store = new GatedStore();
  const engine = embeddedEngine({ batching: "adaptive" });
  const channelOptions = { identity: ordererIdentity, engine, tailCacheBytes: 1_000 };
  const registrar = await Registrar.open({
    store,
    logger: silentLogger,
    channel: { ...channelOptions, maxBacklogMessages, clock: testClock, random: systemRandom },
  });
  return { store, registrar, channel: await registrar.join(genesis) };
}

function submit(channel: OrderedChannel): Promise<Outcome> {
  const message = readBroadcast(client.envelope(member, "trade"));
  assert.equal(message.kind, "message");
  return new Promise((resolve) => {
    if (message.kind === "message") channel.submit(message, resolve);
  });
}

function heldGate() {
  let open = () => {};
  let fail: (error: Error) => void = () => {};
  const gate = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  gate.catch(() => {});
  return { gate, open, fail };
}

describe("a channel of an ordering node", () => {
  it("answers nobody before the disk has it", async () => {
    const { store, channel } = await joined();
    const { gate, open } = heldGate();
    store.gate = gate;
    let answered = 0;
    const answers = [submit(channel), submit(channel), submit(channel)];
    for (const answer of answers) void answer.then(() => answered++);
    await pause(50);
    assert.deepEqual([answered, channel.height], [0, 1]);
    open();
    for (const { status } of await Promise.all(answers)) assert.equal(status, Status.SUCCESS);
    assert.equal(channel.height, 2, "all three waited together");
  });

  it("asks senders to wait while too much is on its way", async () => {
    const { store, channel } = await joined(2);
    const { gate, open } = heldGate();
    store.gate = gate;
    assert.equal(channel.room(), undefined);
    const answers = [submit(channel), submit(channel)];
    const room = channel.room();
    assert.ok(room);
    open();
    await room;
    await Promise.all(answers);
    assert.equal(channel.room(), undefined);
  });

  it("refuses all messages once its journal cannot be written, and gives blocks to those who take what there is", async () => {
    const { store, registrar, channel } = await joined();
    const { gate, fail } = heldGate();
    store.gate = gate;
    const waiting = submit(channel);
    await pause(20);
    const { strandId } = channel.strand.info;
    fail(new JournalError({ code: "STORE_FAILED", strandId, detail: "no space left on device" }));
    const stopped = { status: Status.SERVICE_UNAVAILABLE, info: "chain is stopped: the journal cannot be written" };
    assert.deepEqual(await waiting, stopped);
    assert.deepEqual(await submit(channel), stopped);

    const seek = async (errorResponse: ab.SeekInfo.SeekErrorResponse) => {
      const responses: ab.DeliverResponse[] = [];
      const options = {
        channels: registrar,
        timeWindowMs: 1_000,
        mutualTls: false,
        clock: testClock,
        logger: silentLogger,
      };
      const request = client.seek(member, "trade", { oldest: {} }, { newest: {} }, { errorResponse });
      const send = (bytes: Uint8Array) => void responses.push(ab.DeliverResponse.decode(bytes)) as undefined;
      await deliverOne(request, options, new AbortController().signal, send);
      return responses.map(({ block, status }) => (block ? "block" : status));
    };
    const { STRICT, BEST_EFFORT } = ab.SeekInfo.SeekErrorResponse;
    assert.deepEqual(await seek(STRICT), [Status.SERVICE_UNAVAILABLE]);
    assert.deepEqual(await seek(BEST_EFFORT), ["block", Status.SUCCESS]);
    await registrar.halt("chain is stopped");
  });

  it("writes what it took before it halts, and takes nothing more", async () => {
    const { registrar, channel } = await joined();
    const answers = [submit(channel), submit(channel)];
    const halted = registrar.halt("chain is stopped");
    assert.deepEqual(await submit(channel), { status: Status.SERVICE_UNAVAILABLE, info: "chain is stopped" });
    await halted;
    assert.equal(channel.height, 2);
    for (const { status } of await Promise.all(answers)) assert.equal(status, Status.SUCCESS);
  });

  it("ends followers when it is removed", async () => {
    const { registrar } = await joined();
    const options = {
      channels: registrar,
      timeWindowMs: 1_000,
      mutualTls: false,
      clock: testClock,
      logger: silentLogger,
    };
    const request = client.seek(member, "trade", { newest: {} }, { specified: { number: 9 } });
    const statuses: number[] = [];
    const send = (bytes: Uint8Array) => void statuses.push(ab.DeliverResponse.decode(bytes).status ?? 0) as undefined;
    const following = deliverOne(request, options, new AbortController().signal, send);
    await pause(5);
    await registrar.remove("trade");
    await following;
    assert.deepEqual(statuses, [0, Status.SERVICE_UNAVAILABLE]);
  });
});
