/** What every StateStore must do; run on each implementation. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { compareKeys, type RangeCursor, StateBatch, type StateStore, type Version } from "@hansa/ledger";
import fc from "fast-check";

/** Opens a store, again when called again; a store that keeps nothing says so. */
export type StateHarness = {
  open(): Promise<StateStore>;
  readonly isDurable: boolean;
};

const at = (blockNumber: number, txIndex = 0): Version => ({ blockNumber, txIndex });
const bytes = (text: string) => Buffer.from(text, "utf8");

export function batchOf(
  version: Version,
  writes: Readonly<Record<string, string | undefined>>,
  namespace = "goods",
): StateBatch {
  const batch = new StateBatch();
  for (const [key, value] of Object.entries(writes)) {
    batch.set(namespace, key, { value: value === undefined ? undefined : bytes(value), version });
    batch.history.push({ namespace, key, version });
  }
  return batch;
}

export async function keysOf(cursor: RangeCursor, page = 3): Promise<string[]> {
  const keys: string[] = [];
  for (let entries = await cursor.next(page); entries.length > 0; entries = await cursor.next(page)) {
    assert.ok(entries.length <= page);
    keys.push(...entries.map(({ key }) => key));
  }
  await cursor.close();
  return keys;
}

export function stateSuite({ open, isDurable }: StateHarness): void {
  it("is empty at first", async () => {
    const store = await open();
    assert.equal(store.savepoint(), undefined);
    assert.equal(store.get("goods", "beer"), undefined);
    assert.deepEqual(await keysOf(store.range("goods", "", "")), []);
    await store.close();
  });

  it("gives back value, version and metadata, and forgets what is deleted", async () => {
    const store = await open();
    const batch = batchOf(at(7, 3), { beer: "12 casks", malt: "3 sacks" });
    batch.set("goods", "hops", { value: bytes("1 bale"), version: at(7, 4), metadata: bytes("policy") });
    await store.apply(batch, 7);
    assert.deepEqual(Buffer.from(store.get("goods", "beer")?.value ?? []), bytes("12 casks"));
    assert.deepEqual(store.get("goods", "beer")?.version, at(7, 3));
    assert.equal(store.get("goods", "beer")?.metadata, undefined);
    assert.deepEqual(Buffer.from(store.get("goods", "hops")?.metadata ?? []), bytes("policy"));
    await store.apply(batchOf(at(8), { beer: undefined }), 8);
    assert.equal(store.get("goods", "beer"), undefined);
    assert.equal(store.savepoint(), 8);
    await store.close();
  });

  it("shows a batch as soon as it is applied", async () => {
    const store = await open();
    const applying = store.apply(batchOf(at(1), { beer: "1" }), 1);
    assert.deepEqual(Buffer.from(store.get("goods", "beer")?.value ?? []), bytes("1"));
    assert.deepEqual(await keysOf(store.range("goods", "", "")), ["beer"]);
    await applying;
    await store.close();
  });

  it("keeps namespaces apart, also those that begin alike", async () => {
    const store = await open();
    const batch = batchOf(at(1), { a: "1" }, "good");
    for (const [namespace, key] of [
      ["goods", "b"],
      ["good$$hkeep", "c"],
      ["", "d"],
    ] as const) {
      batch.set(namespace, key, { value: bytes("x"), version: at(1) });
    }
    await store.apply(batch, 1);
    assert.deepEqual(await keysOf(store.range("good", "", "")), ["a"]);
    assert.deepEqual(await keysOf(store.range("goods", "", "")), ["b"]);
    assert.deepEqual(await keysOf(store.range("good$$hkeep", "", "")), ["c"]);
    assert.deepEqual(await keysOf(store.range("", "", "")), ["d"]);
    await store.close();
  });

  it("orders keys by their UTF-8 bytes; the end of a range is not in it", async () => {
    const store = await open();
    const keys = ["", "\u0000b", "a", "aa", "b", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}z"];
    await store.apply(batchOf(at(1), Object.fromEntries([...keys].reverse().map((key) => [key, "x"]))), 1);
    assert.deepEqual(await keysOf(store.range("goods", "", "")), keys);
    assert.deepEqual(await keysOf(store.range("goods", "a", "b")), ["a", "aa"]);
    assert.deepEqual(await keysOf(store.range("goods", "\ue000", "")), keys.slice(7));
    assert.deepEqual(await keysOf(store.range("goods", "b", "a")), []);
    await store.close();
  });

  it("serves a range as it was when it was opened", async () => {
    const store = await open();
    await store.apply(batchOf(at(1), { a: "1", b: "1", c: "1", d: "1" }), 1);
    const cursor = store.range("goods", "", "");
    assert.equal((await cursor.next(1))[0]?.key, "a");
    await store.apply(batchOf(at(2), { b: undefined, c: "2", cc: "2" }), 2);
    const rest = await cursor.next(10);
    assert.deepEqual(
      rest.map(({ key, version }) => [key, version.blockNumber]),
      [
        ["b", 1],
        ["c", 1],
        ["d", 1],
      ],
    );
    await cursor.close();
    await cursor.close();
    await store.close();
  });

  it("lists who wrote a key, newest first, deletes included", async () => {
    const store = await open();
    await store.apply(batchOf(at(1), { a: "1", "a\u0000": "x" }), 1);
    await store.apply(batchOf(at(2, 5), { a: undefined }), 2);
    await store.apply(batchOf(at(300, 1), { a: "3" }), 300);
    const cursor = store.history("goods", "a");
    assert.deepEqual(await cursor.next(2), [at(300, 1), at(2, 5)]);
    assert.deepEqual(await cursor.next(2), [at(1)]);
    assert.deepEqual(await cursor.next(2), []);
    await cursor.close();
    await store.close();
  });

  it("refuses work after it is closed", async () => {
    const store = await open();
    await store.close();
    await store.close();
    assert.throws(() => store.get("goods", "a"), { code: "STORE_CLOSED" });
  });

  it("agrees with a plain map under any writes", async () => {
    const key = fc.string({ unit: "binary", maxLength: 4 });
    const write = fc.record({ key, value: fc.option(fc.string({ maxLength: 8, minLength: 1 }), { nil: undefined }) });
    const store = await open();
    const model = new Map<string, string>();
    let block = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 8 }), key, key, async (writes, low, high) => {
        block++;
        const batch = new StateBatch();
        for (const { key: name, value } of writes) {
          batch.set("goods", name, { value: value === undefined ? undefined : bytes(value), version: at(block) });
          if (value === undefined) model.delete(name);
          else model.set(name, value);
        }
        await store.apply(batch, block);
        for (const { key: name } of writes) {
          assert.equal(
            store.get("goods", name)?.value.toString(),
            model.has(name) ? bytes(model.get(name) ?? "").toString() : undefined,
          );
        }
        const expected = [...model.keys()]
          .filter((name) => compareKeys(name, low) >= 0 && (high === "" || compareKeys(name, high) < 0))
          .sort(compareKeys);
        assert.deepEqual(await keysOf(store.range("goods", low, high)), expected);
      }),
      { numRuns: 60 },
    );
    await store.close();
  });

  it("has all of it when it is opened again", { skip: isDurable ? false : "keeps nothing" }, async () => {
    const store = await open();
    await store.apply(batchOf(at(1), { a: "1", b: "1" }), 1);
    await store.apply(batchOf(at(2), { a: undefined }), 2);
    await store.close();
    const again = await open();
    assert.equal(again.savepoint(), 2);
    assert.equal(again.get("goods", "a"), undefined);
    assert.deepEqual(again.get("goods", "b")?.version, at(1));
    assert.deepEqual(await again.history("goods", "a").next(5), [at(2), at(1)]);
    await again.close();
  });
}
