import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Turns } from "./turns.js";

describe("turns", () => {
  it("do so much each, in order, and what is added meanwhile comes last", async () => {
    const turns = new Turns(2);
    const done: string[] = [];
    for (const name of ["a", "b", "c", "d", "e"]) turns.whenItsTurn(() => done.push(name));
    turns.whenItsTurn(() => turns.whenItsTurn(() => done.push("late")));
    assert.deepEqual(done, []);
    const seen: string[] = [];
    for (let passed = 0; passed < 4; passed++) {
      await turn();
      seen.push(done.splice(0).join(""));
    }
    assert.deepEqual(seen, ["ab", "cd", "e", "late"]);
  });

  it("begin anew when there had been nothing to do", async () => {
    const turns = new Turns(1);
    let done = 0;
    for (let times = 1; times <= 3; times++) {
      turns.whenItsTurn(() => done++);
      await turn();
      assert.equal(done, times);
    }
  });
});
