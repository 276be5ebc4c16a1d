import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SpareCores } from "./spare-cores.js";

/** A machine of `cores` whose time is moved by hand. */
function machine(cores: number) {
  let now = 0;
  let idleMs = 0;
  let reads = 0;
  const read = () => {
    reads++;
    return { idleMs, totalMs: now * cores };
  };
  const spare = new SpareCores(cores, read, () => now);
  return {
    spare,
    reads: () => reads,
    /** @param idleCores of them, on the average, do nothing meanwhile */
    pass(ms: number, idleCores: number) {
      now += ms;
      idleMs += ms * idleCores;
    },
  };
}

describe("spare cores", () => {
  it("are there while the machine is at rest, and when one of two works", () => {
    const { spare, pass } = machine(2);
    assert.equal(spare.areThere(), true);
    pass(10_000, 1.9);
    assert.equal(spare.areThere(), true);
    pass(300, 1);
    assert.equal(spare.areThere(), true);
  });

  it("are not there while all are busy, and are again afterwards", () => {
    const { spare, pass } = machine(2);
    pass(300, 0.2);
    assert.equal(spare.areThere(), false);
    pass(300, 1.5);
    assert.equal(spare.areThere(), true);
  });

  it("do not go away through the work that they were given", () => {
    const { spare, pass } = machine(2);
    pass(1_000, 0.1);
    spare.handOver(600);
    assert.equal(spare.areThere(), true);
    pass(1_000, 0.1);
    assert.equal(spare.areThere(), false, "what was handed over earlier counts once");
  });

  it("are looked for a few times a second", () => {
    const { spare, pass, reads } = machine(2);
    for (let i = 0; i < 1_000; i++) {
      pass(1, 0);
      spare.areThere();
    }
    assert.ok(reads() <= 5, `${reads()} reads in a second`);
  });

  it("are taken for granted on large machines, and where the system does not tell", () => {
    const large = machine(64);
    large.pass(1_000, 0);
    assert.equal(large.spare.areThere(), true);
    assert.equal(large.reads(), 0);
    let now = 0;
    const silent = new SpareCores(
      2,
      () => ({ idleMs: 0, totalMs: 0 }),
      () => now,
    );
    now = 1_000;
    assert.equal(silent.areThere(), true);
  });

  it("are counted on this machine", () => {
    assert.equal(typeof new SpareCores().areThere(), "boolean");
  });
});
