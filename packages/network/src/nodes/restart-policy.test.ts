import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { afterEnd, NO_FAILURES } from "./restart-policy.js";

/** The pauses before each start of a node that ends so long after it was ready. */
function pausesOf(ends: readonly number[]): number[] {
  let history = NO_FAILURES;
  return ends.map((servedMs) => {
    const next = afterEnd(history, servedMs);
    history = next.history;
    return next.pauseMs;
  });
}

describe("restart policy", () => {
  it("slows a node that never gets ready, or ends right after, with a limit", () => {
    const pauses = pausesOf([0, 0, 50, 0, 999, 0, 0, 0, 0, 0]);
    assert.deepEqual(pauses, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  });

  it("starts a node that had served at once, however often it ends", () => {
    assert.deepEqual(pausesOf(Array<number>(50).fill(1_000)), Array<number>(50).fill(0));
  });

  it("forgets failures of a node that served in between", () => {
    assert.deepEqual(pausesOf([0, 0, 0, 1_000, 0, 0]), [0, 100, 200, 0, 100, 200]);
  });
});
