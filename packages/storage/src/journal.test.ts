import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { crc32 } from "node:zlib";
import { digestAt, dot, JournalError, type JournalRecord } from "@hansa/journal";
import { type LogFields, type Logger, silentLogger } from "@hansa/primitives";
import { FileJournalStore } from "./journal-file.js";
import { Frontier } from "./journal-frontier.js";
import { MemoryJournalStore } from "./journal-memory.js";
import { journalStoreSuite, sampleRecord, sampleRecords, strandInfo } from "./testing/journal-suite.js";

const root = mkdtempSync(path.join(tmpdir(), "hansa-journal-"));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newFolder = () => path.join(root, `${folders++}`);

describe("journal store in memory", () => {
  journalStoreSuite(async () => new MemoryJournalStore());
});

describe("journal store in files", () => {
  journalStoreSuite(async () => new FileJournalStore(newFolder()));
});

const info = strandInfo("deliveries");
const inStrand = (folder: string, file: string) => path.join(folder, info.strandId, file);

function recordingLogger(): { logger: Logger; lines: { message: string; fields: LogFields }[] } {
  const lines: { message: string; fields: LogFields }[] = [];
  const note = (message: string, fields: LogFields = {}) => void lines.push({ message, fields });
  const logger: Logger = { ...silentLogger, info: note, warn: note, error: note, child: () => logger };
  return { logger, lines };
}

/** A folder with a strand of these many blocks, appended `group` at a time. */
async function filled(count: number, group = 3): Promise<{ folder: string; records: JournalRecord[] }> {
  const folder = newFolder();
  const store = new FileJournalStore(folder);
  const strand = await store.create(info);
  const records = sampleRecords(strand.tip, count);
  for (let i = 0; i < count; i += group) await strand.append(records.slice(i, i + group));
  await store.close();
  return { folder, records };
}

describe("a strand's files", () => {
  it("are only the owner's to read", async () => {
    const { folder } = await filled(1);
    for (const file of readdirSync(path.join(folder, info.strandId))) {
      assert.equal(statSync(inStrand(folder, file)).mode & 0o077, 0, file);
    }
  });

  it("hold everything across a restart, and take more", async () => {
    const { folder, records } = await filled(20);
    for (const verifyBytes of [Number.MAX_SAFE_INTEGER, 1_000, 0]) {
      const store = new FileJournalStore(folder, { verifyBytes });
      assert.deepEqual(await store.list(), [info]);
      const strand = await store.open(info.strandId);
      const known = strand.tip.size;
      assert.deepEqual(Buffer.from(await strand.content(7)), (records[7] as JournalRecord).content);
      await strand.append([sampleRecord(strand.tip)]);
      assert.equal(strand.tip.size, known + 1);
      await store.close();
    }
  });

  it("make offsets and tree again when those are lost, stale or wrong", async () => {
    const { folder } = await filled(23);
    const intact = new FileJournalStore(folder);
    const whole = await intact.open(info.strandId);
    const expected = digestAt(await whole.block(22), whole);
    await intact.close();
    const spoil: [string, (file: string) => void][] = [
      ["offsets", (file) => rmSync(file)],
      ["offsets", (file) => truncateSync(file, 16 * 9 + 5)],
      ["offsets", (file) => flip(file, 16 * 4 + 3)],
      ["tree", (file) => rmSync(file)],
      ["tree", (file) => truncateSync(file, 32 * 11 + 7)],
      ["tree", (file) => flip(file, 32 * 30 + 1)],
      ["log", (file) => rmSync(file)],
      ["log", (file) => truncateSync(file, 32 * 11 + 7)],
      ["log", (file) => flip(file, 32 * 30 + 1)],
    ];
    for (const [file, act] of spoil) {
      act(inStrand(folder, file));
      const store = new FileJournalStore(folder);
      const strand = await store.open(info.strandId);
      assert.equal(strand.tip.size, 23);
      assert.deepEqual(digestAt(await strand.block(22), strand), expected, file);
      await store.close();
    }
  });

  it("of an earlier version, without the log, are taken over", async () => {
    const { folder, records } = await filled(9);
    const file = inStrand(folder, "blocks");
    const bytes = readFileSync(file);
    const edge = Frontier.empty(dot);
    for (const [i, start] of recordStarts(file).entries()) {
      const header = bytes.subarray(start, start + 32);
      edge.append((records[i] as JournalRecord).block.blockHash);
      header.write("HJR1", "latin1");
      header.writeUInt32BE(edge.checksum(), 20);
      header.writeUInt32BE(crc32(header.subarray(0, 28)), 28);
    }
    writeFileSync(file, bytes);
    rmSync(inStrand(folder, "log"));
    for (let opening = 0; opening < 3; opening++) {
      const store = new FileJournalStore(folder);
      const strand = await store.open(info.strandId);
      assert.equal(strand.tip.size, 9 + opening);
      const memory = await new MemoryJournalStore().create(info);
      for (let n = 0; n < strand.tip.size; n++) await memory.append([await strand.record(n)]);
      const last = await strand.block(strand.tip.size - 1);
      assert.deepEqual(digestAt(last, strand), digestAt(last, memory));
      await strand.append([sampleRecord(strand.tip)]);
      await store.close();
    }
  });

  it("lose an interrupted write, at whatever byte it stopped, with a line in the log", async () => {
    const { folder, records } = await filled(6, 1);
    const whole = readFileSync(inStrand(folder, "blocks"));
    const blocks = 6;
    const lastStart = whole.lastIndexOf("HJR2");
    for (let length = lastStart + 1; length < whole.length; length += 37) {
      const copy = newFolder();
      cpSync(folder, copy, { recursive: true });
      truncateSync(inStrand(copy, "blocks"), length);
      // The offsets are written after the sync, so a write that was cut short is not in them.
      truncateSync(inStrand(copy, "offsets"), 16 * (blocks - 1));
      const { logger, lines } = recordingLogger();
      const store = new FileJournalStore(copy, { logger });
      const strand = await store.open(info.strandId);
      assert.equal(strand.tip.size, blocks - 1);
      assert.deepEqual(
        lines.map(({ message, fields }) => [message.split(":")[0], fields.block, fields.byte, fields.cutBytes]),
        [["torn tail cut", blocks - 1, lastStart, length - lastStart]],
      );
      await strand.append([records[blocks - 1] as JournalRecord]);
      await store.close();
      assert.deepEqual(readFileSync(inStrand(copy, "blocks")), whole);
    }
  });

  it("lose a whole group of which some later part reached the disk and an earlier part did not", async () => {
    const { folder } = await filled(9, 3);
    const file = inStrand(folder, "blocks");
    const starts = recordStarts(file);
    writeFileSync(inStrand(folder, "offsets"), readFileSync(inStrand(folder, "offsets")).subarray(0, 16 * 6));
    flip(file, (starts[7] as number) + 60);
    const store = new FileJournalStore(folder);
    assert.equal((await store.open(info.strandId)).tip.size, 7);
    assert.equal(statSync(file).size, starts[7]);
    await store.close();
  });

  it("stop the store with strand, block and byte when anything that was acknowledged is damaged", async () => {
    const { folder } = await filled(9, 3);
    const starts = recordStarts(inStrand(folder, "blocks"));
    const end = statSync(inStrand(folder, "blocks")).size;
    const damages: [string, number, (copy: string) => void][] = [
      ["the last acknowledged record", 8, (copy) => flip(inStrand(copy, "blocks"), end - 1)],
      ["a missing end", 8, (copy) => truncateSync(inStrand(copy, "blocks"), end - 1)],
      [
        "an early record, with the offsets lost as well",
        2,
        (copy) => {
          flip(inStrand(copy, "blocks"), (starts[2] as number) + 5);
          rmSync(inStrand(copy, "offsets"));
        },
      ],
    ];
    for (let block = 0; block < 9; block++) {
      const at = (starts[block] as number) + 33 + 7 * block;
      damages.push([`bit in block ${block}`, block, (copy) => flip(inStrand(copy, "blocks"), at)]);
    }
    for (const [name, block, act] of damages) {
      const copy = newFolder();
      cpSync(folder, copy, { recursive: true });
      act(copy);
      const before = readFileSync(inStrand(copy, "blocks"));
      await assert.rejects(
        new FileJournalStore(copy).open(info.strandId),
        (error) => {
          assert.ok(error instanceof JournalError && error.fault.code === "DAMAGED", name);
          assert.equal(error.fault.sequenceNo, block, name);
          assert.match(error.message, new RegExp(`strand ${info.strandId}, block ${block}: .*byte \\d+`));
          assert.ok(error.nextStep);
          return true;
        },
        name,
      );
      assert.deepEqual(readFileSync(inStrand(copy, "blocks")), before, `${name}: nothing may be cut`);
    }
  });

  it("find damage outside the checked end when the block is read", async () => {
    const { folder } = await filled(9);
    flip(inStrand(folder, "blocks"), (recordStarts(inStrand(folder, "blocks"))[1] as number) + 100);
    const store = new FileJournalStore(folder, { verifyBytes: 100 });
    const strand = await store.open(info.strandId);
    await strand.content(0);
    await assert.rejects(strand.content(1), (error) => error instanceof JournalError && error.code === "DAMAGED");
    await store.close();
  });

  it("are let go of only after the reads under way", async () => {
    const { folder, records } = await filled(9);
    const store = new FileJournalStore(folder);
    const strand = await store.open(info.strandId);
    const reads = records.map((_, i) => strand.content(i));
    await store.close();
    for (const [i, content] of (await Promise.all(reads)).entries()) assert.deepEqual(content, records[i]?.content);
    await assert.rejects(
      strand.content(0),
      (error) => error instanceof JournalError && error.code === "STRAND_NOT_FOUND",
    );
    assert.throws(() => strand.node(0), JournalError);
  });

  it("name a description that does not read, and forget a strand whose making was interrupted", async () => {
    const { folder } = await filled(2);
    writeFileSync(inStrand(folder, "strand.json"), "{");
    await assert.rejects(new FileJournalStore(folder).list(), /strand\.json does not describe strand/);
    rmSync(inStrand(folder, "strand.json"));
    const store = new FileJournalStore(folder);
    assert.deepEqual(await store.list(), []);
    assert.equal((await store.create(info)).tip.size, 0);
    await store.close();
  });
});

function flip(file: string, byte: number): void {
  const bytes = readFileSync(file);
  bytes[byte] = (bytes[byte] as number) ^ 0x10;
  writeFileSync(file, bytes);
}

function recordStarts(file: string): number[] {
  const bytes = readFileSync(file);
  const starts: number[] = [];
  for (let at = bytes.indexOf("HJR2"); at >= 0; at = bytes.indexOf("HJR2", at + 1)) starts.push(at);
  return starts;
}
