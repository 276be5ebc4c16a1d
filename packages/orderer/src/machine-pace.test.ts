import assert from "node:assert/strict";
import { it } from "node:test";
import { BUSY_PACE, DEFAULT_PACE } from "@hansa/ordering";
import { machinePace } from "./machine-pace.js";

it("the pace follows the machine from one block to the next", () => {
  let isSpare = true;
  const pace = machinePace({ areThere: () => isSpare });
  assert.equal(pace(), DEFAULT_PACE);
  isSpare = false;
  assert.equal(pace(), BUSY_PACE);
  isSpare = true;
  assert.equal(pace(), DEFAULT_PACE);
});
