import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Act, encodeRecord, encodeStrandBlock, signedRecord } from "@hansa/governance";
import { channelStrandId, emptyTip, nextBlock, type StrandTip, tipAfter } from "@hansa/journal";
import { type Bytes, NO_BYTES, sha256, silentLogger, type UnixMs } from "@hansa/primitives";
import { GovernanceFollower, StrandReplaced, type StrandSource } from "./follower.js";
import { foundedBy, type TestMember, testMember } from "./testing/world.js";

const START = Date.UTC(2026, 0, 1);
const [ana, ben] = [testMember("Ana"), testMember("Ben")];
const operator = testMember("Operator");

/** A strand as an orderer would write it, one record a block. */
class TestStrand {
  readonly blocks: Bytes[] = [];
  #tip: StrandTip;
  #wake: () => void = () => {};

  constructor(name = "first") {
    this.#tip = emptyTip(channelStrandId(".governance", sha256(Buffer.from(name))));
    this.add(foundedBy([ana, ben], { simulatedClock: true }), [operator]);
  }

  add(act: Act, signers: readonly TestMember[], at = this.#tip.lastTimestampMs + 1_000): void {
    const record = encodeRecord("n-TEST", act);
    const signatures = signers.map(({ identity }) => ({
      identity: identity.serialized,
      signature: identity.sign(record),
    }));
    const records = [signedRecord(record, signatures)];
    const block = nextBlock(this.#tip, {
      channelId: ".governance",
      timestampMs: Math.max(at, START) as UnixMs,
      headerHash: NO_BYTES,
      envelopes: records,
    });
    this.#tip = tipAfter(block);
    this.blocks.push(encodeStrandBlock({ block, records }));
    this.#wake();
  }

  propose(id: string): void {
    const act: Act = {
      kind: "proposed",
      proposalId: id,
      memberId: ana.memberId,
      invitations: [],
      removals: [ben.memberId],
      tags: {},
    };
    this.add(act, [ana]);
  }

  readonly source: StrandSource = async function* (this: TestStrand, from: number, signal: AbortSignal) {
    signal.addEventListener("abort", () => this.#wake());
    for (let number = from; !signal.aborted; number++) {
      while (number >= this.blocks.length && !signal.aborted)
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      if (!signal.aborted) yield this.blocks[number]!;
    }
  }.bind(this);
}

function clockAt(now: number) {
  return { now: () => now as UnixMs };
}

describe("the follower of a governance strand", () => {
  it("folds what is there and what comes, and tells who listens", async () => {
    const strand = new TestStrand();
    const kept: Bytes[] = [];
    const follower = new GovernanceFollower({ logger: silentLogger, keep: (block) => kept.push(block) });
    const heard: string[] = [];
    follower.listen((state, act) => heard.push(`${act.kind} ${state.proposals.size}`));
    follower.listen(() => {
      throw new Error("a listener that fails harms nobody");
    });
    follower.start(strand.source);
    await follower.reached(1, 1_000);
    assert.equal(follower.state?.members.size, 2);
    strand.propose("p-1");
    await follower.reached(2, 1_000);
    await assert.rejects(follower.reached(3, 5), { code: "TIMED_OUT" });
    await follower.stop();
    assert.deepEqual(heard, ["founded 0", "proposed 1"]);
    assert.deepEqual(kept, strand.blocks);
  });

  it("goes on from a copy, and from where its source broke off", async () => {
    const strand = new TestStrand();
    strand.propose("p-1");
    const follower = new GovernanceFollower({ logger: silentLogger });
    follower.load(strand.blocks);
    assert.equal(follower.size, 2);
    let breaks = 0;
    follower.start(async function* (from, signal) {
      for await (const block of strand.source(from, signal)) {
        yield block;
        if (breaks++ < 2) throw new Error("the connection broke");
      }
    });
    strand.propose("p-2");
    strand.propose("p-3");
    await follower.reached(4, 2_000);
    await follower.stop();
    assert.equal(follower.state?.proposals.size, 3);
  });

  it("tells the network's time, whoever saw the clock being moved", async () => {
    const strand = new TestStrand();
    const to = (START + 3 * 86_400_000) as UnixMs;
    strand.add({ kind: "clockAdvanced", to }, [operator], START + 60_000);
    for (const clock of [clockAt(START + 61_000), clockAt(START + 99_000)]) {
      const follower = new GovernanceFollower({ logger: silentLogger, clock });
      follower.load(strand.blocks);
      assert.equal(follower.now() - clock.now(), to - START - 60_000);
    }
    const further = (to + 3_600_000) as UnixMs;
    strand.add({ kind: "clockAdvanced", to: further }, [operator], to + 5_000);
    const follower = new GovernanceFollower({ logger: silentLogger });
    follower.load(strand.blocks);
    const timeAt = (clockMs: number) => follower.timeOf((START + clockMs) as UnixMs);
    assert.equal(timeAt(59_999), START + 59_999, "before it was moved");
    assert.deepEqual([timeAt(60_000), timeAt(64_999)], [to, to + 4_999]);
    assert.deepEqual([timeAt(65_000), timeAt(66_000)], [further, further + 1_000]);
    const late = new GovernanceFollower({ logger: silentLogger, clock: clockAt(0) });
    late.load(strand.blocks);
    assert.equal(late.now(), further, "never before the newest record");
  });

  it("keeps nobody waiting when it is stopped", async () => {
    const strand = new TestStrand();
    const follower = new GovernanceFollower({ logger: silentLogger });
    follower.start(strand.source);
    await follower.reached(1, 1_000);
    const waiting = assert.rejects(follower.reached(2, 60_000), { code: "INTERRUPTED" });
    await follower.stop();
    await waiting;
    await assert.rejects(follower.reached(2, 60_000), { code: "INTERRUPTED" });
  });

  it("takes nothing that is not signed by whose act it is", async () => {
    const strand = new TestStrand();
    strand.add({ kind: "left", memberId: ben.memberId }, [ana]);
    const follower = new GovernanceFollower({ logger: silentLogger });
    follower.start(strand.source);
    await assert.rejects(follower.reached(2, 300), { code: "STRAND_INVALID", message: /governance key of Ben/ });
    assert.equal(follower.size, 1);
    await follower.stop();
  });

  it("begins anew when another strand took the place of its own, longer or shorter", async () => {
    for (const blocks of [1, 5]) {
      const old = new TestStrand();
      old.propose("p-old");
      const other = new TestStrand("second");
      for (let number = 1; number < blocks; number++) other.propose(`p-${number}`);
      let replaced = 0;
      const follower = new GovernanceFollower({ logger: silentLogger, onReplaced: () => replaced++ });
      follower.load(old.blocks);
      follower.start((from, signal) => {
        if (from > other.blocks.length - 1) throw new StrandReplaced();
        return other.source(from, signal);
      });
      for (let waitedMs = 0; replaced === 0 && waitedMs < 1_000; waitedMs += 5)
        await new Promise((done) => setTimeout(done, 5));
      await follower.reached(blocks, 1_000);
      await follower.stop();
      assert.equal(replaced, 1);
      assert.equal(follower.state?.proposals.has("p-old"), false);
    }
  });
});
