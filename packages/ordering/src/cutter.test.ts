import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { nothingPending, order, type Pending, type Sized } from "./cutter.js";

const limits = { maxMessageCount: 4, preferredMaxBytes: 100 };
const sizes = (batches: Sized[][]) => batches.map((batch) => batch.map(({ bytes }) => bytes));

function feed(messages: number[]): { batches: number[][]; pending: number[] } {
  let pending: Pending<Sized> = nothingPending();
  const batches: Sized[][] = [];
  for (const bytes of messages) {
    const result = order(pending, { bytes }, limits);
    batches.push(...result.batches);
    pending = result.pending;
    assert.equal(
      pending.bytes,
      pending.messages.reduce((sum, { bytes }) => sum + bytes, 0),
    );
  }
  return { batches: sizes(batches), pending: pending.messages.map(({ bytes }) => bytes) };
}

describe("block cutter", () => {
  it("keeps messages until the count is reached", () => {
    assert.deepEqual(feed([1, 2, 3]), { batches: [], pending: [1, 2, 3] });
    assert.deepEqual(feed([1, 2, 3, 4, 5]), { batches: [[1, 2, 3, 4]], pending: [5] });
  });

  it("starts a new batch with the message that would overflow the preferred size", () => {
    assert.deepEqual(feed([60, 40]), { batches: [], pending: [60, 40] });
    assert.deepEqual(feed([60, 41]), { batches: [[60]], pending: [41] });
  });

  it("isolates a message larger than the preferred size, after what was waiting", () => {
    assert.deepEqual(feed([40, 101]), { batches: [[40], [101]], pending: [] });
    assert.deepEqual(feed([101, 3]), { batches: [[101]], pending: [3] });
  });

  it("loses nothing, reorders nothing and respects both limits", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 130 }), { maxLength: 60 }), (messages) => {
        const { batches, pending } = feed(messages);
        assert.deepEqual([...batches.flat(), ...pending], messages);
        for (const batch of batches) {
          assert.ok(batch.length >= 1 && batch.length <= limits.maxMessageCount);
          const bytes = batch.reduce((sum, each) => sum + each, 0);
          assert.ok(batch.length === 1 || bytes <= limits.preferredMaxBytes);
        }
      }),
    );
  });
});
