import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { StateBatch } from "@hansa/ledger";
import { LevelStateStore } from "./state-level.js";
import { MemoryStateStore } from "./state-memory.js";
import { batchOf, stateSuite } from "./testing/state-suite.js";

describe("state in memory", () => {
  stateSuite({ open: async () => new MemoryStateStore(), isDurable: false });
});

describe("state in LevelDB", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "hansa-state-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  stateSuite({ open: () => LevelStateStore.open(folder), isDurable: true });

  it("reads from the database what does not fit its memory", async () => {
    const store = await LevelStateStore.open(folder, { cacheBytes: 2_000 });
    const batch = new StateBatch();
    for (let i = 0; i < 500; i++) {
      batch.set("goods", `k${i}`, { value: Buffer.alloc(100, i), version: { blockNumber: 1, txIndex: i } });
    }
    await store.apply(batch, 1);
    for (let i = 0; i < 500; i++) assert.equal(store.get("goods", `k${i}`)?.value[99], i & 0xff);
    await store.close();
  });

  it("lets cursors go that are open when it closes", async () => {
    const store = await LevelStateStore.open(folder);
    const read = store.range("goods", "", "");
    assert.deepEqual(await read.next(1), []);
    const opened = store.range("goods", "", "");
    await store.close();
    await assert.rejects(opened.next(1));
    await opened.close().catch(() => {});
    await read.close().catch(() => {});
  });

  it("says that another process has it open", async () => {
    const store = await LevelStateStore.open(folder);
    await assert.rejects(LevelStateStore.open(folder), { code: "STORE_IN_USE" });
    await store.close();
  });

  it("says that its files are damaged, and what to do", async () => {
    const store = await LevelStateStore.open(folder);
    await store.apply(batchOf({ blockNumber: 1, txIndex: 0 }, { a: "1" }), 1);
    await store.close();
    writeFileSync(path.join(folder, "CURRENT"), "nonsense\n");
    await assert.rejects(LevelStateStore.open(folder), {
      code: "STORE_CORRUPT",
      nextStep: /made again from the blocks/,
    });
  });
});
