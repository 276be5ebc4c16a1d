import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Snapshots } from "./snapshots.js";
import { StateBatch, type StateReader } from "./state.js";
import { MapState } from "./testing/map-state.js";

const KEYS = ["a", "b", "c", "d", "e"];

async function contentOf(state: StateReader, page: number): Promise<string[]> {
  const cursor = state.range("goods", "", "");
  const content: string[] = [];
  for (let entries = await cursor.next(page); entries.length > 0; entries = await cursor.next(page)) {
    content.push(...entries.map(({ key, value }) => `${key}=${value}`));
  }
  return content;
}

describe("a snapshot", () => {
  it("shows keys and ranges as they were when it was opened, whatever is committed since", async () => {
    const write = fc.record({ key: fc.constantFrom(...KEYS), value: fc.option(fc.nat(9), { nil: undefined }) });
    const blocks = fc.array(fc.array(write, { maxLength: 4 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(blocks, fc.nat(6), fc.integer({ min: 1, max: 4 }), async (history, openAt, page) => {
        const state = new MapState();
        const snapshots = new Snapshots(state);
        let opened: { snapshot: StateReader; content: string[] } | undefined;
        for (const [number, writes] of [...history, []].entries()) {
          if (number === Math.min(openAt, history.length)) {
            opened = { content: await contentOf(state, 10), snapshot: snapshots.open() };
          }
          const batch = new StateBatch();
          for (const { key, value } of writes) {
            const bytes = value === undefined ? undefined : Buffer.from(String(value));
            batch.set("goods", key, { value: bytes, version: { blockNumber: number, txIndex: 0 } });
          }
          snapshots.beforeApply(batch);
          state.apply(batch);
          if (opened === undefined) continue;
          const { snapshot, content } = opened;
          assert.deepEqual(await contentOf(snapshot, page), content);
          const single = KEYS.flatMap((key) => snapshot.get("goods", key)?.value.toString() ?? []);
          assert.deepEqual(
            single,
            content.map((entry) => entry.slice(2)),
          );
        }
      }),
      { numRuns: 200 },
    );
  });
});
