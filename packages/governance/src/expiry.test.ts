import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { unixMs } from "@hansa/primitives";
import { asOf, nextExpiry } from "./expiry.js";
import { HOUR_MS, TestNetwork, voted } from "./testing/network.js";

describe("time", () => {
  it("moves forward only, and only where it is simulated", () => {
    const to = (ms: number) => ({ kind: "clockAdvanced", to: unixMs(ms) }) as const;
    const real = new TestNetwork("A");
    assert.equal(real.refused(to(real.now + 1)).reason, "ILLEGAL_ACTION");
    const network = new TestNetwork("AB", { rules: { simulatedClock: true } });
    const id = network.propose("A", { invite: "Z" });
    assert.equal(network.refused(to(network.now)).reason, "INVALID");
    assert.equal(network.refused(to(network.now - 1)).reason, "INVALID");
    network.do(to(network.now + 24 * HOUR_MS));
    assert.equal(network.status(id), "EXPIRED");
    assert.equal(network.state.time, network.now + 24 * HOUR_MS);
    assert.match(network.refused(voted(id, "A", true)).message, /EXPIRED/, "an older clock does not turn it back");
  });

  it("expires what it expires without a record", () => {
    const network = new TestNetwork("A");
    assert.equal(nextExpiry(network.state), undefined);
    const first = network.propose("A", { invite: "Z" });
    network.wait(HOUR_MS);
    const second = network.propose("A", { invite: "Y" });
    network.vote(second, "A");
    assert.equal(nextExpiry(network.state), network.now + 23 * HOUR_MS);
    const before = asOf(network.state, unixMs(network.now + 23 * HOUR_MS - 1));
    assert.equal(before, network.state);
    const between = asOf(network.state, unixMs(network.now + 23 * HOUR_MS));
    assert.equal(between.proposals.get(first)?.status, "EXPIRED");
    assert.equal(between.invitations.get("in-2Y")?.status, "PENDING");
    assert.equal(nextExpiry(between), network.now + 24 * HOUR_MS);
    const after = asOf(between, unixMs(network.now + 24 * HOUR_MS));
    assert.equal(after.invitations.get("in-2Y")?.status, "EXPIRED");
    assert.equal(nextExpiry(after), undefined);
    assert.equal(network.status(first), "IN_PROGRESS", "the state that was asked stays as it is");
  });
});
