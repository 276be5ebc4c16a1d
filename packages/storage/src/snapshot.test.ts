import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { type FrozenLedger, StateBatch } from "@hansa/ledger";
import fc from "fast-check";
import { importBlocks, importBlocksIntoMemory, importState, verifySnapshot } from "./snapshot-read.js";
import { snapshotFolder, writeSnapshot } from "./snapshot-write.js";
import { sortedIds } from "./sorted-ids.js";
import { MemoryStateStore } from "./state-memory.js";

const folder = mkdtempSync(path.join(tmpdir(), "hansa-snapshot-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let places = 0;
const place = () => path.join(folder, String(places++));

async function* inPages(ids: readonly string[]) {
  for (let at = 0; at < ids.length; at += 7) yield ids.slice(at, at + 7);
}

const hexIds = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const someIds = fc.array(fc.oneof({ weight: 3, arbitrary: hexIds }, fc.string({ unit: "grapheme", maxLength: 70 })), {
  maxLength: 60,
});

async function frozen(ids: readonly string[], state = new MemoryStateStore()): Promise<FrozenLedger> {
  if (state.savepoint() === undefined) await state.apply(new StateBatch(), 9);
  return {
    channelId: "trade",
    lastBlock: 9,
    lastBlockHash: Buffer.alloc(32, 1),
    previousBlockHash: Buffer.alloc(32, 2),
    commitHash: Buffer.alloc(32, 3),
    state: await state.freeze(),
    txIds: () => inPages(ids),
  };
}

describe("transaction ids", () => {
  it("are sorted by length and then by bytes, each once, none empty", async () => {
    await fc.assert(
      fc.asyncProperty(someIds, async (ids) => {
        const sorted: Buffer[] = [];
        for await (const page of sortedIds(inPages(ids), place())) sorted.push(...page.map((id) => Buffer.from(id)));
        const expected = [...new Set(ids)]
          .filter((id) => id !== "")
          .map((id) => Buffer.from(id))
          .sort((a, b) => a.length - b.length || a.compare(b));
        assert.deepEqual(sorted, expected);
      }),
      { numRuns: 6 },
    );
  });

  it("are known to a store that begins with their snapshot, and no others", async () => {
    await fc.assert(
      fc.asyncProperty(someIds, someIds, async (ids, others) => {
        const snapshot = await writeSnapshot(place(), await frozen(ids));
        const metadata = await verifySnapshot(snapshot);
        const stores = [
          await importBlocks(snapshot, metadata, place()),
          await importBlocksIntoMemory(snapshot, metadata),
        ];
        for (const store of stores) {
          assert.equal(store.height(), 10);
          assert.deepEqual(store.basis?.lastBlockHash, Buffer.alloc(32, 1));
          for (const id of ids) assert.equal(store.hasId(id), id !== "");
          for (const id of others) assert.equal(store.hasId(id), ids.includes(id) && id !== "");
          assert.equal(await store.read(9), undefined);
          await assert.rejects(
            store.append({ number: 9, headerHash: Buffer.alloc(32), pieces: [], transactions: [] }),
            {
              code: "BLOCK_OUT_OF_ORDER",
            },
          );
          const listed: string[] = [];
          for await (const page of store.txIds(100)) listed.push(...page);
          assert.deepEqual(listed.sort(), [...new Set(ids)].filter((id) => id !== "").sort());
          await store.close();
        }
      }),
      { numRuns: 6 },
    );
  });
});

describe("a snapshot", () => {
  it("holds each namespace in the order of bytes, and gives all of it back", async () => {
    const key = fc.string({ unit: "binary", maxLength: 8 });
    const value = fc.uint8Array({ minLength: 1, maxLength: 20 });
    const writes = fc.dictionary(
      fc.constantFrom("", "a", "a$$hprices", "ab", "a-b", "B", "_lifecycle"),
      fc.dictionary(key, fc.tuple(value, fc.nat(), fc.nat(1_000), fc.option(value)), { minKeys: 1, maxKeys: 8 }),
    );
    await fc.assert(
      fc.asyncProperty(writes, async (namespaces) => {
        const state = new MemoryStateStore();
        const batch = new StateBatch();
        for (const [namespace, keys] of Object.entries(namespaces))
          for (const [name, [bytes, blockNumber, txIndex, metadata]] of Object.entries(keys)) {
            const key = namespace.includes("$$h") ? Buffer.from(name).toString("latin1") : Buffer.from(name).toString();
            const version = { blockNumber, txIndex };
            batch.set(namespace, key, { value: bytes, version, ...(metadata === null ? {} : { metadata }) });
          }
        await state.apply(batch, 9);
        const root = place();
        const snapshot = await writeSnapshot(root, await frozen([], state));
        assert.equal(snapshot, snapshotFolder(root, "trade", 9));
        const again = new MemoryStateStore();
        await importState(snapshot, await verifySnapshot(snapshot), again, {});
        for (const [namespace, keys] of batch.updates)
          for (const [key, update] of keys) {
            const found = again.get(namespace, key);
            assert.ok(found !== undefined);
            const plain = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes);
            assert.deepEqual(plain(found.value), plain(update.value));
            assert.deepEqual(found.version, update.version);
            assert.deepEqual(plain(found.metadata), plain(update.metadata?.length === 0 ? undefined : update.metadata));
          }
        const written = (await writeSnapshot(place(), await frozen([], again))) as string;
        assert.deepEqual((await verifySnapshot(written)).files, (await verifySnapshot(snapshot)).files);
      }),
      { numRuns: 8 },
    );
  });

  it("leaves nothing behind when it is given up", async () => {
    const root = place();
    const stop = new AbortController();
    stop.abort();
    await assert.rejects(writeSnapshot(root, await frozen(["00"]), stop.signal), { code: "ABORTED" });
    assert.deepEqual(readdirSync(path.join(root, "temp")), []);
  });
});
