import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { afterEnd, NO_FAILURES } from "./restart-policy.js";

describe("restart policy", () => {
  it("starts again at once, then after doubling pauses with a limit", () => {
    const pauses: number[] = [];
    let history = NO_FAILURES;
    for (let end = 0; end < 12; end++) {
      const next = afterEnd(history, 50);
      history = next.history;
      pauses.push(next.pauseMs);
    }
    assert.deepEqual(pauses, [0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000, 15000]);
  });

  it("forgets failures of a node that ran well in between", () => {
    assert.deepEqual(afterEnd({ failures: 9 }, 20_000), { history: { failures: 1 }, pauseMs: 0 });
  });
});
