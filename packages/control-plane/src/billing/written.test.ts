import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { addWritten, type WrittenRow } from "./written.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const bytesIn = (row: WrittenRow) => row.reduce((sum, [, bytes]) => sum + bytes, 0);

describe("what a member wrote", () => {
  it("is kept by the minute, at the time of the first", () => {
    const row = addWritten(
      [],
      [
        [MINUTE + 5, 10],
        [MINUTE + 59_999, 20],
        [2 * MINUTE, 30],
      ],
    );
    assert.deepEqual(row, [
      [MINUTE + 5, 30],
      [2 * MINUTE, 30],
    ]);
    assert.deepEqual(addWritten(row, [[MINUTE + 1, 1]])[0], [MINUTE + 1, 31], "another channel is read later");
  });

  it("gets coarser with age", () => {
    const old = [1, 2, 3].map((n) => [n * MINUTE, 1] as const);
    const nextHour = [HOUR, 1] as const;
    const after = (at: number) => addWritten([], [...old, nextHour, [at, 1]]);
    assert.equal(after(HOUR + 2 * DAY - 1).length, 5);
    assert.deepEqual(after(HOUR + 2 * DAY).slice(0, 2), [[MINUTE, 3], nextHour]);
    assert.deepEqual(after(61 * DAY), [
      [MINUTE, 4],
      [61 * DAY, 1],
    ]);
  });

  it("is the same in whatever parts it comes, and nothing is lost", () => {
    const at = fc.oneof(fc.nat(3 * HOUR), fc.nat(4 * DAY), fc.nat(200 * DAY));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(at, fc.nat(1_000_000)), { maxLength: 60 }),
        fc.array(fc.nat(60), { maxLength: 6 }),
        (writings, cuts) => {
          const inOrder = writings.toSorted(([a], [b]) => a - b);
          const whole = addWritten([], inOrder);
          assert.equal(bytesIn(whole), bytesIn(writings));
          let parts: WrittenRow = [];
          let begin = 0;
          for (const cut of [...cuts.toSorted((a, b) => a - b), inOrder.length]) {
            parts = addWritten(parts, inOrder.slice(begin, cut));
            begin = Math.max(begin, cut);
          }
          assert.deepEqual(parts, whole);
        },
      ),
    );
  });

  it("stays short over years", () => {
    let row: WrittenRow = [];
    for (let day = 0; day < 800; day++)
      row = addWritten(
        row,
        Array.from({ length: 96 }, (_, n) => [day * DAY + n * 15 * MINUTE, 1] as const),
      );
    assert.ok(row.length < 800 + 62 * 24 + 3 * 96, String(row.length));
    assert.equal(bytesIn(row), 800 * 96);
  });
});
