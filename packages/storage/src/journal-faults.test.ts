/**
 * The journal on files that fail. Each run is a seed's: a failing one says which, and `HANSA_FAULT_SEED=<seed>` runs it
 * alone. `HANSA_FAULT_RUNS` sets how many there are.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { digestAt, JournalError, type JournalRecord, type JournalStrand, verifyBlock } from "@hansa/journal";
import { equalBytes, messageOf, silentLogger, toHex } from "@hansa/primitives";
import { FileJournalStore } from "./journal-file.js";
import { Chance, type FaultRates, FaultyFiles, HARMLESS_FAULTS, NO_FAULTS } from "./testing/faulty-files.js";
import { journalStoreSuite, sampleRecord, sampleRecords, strandInfo } from "./testing/journal-suite.js";

const RUNS = Number(process.env.HANSA_FAULT_RUNS ?? 100);
const ONLY = process.env.HANSA_FAULT_SEED;
const seeds = ONLY === undefined ? Array.from({ length: RUNS }, (_, i) => i + 1) : [Number(ONLY)];
const FOLDER = "/orderer/journal";
const info = strandInfo("deliveries");

describe("journal store on files that do less than they are asked for", () => {
  for (let seed = 1; seed <= 20; seed++) {
    describe(`seed ${seed}`, () => {
      journalStoreSuite(
        async () => new FileJournalStore(FOLDER, { files: new FaultyFiles(new Chance(seed), HARMLESS_FAULTS) }),
      );
    });
  }
});

/** What was promised to whoever appended: these blocks, and these messages. */
class Promises {
  readonly blocks: JournalRecord[] = [];
  readonly messages: string[] = [];
}

/** One seed's story: lives of a process, each ended by a stop, a kill or a crash. Returns what happened, line by line. */
async function live(seed: number, rates: FaultRates): Promise<string[]> {
  const chance = new Chance(seed);
  const files = new FaultyFiles(chance, NO_FAULTS);
  const promised = new Promises();
  const lines = files.log;
  for (let life = 0; life < 6; life++) {
    const store = new FileJournalStore(FOLDER, { files, logger: silentLogger });
    files.rates = HARMLESS_FAULTS;
    const strand = await openOrCreate(store, promised);
    if (strand === undefined) {
      lines.push(`life ${life}: the strand was never promised`);
      continue;
    }
    await expectKept(strand, promised);
    lines.push(`life ${life}: ${strand.tip.size} blocks`);
    files.rates = rates;
    const under = [];
    let tip = strand.tip;
    for (let step = 1 + chance.below(8); step > 0; step--) {
      if (chance.below(4) === 0) under.push(takeIn(strand, promised, `${seed}.${life}.${step}`));
      else {
        const records = sampleRecords(tip, 1 + chance.below(4), chance.below(3_000));
        tip = { ...tip, size: tip.size + records.length };
        const last = records.at(-1)!.block;
        tip = { ...tip, lastBlockHash: last.blockHash, lastTimestampMs: last.timestampMs };
        under.push(append(strand, promised, records, lines));
      }
      if (chance.below(3) === 0) await Promise.all(under.splice(0));
    }
    const end = chance.below(3);
    if (end > 0) await Promise.all(under.splice(0));
    if (end === 2) await store.close();
    else if (chance.below(2) === 0) files.kill();
    else files.crash();
    await Promise.allSettled(under);
    await store.close().catch(() => {});
    files.kill();
  }
  return lines;
}

async function openOrCreate(store: FileJournalStore, promised: Promises): Promise<JournalStrand | undefined> {
  if ((await store.list()).length > 0) return store.open(info.strandId);
  assert.equal(promised.blocks.length, 0, "the strand is gone with all that was promised");
  return store.create(info);
}

async function append(
  strand: JournalStrand,
  promised: Promises,
  records: JournalRecord[],
  lines: string[],
): Promise<void> {
  try {
    await strand.append(records);
    promised.blocks.push(...records);
  } catch (error) {
    assert.ok(error instanceof JournalError && error.code === "STORE_FAILED", messageOf(error));
    lines.push(`append of ${records.length} refused`);
  }
}

async function takeIn(strand: JournalStrand, promised: Promises, text: string): Promise<void> {
  try {
    await strand.intake.append({ message: Buffer.from(text.padEnd(700, ".")), height: strand.tip.size });
    promised.messages.push(text);
  } catch {
    // Refused: nothing was promised.
  }
}

/** Everything promised is there, in order, exactly once; whatever else is there hangs together. */
async function expectKept(strand: JournalStrand, promised: Promises): Promise<void> {
  const { size } = strand.tip;
  assert.ok(size >= promised.blocks.length, `${size} blocks are left of ${promised.blocks.length} that were promised`);
  let tip: Parameters<typeof verifyBlock>[1];
  for (let n = 0; n < size; n++) {
    const block = await strand.block(n);
    verifyBlock(block, tip);
    tip = { strandId: info.strandId, size: n + 1, lastBlockHash: block.blockHash, lastTimestampMs: block.timestampMs };
    const expected = promised.blocks[n];
    const content = await strand.content(n);
    if (expected !== undefined) {
      assert.ok(equalBytes(content, expected.content), `block ${n} has another content`);
      assert.equal(toHex(block.blockHash), toHex(expected.block.blockHash));
    } else {
      // What was written and not promised is kept once it was shown.
      promised.blocks.push({ block, content });
    }
    digestAt(block, strand);
  }
  const left = strand.intake.left.map(({ message }) => Buffer.from(message).toString().replace(/\.*$/, ""));
  const missing = promised.messages.filter((message) => !left.includes(message.replace(/\.*$/, "")));
  assert.deepEqual(missing, [], "messages that were promised are gone");
  assert.equal(new Set(left).size, left.length, "a message came back twice");
}

describe("a strand that is stopped, killed and crashed", () => {
  const rates: Record<string, FaultRates> = {
    "on sound files": HARMLESS_FAULTS,
    "while syncs fail": { ...HARMLESS_FAULTS, failedSync: 0.08 },
    "while the disk fills up": { ...HARMLESS_FAULTS, fullDisk: 0.03 },
    "while everything fails": { ...HARMLESS_FAULTS, failedSync: 0.05, fullDisk: 0.02 },
  };
  for (const [name, rate] of Object.entries(rates)) {
    it(`loses nothing that it promised, ${name}`, async () => {
      for (const seed of seeds) {
        await live(seed, rate).catch((error: unknown) => {
          throw new Error(`HANSA_FAULT_SEED=${seed}: ${messageOf(error)}`, { cause: error });
        });
      }
    });
  }

  it("does exactly the same for the same seed", async () => {
    const rate = rates["while everything fails"] as FaultRates;
    for (const seed of seeds.slice(0, 10)) assert.deepEqual(await live(seed, rate), await live(seed, rate));
    assert.notDeepEqual(await live(1, rate), await live(2, rate));
  });
});

describe("a strand with a turned bit", () => {
  it("says strand, block and byte, or does not need the bit: it never shows another content", async () => {
    let stopped = 0;
    let mended = 0;
    for (const seed of seeds) {
      const chance = new Chance(seed);
      const files = new FaultyFiles(chance, NO_FAULTS);
      const store = new FileJournalStore(FOLDER, { files });
      const strand = await store.create(info);
      const records = sampleRecords(strand.tip, 12, 400);
      for (let i = 0; i < records.length; i += 3) await strand.append(records.slice(i, i + 3));
      await strand.intake.append({ message: Buffer.from("first"), height: 12 });
      await strand.intake.append({ message: Buffer.from("second"), height: 12 });
      await store.close();
      // The last message alone could also be a torn write: that it was acknowledged stands nowhere.
      const flipped = files.flipBit((path) => !path.endsWith("strand.json") && !path.includes("intake"));
      assert.ok(flipped !== undefined);
      const again = new FileJournalStore(FOLDER, { files });
      const where = `HANSA_FAULT_SEED=${seed}: ${flipped.path}, byte ${flipped.byte}`;
      try {
        const opened = await again.open(info.strandId);
        for (const [n, { block, content }] of records.entries()) {
          assert.ok(equalBytes(await opened.content(n), content), where);
          assert.equal(toHex((await opened.block(n)).blockHash), toHex(block.blockHash), where);
        }
        assert.ok(!flipped.path.endsWith("/blocks"), `${where}: nobody noticed`);
        await opened.append([sampleRecord(opened.tip)]);
        mended++;
      } catch (error) {
        assert.ok(error instanceof JournalError, `${where}: ${messageOf(error)}`);
        assert.equal(error.fault.code, "DAMAGED", where);
        assert.match(error.message, new RegExp(`strand ${info.strandId}, block \\d+: .*byte \\d+`), where);
        assert.ok(flipped.path.endsWith("/blocks"), `${where}: ${error.message}`);
        stopped++;
      }
    }
    if (ONLY === undefined) assert.ok(stopped > 0 && mended > 0, `${stopped} stopped, ${mended} mended`);
  });
});
