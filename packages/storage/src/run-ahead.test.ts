import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type BlockStore, Ledger } from "@hansa/ledger";
import { FileBlockStore } from "./blocks-file.js";
import { MemoryBlockStore } from "./blocks-memory.js";
import { LevelStateStore } from "./state-level.js";
import { sampleBlock } from "./testing/blocks-suite.js";
import { crashBlock } from "./testing/crash-sample.js";

/** Blocks whose way to the disk takes until somebody says so. */
function held(blocks: BlockStore) {
  const waiting: { store(): void; fail(error: Error): void }[] = [];
  const store: BlockStore = Object.create(blocks, {
    append: {
      value: (block: Parameters<BlockStore["append"]>[0]) =>
        new Promise<void>((resolve, reject) => {
          waiting.push({ store: () => void blocks.append(block).then(resolve, reject), fail: reject });
        }),
    },
    height: { value: () => blocks.height() },
    read: { value: (number: number) => blocks.read(number) },
    close: { value: () => blocks.close() },
  });
  return { store, waiting };
}

describe("a ledger that begins a block while the one before is on its way to the disk", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "hansa-ahead-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("reads what it wrote, and counts it when it is stored", async () => {
    const { store, waiting } = held(new MemoryBlockStore());
    const ledger = await Ledger.open({
      channelId: "crash",
      blocks: store,
      state: await LevelStateStore.open(path.join(folder, "state")),
    });
    const first = await ledger.begin(crashBlock(0, new Uint8Array(0)));
    const second = await ledger.begin(crashBlock(1, first.committed.headerHash));
    assert.equal(ledger.height, 0);
    assert.deepEqual(ledger.info().currentBlockHash, new Uint8Array(0));
    assert.equal(ledger.state.get("goods", "count")?.value.toString(), Buffer.from("2").toString());
    waiting[0]!.store();
    await first.stored;
    assert.equal(ledger.height, 1);
    assert.deepEqual(ledger.info().currentBlockHash, first.committed.headerHash);
    assert.deepEqual(ledger.lastCommitHash, first.committed.commitHash);
    waiting[1]!.store();
    await second.stored;
    assert.equal(ledger.height, 2);
    assert.deepEqual(ledger.lastCommitHash, second.committed.commitHash);
    await ledger.close();
  });

  it("keeps the state on the disk behind the blocks, whatever becomes of them", async () => {
    const blocks = new MemoryBlockStore();
    const { store, waiting } = held(blocks);
    const state = path.join(folder, "state");
    const ledger = await Ledger.open({ channelId: "crash", blocks: store, state: await LevelStateStore.open(state) });
    const first = await ledger.begin(crashBlock(0, new Uint8Array(0)));
    const second = await ledger.begin(crashBlock(1, first.committed.headerHash));
    waiting[0]!.store();
    await first.stored;
    waiting[1]!.fail(new Error("no space left"));
    await assert.rejects(second.stored, /no space left/);
    await assert.rejects(ledger.begin(crashBlock(2, second.committed.headerHash)), /no space left/);
    await ledger.close();

    const opened = await LevelStateStore.open(state);
    assert.equal(opened.savepoint(), 0);
    assert.equal(opened.get("goods", "k1.0"), undefined);
    await opened.close();
  });

  it("freezes the ledger as it was after a block that is not stored yet, and has it when it is", async () => {
    const { store, waiting } = held(new MemoryBlockStore());
    const ledger = await Ledger.open({
      channelId: "crash",
      blocks: store,
      state: await LevelStateStore.open(path.join(folder, "state")),
    });
    const first = await ledger.begin(crashBlock(0, new Uint8Array(0)));
    const freezing = ledger.freeze();
    const second = await ledger.begin(crashBlock(1, first.committed.headerHash));
    for (const { store: go } of waiting) go();
    await second.stored;
    const frozen = await freezing;
    assert.equal(frozen.lastBlock, 0);
    assert.deepEqual(frozen.lastBlockHash, first.committed.headerHash);
    const entries = await frozen.state.entries("goods").next(1_000);
    assert.ok(entries.length > 0 && entries.every(({ version }) => version.blockNumber === 0));
    await frozen.state.close();
    await ledger.close();
  });

  it("knows the transactions of blocks that are being written", async () => {
    const blocks = await FileBlockStore.open(folder);
    const [block, next] = [sampleBlock(0), sampleBlock(1)];
    const appended = [blocks.append(block), blocks.append(next)];
    const { txId } = next.transactions[0]!;
    assert.ok(blocks.hasId(txId));
    assert.equal(blocks.find(txId), undefined);
    await Promise.all(appended);
    assert.ok(blocks.hasId(txId));
    assert.deepEqual(blocks.find(txId)?.blockNumber, 1);
    assert.ok(!blocks.hasId(sampleBlock(2).transactions[0]!.txId));
    await blocks.close();
  });
});
