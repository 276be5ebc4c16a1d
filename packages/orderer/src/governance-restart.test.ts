import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { type Act, GOVERNANCE_STRAND } from "@hansa/governance";
import { JournalError, type JournalStore } from "@hansa/journal";
import { type Bytes, type Clock, silentLogger, type UnixMs } from "@hansa/primitives";
import { FileJournalStore, MemoryJournalStore } from "@hansa/storage";
import { hansa, toNumber } from "@hansa/wire";
import { GovernanceStrand } from "./governance-strand.js";
import { dataFolder, start } from "./governance-test-node.js";
import { DEFAULT_RULES, type GovernanceClient, TestGovernance, type TestMember } from "./governance-testing.js";
import { testClock, testNetwork } from "./testing.js";

describe("the network's time", () => {
  it("expires proposals by ordered time, runs on from an advance, and survives restarts", async () => {
    const folder = await dataFolder();
    const clock: Clock & { ms: number } = { ms: testClock.now(), now: () => clock.ms as UnixMs };
    const network = new TestGovernance();
    const [brewery, pub] = network.members as [TestMember, TestMember];
    const run = () => start(network, { dataFolder: folder, clock });
    const follow = (client: GovernanceClient) =>
      client.followStream(client.followEnvelope(network.operator, {}, { timestampMs: clock.ms }));
    const times = async (client: GovernanceClient) => {
      const stamps: number[] = [];
      for await (const bytes of follow(client).incoming) {
        stamps.push(toNumber(hansa.governance.StrandBlock.decode(bytes).block?.timestampMs));
      }
      return stamps;
    };
    const first = await run();
    await first.client.submit(network.founded());
    await first.client.submit(network.invite("inn", brewery, "000000000099"));
    const advance = (hours: number): Act => ({ kind: "clockAdvanced", to: (clock.ms + hours * 3_600_000) as UnixMs });
    await first.client.submit(network.sign(advance(23), network.operator));
    await first.client.submit(network.vote("inn", brewery));
    clock.ms += 3_600_000 + 1;
    assert.equal(await first.client.refusal(network.vote("inn", pub)), "ILLEGAL_ACTION", "24 hours are over");
    await first.stop();

    const second = await run();
    clock.ms += 1000;
    await second.client.submit(network.invite("again", brewery, "000000000099"));
    const newest = (await times(second.client)).at(-1);
    assert.equal(newest, clock.ms + 23 * 3_600_000, "the clock's advance is still there");
    await second.client.submit(network.sign(advance(48), network.operator));
    // A clock that is set back does not turn the network's time back.
    clock.ms -= 60_000;
    await second.client.submit(network.invite("third", pub, "000000000098"));
    assert.equal(await second.client.refusal(network.sign(advance(0), network.operator)), "INVALID");
    await second.stop();
    const third = await run();
    clock.ms += 61_000;
    await third.client.submit(network.invite("fourth", pub, "000000000097"));
    const stamps = await times(third.client);
    assert.deepEqual(
      stamps,
      [...stamps].sort((a, b) => a - b),
      "never backwards",
    );
    assert.equal(stamps.at(-1), clock.ms + 48 * 3_600_000);
  });

  it("moves only where the rules allow it", async () => {
    const network = new TestGovernance();
    const { client } = await start(network);
    await client.submit(network.founded({ rules: { ...DEFAULT_RULES, simulatedClock: false } }));
    const advance: Act = { kind: "clockAdvanced", to: (testClock.now() + 9e6) as UnixMs };
    assert.equal(await client.refusal(network.sign(advance, network.operator)), "ILLEGAL_ACTION");
  });
});

describe("the governance strand on disk", () => {
  it("stands beside channels and comes back whole", async () => {
    const folder = await dataFolder();
    const { genesis, ordererOrg } = testNetwork();
    const network = new TestGovernance(undefined, ordererOrg);
    const [brewery] = network.members as [TestMember];
    const first = await start(network, { dataFolder: folder });
    await first.orderer.join(genesis);
    await first.client.submit(network.founded());
    for (let i = 0; i < 20; i++) await first.client.submit(network.invite(`p${i}`, brewery, "000000000099"));
    const before = await first.client.strand(network.operator);
    await first.stop();
    const second = await start(network, { dataFolder: folder });
    assert.deepEqual(await second.client.strand(network.operator), before);
    assert.deepEqual(
      second.orderer.channels().map(({ channelId }) => channelId),
      ["trade"],
    );
    assert.equal(await second.client.refusal(network.founded()), "ALREADY_EXISTS");
    await second.client.submit(network.invite("more", brewery, "000000000099"));
  });

  it("undoes a founding that was cut off before its record was written", async () => {
    const folder = await dataFolder();
    const network = new TestGovernance();
    const store = new FileJournalStore(path.join(folder, "journal"));
    await store.create({ strandId: "0123456789012345678901", name: GOVERNANCE_STRAND });
    await store.close();
    const { client } = await start(network, { dataFolder: folder });
    assert.deepEqual(await client.strand(network.operator), []);
    await client.submit(network.founded());
    assert.equal((await client.strand(network.operator)).length, 1);
  });

  it("acknowledges nothing that it could not write, and takes nothing more", async () => {
    const network = new TestGovernance();
    const [brewery] = network.members as [TestMember];
    const store = new MemoryJournalStore();
    let isFull = false;
    const failing: JournalStore = {
      list: () => store.list(),
      open: (strandId) => store.open(strandId),
      remove: (strandId) => store.remove(strandId),
      close: () => store.close(),
      create: async (info) => {
        const strand = await store.create(info);
        const append = strand.append.bind(strand);
        strand.append = (records) => {
          const { strandId } = info;
          return isFull
            ? Promise.reject(new JournalError({ code: "STORE_FAILED", strandId, detail: "no space left" }))
            : append(records);
        };
        return strand;
      },
    };
    const identity = network.operatorOrg.identity("orderer");
    const strand = await GovernanceStrand.open({ store: failing, identity, clock: testClock, logger: silentLogger });
    const submit = async (record: Bytes) => {
      const submission = strand.submit(record);
      return submission.kind === "ordered" ? submission.ordered : submission;
    };
    await submit(network.founded());
    const before = strand.state;
    isFull = true;
    const acts = ["one", "two", "three"].map((name) => submit(network.invite(name, brewery, "000000000099")));
    for (const act of acts) await assert.rejects(act, /no space left/);
    assert.equal(strand.state, before);
    isFull = false;
    const later = strand.submit(network.invite("four", brewery, "000000000099"));
    assert.equal(later.kind, "unavailable");
    assert.equal(strand.height, 1);
  });

  it("cuts a torn tail and stops at a flipped byte, naming strand and block", async () => {
    const folder = await dataFolder();
    const network = new TestGovernance();
    const [brewery] = network.members as [TestMember];
    const first = await start(network, { dataFolder: folder });
    await first.client.submit(network.founded());
    for (let i = 0; i < 5; i++) await first.client.submit(network.invite(`p${i}`, brewery, "000000000099"));
    const before = await first.client.strand(network.operator);
    const strandId = before[0]?.block.address.strandId as string;
    await first.stop();

    const strandFolder = path.join(folder, "journal", strandId);
    assert.ok(readdirSync(strandFolder).includes("blocks"));
    const file = path.join(strandFolder, "blocks");
    const whole = readFileSync(file);
    // The beginning of a seventh record that was never finished.
    writeFileSync(file, Buffer.concat([whole, whole.subarray(0, 40)]));
    const torn = await start(network, { dataFolder: folder });
    assert.deepEqual(await torn.client.strand(network.operator), before);
    await torn.stop();
    assert.equal(statSync(file).size, whole.length);

    const flipped = Buffer.from(whole);
    const at = Math.floor(whole.length * 0.8);
    flipped[at] = (flipped[at] as number) ^ 1;
    writeFileSync(file, flipped);
    const strandAndBlock = new RegExp(`${strandId}, block [0-9]`);
    await assert.rejects(start(network, { dataFolder: folder }), strandAndBlock);
    writeFileSync(file, whole);
    truncateSync(file, whole.length - 10);
    await assert.rejects(start(network, { dataFolder: folder }), strandAndBlock);
    writeFileSync(file, whole);
    const mended = await start(network, { dataFolder: folder });
    assert.deepEqual(await mended.client.strand(network.operator), before);
  });
});
