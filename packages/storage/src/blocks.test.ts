import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { crc32 } from "node:zlib";
import { type LogFields, silentLogger } from "@hansa/primitives";
import { cutBlocks } from "./blocks-cut.js";
import { FileBlockStore } from "./blocks-file.js";
import { MemoryBlockStore } from "./blocks-memory.js";
import { assertHolds, blockSuite, sampleBlock, txIdOf } from "./testing/blocks-suite.js";

describe("blocks in memory", () => {
  blockSuite({ open: async () => new MemoryBlockStore(), isDurable: false });
});

describe("blocks in files", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "hansa-blocks-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string) => path.join(folder, name);

  async function filled(height: number, segmentBytes?: number): Promise<void> {
    const store = await FileBlockStore.open(folder, { segmentBytes });
    for (let number = 0; number < height; number++) await store.append(sampleBlock(number));
    await store.close();
  }

  blockSuite({ open: () => FileBlockStore.open(folder), isDurable: true });

  it("goes on in a new segment when one is full", async () => {
    await filled(20, 2_000);
    assert.ok(readdirSync(folder).filter((name) => name.endsWith(".blocks")).length > 5);
    const store = await FileBlockStore.open(folder, { segmentBytes: 2_000 });
    await assertHolds(store, 20);
    await store.close();
  });

  it("takes blocks off its end, and takes others in their place", async () => {
    for (const height of [7, 1, 19]) {
      rmSync(folder, { recursive: true });
      await filled(20, 2_000);
      cutBlocks(folder, height);
      const store = await FileBlockStore.open(folder, { segmentBytes: 2_000 });
      await assertHolds(store, height);
      assert.equal(store.find(txIdOf(height, 0)), undefined);
      await store.append(sampleBlock(height));
      await assertHolds(store, height + 1);
      await assert.rejects(async () => cutBlocks(folder, 1), { code: "STORE_IN_USE" });
      await store.close();
    }
  });

  it("makes the index of an older version again, which does not say whether an id is hashed", async () => {
    await filled(3);
    const records = readFileSync(file("transactions"));
    for (let start = 0; start < records.length; start += 48) {
      records[start + 43] = 0;
      records.writeUInt32BE(crc32(records.subarray(start, start + 44)), start + 44);
    }
    writeFileSync(file("transactions"), records);
    const store = await FileBlockStore.open(folder);
    await assertHolds(store, 3);
    await store.close();
    assert.notDeepEqual(readFileSync(file("transactions")), records);
  });

  it("makes its index again when that is lost, cut or damaged", async () => {
    await filled(20, 2_000);
    const damages = [
      () => rmSync(file("offsets")),
      () => rmSync(file("transactions")),
      () => truncateSync(file("offsets"), 64 * 7 + 13),
      () => truncateSync(file("transactions"), 48 * 11 + 1),
      () => flip(file("offsets"), 64 * 3 + 20),
      () => flip(file("transactions"), 48 * 5 + 5),
      () => {
        rmSync(file("offsets"));
        rmSync(file("transactions"));
      },
    ];
    for (const damage of damages) {
      damage();
      const store = await FileBlockStore.open(folder);
      await assertHolds(store, 20);
      await store.close();
    }
  });

  it("cuts the end of an unfinished write, wherever it broke off, and says so", async () => {
    await filled(3);
    const whole = readFileSync(file("000000.blocks"));
    const lastStart = whole.length - 28 - Buffer.concat(sampleBlock(2).pieces).length;
    for (const end of [lastStart + 1, lastStart + 27, lastStart + 28, lastStart + 300, whole.length - 1]) {
      writeFileSync(file("000000.blocks"), whole.subarray(0, end));
      // As after a crash: the index is written later than the block.
      truncateSync(file("offsets"), 2 * 64);
      const lines: LogFields[] = [];
      const logger = { ...silentLogger, warn: (_: string, fields?: LogFields) => void lines.push(fields ?? {}) };
      const store = await FileBlockStore.open(folder, { logger });
      await assertHolds(store, 2);
      assert.deepEqual(
        lines.map(({ block, byte, bytes }) => [block, byte, bytes]),
        [[2, lastStart, end - lastStart]],
      );
      await store.append(sampleBlock(2));
      await assertHolds(store, 3);
      await store.close();
    }
  });

  it("refuses to open when a block that had been stored is gone", async () => {
    await filled(3);
    truncateSync(file("000000.blocks"), statSync(file("000000.blocks")).size - 1);
    await assert.rejects(FileBlockStore.open(folder), {
      code: "STORE_CORRUPT",
      message: /000000\.blocks is damaged at block 2, byte \d+/,
    });
  });

  it("refuses to open when a place before later blocks is damaged", async () => {
    await filled(5);
    flip(file("000000.blocks"), 100);
    rmSync(file("offsets"));
    await assert.rejects(FileBlockStore.open(folder), { code: "STORE_CORRUPT", message: /block 0, byte 0/ });
  });

  it("refuses to hand out a block that was damaged since", async () => {
    await filled(5);
    const store = await FileBlockStore.open(folder);
    flip(file("000000.blocks"), 100);
    await assert.rejects(store.read(0), { code: "STORE_CORRUPT", message: /block 0, byte 0/ });
    assert.ok((await store.read(1)) !== undefined);
    await store.close();
  });

  it("refuses to open when a segment is missing", async () => {
    await filled(20, 2_000);
    rmSync(file("000001.blocks"));
    rmSync(file("offsets"));
    await assert.rejects(FileBlockStore.open(folder), { code: "STORE_CORRUPT", message: /000001\.blocks/ });
  });

  it("is for one opener at a time, and takes over from one that died", async () => {
    const store = await FileBlockStore.open(folder);
    await assert.rejects(FileBlockStore.open(folder), { code: "STORE_IN_USE" });
    await store.close();
    writeFileSync(file("LOCK"), `${process.ppid} 1\n`);
    await (await FileBlockStore.open(folder)).close();
    writeFileSync(file("LOCK"), "999999999 1\n");
    await (await FileBlockStore.open(folder)).close();
  });

  it("cuts garbage after the last block", async () => {
    await filled(2);
    appendFileSync(file("000000.blocks"), Buffer.alloc(1_000, 0xab));
    const store = await FileBlockStore.open(folder);
    await assertHolds(store, 2);
    await store.close();
  });
});

function flip(name: string, byte: number): void {
  const bytes = readFileSync(name);
  bytes[byte] = (bytes[byte] ?? 0) ^ 0x01;
  writeFileSync(name, bytes);
}
