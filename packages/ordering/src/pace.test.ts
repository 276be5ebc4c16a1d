import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { unixMs } from "@hansa/primitives";
import { arrived, BUSY_PACE, DEFAULT_PACE, gapMs, RESTED, woken } from "./pace.js";

/** The gap after a second of arrivals, one every so many milliseconds. */
function gapAt(everyMs: number, settings = DEFAULT_PACE): number {
  let pace = RESTED;
  let now = 1_000_000;
  for (; now < 1_001_000; now += everyMs) pace = arrived(pace, unixMs(now), settings);
  return gapMs(pace, unixMs(now), settings);
}

describe("the pace of adaptive batching", () => {
  it("leaves a lone client alone, and takes its longest gap under load", () => {
    assert.equal(gapMs(RESTED, unixMs(0), DEFAULT_PACE), 0);
    assert.ok(gapAt(20) <= 1);
    // A client that waits for each answer is never held up by its own messages.
    for (const roundTripMs of [7, 10, 15]) assert.ok(gapAt(roundTripMs) < roundTripMs, `${roundTripMs} ms`);
    assert.equal(gapAt(2), DEFAULT_PACE.maxGapMs);
  });

  it("lets fewer messages gather on a machine that has no time left", () => {
    for (const everyMs of [5, 8, 12]) assert.ok(gapAt(everyMs, BUSY_PACE) >= 3 * gapAt(everyMs), `${everyMs} ms`);
    assert.equal(gapAt(12, BUSY_PACE), BUSY_PACE.maxGapMs);
    for (const roundTripMs of [25, 40, 80]) assert.ok(gapAt(roundTripMs, BUSY_PACE) < roundTripMs, `${roundTripMs} ms`);
  });

  it("forgets a burst within a second", () => {
    let pace = RESTED;
    for (let i = 0; i < 500; i++) pace = arrived(pace, unixMs(1_000 + i), DEFAULT_PACE);
    assert.equal(gapMs(pace, unixMs(1_500), DEFAULT_PACE), DEFAULT_PACE.maxGapMs);
    assert.equal(gapMs(pace, unixMs(2_500), DEFAULT_PACE), 0);
  });

  it("widens the gap when the chain is woken late, and narrows it when it is not", () => {
    let pace = RESTED;
    for (let i = 0; i < 20; i++) pace = woken(pace, 3);
    const late = gapMs(pace, unixMs(0), DEFAULT_PACE);
    assert.ok(late >= 17 && late <= 18, `${late} ms`);
    for (let i = 0; i < 40; i++) pace = woken(pace, 0);
    assert.equal(gapMs(pace, unixMs(0), DEFAULT_PACE), 0);
    for (let i = 0; i < 40; i++) pace = woken(pace, 500);
    assert.equal(gapMs(pace, unixMs(0), DEFAULT_PACE), DEFAULT_PACE.maxGapMs);
  });
});
