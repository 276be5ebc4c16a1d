import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChannelConfig } from "@hansa/channel-config";
import type { UnixMs } from "@hansa/primitives";
import { joinBlock, splitBlock } from "@hansa/wire";
import { NO_VECTORS, vector, vectorsFolder } from "../testing/vectors.js";
import { type CommitterInput, type CommitterState, type Consequence, newCommitter, step } from "./committer.js";
import { checkBlock } from "./intake.js";

const skip = vectorsFolder() ? false : NO_VECTORS;
const at = (ms: number) => ms as UnixMs;
const two = [
  { mspId: "OrdererMSP", address: "a:1" },
  { mspId: "OrdererMSP", address: "b:1" },
];

function begin() {
  const genesis = vector("0.block");
  const config = ChannelConfig.fromBlock(genesis);
  const previousHash = splitBlock(vector("1.block")).header.previousHash;
  return { config, state: newCommitter(config, { next: 1, previousHash }, two) };
}

function run(before: CommitterState, ...inputs: [CommitterInput, number][]) {
  let state = before;
  const consequences: Consequence[] = [];
  for (const [input, now] of inputs) {
    const made = step(state, input, at(now));
    state = made.state;
    consequences.push(...made.consequences);
  }
  return { state, consequences, kinds: consequences.map(({ kind }) => kind) };
}

const received = (number: number, session = 1): CommitterInput => ({
  kind: "received",
  session,
  block: vector(`${number}.block`),
});

describe("committer", { skip }, () => {
  it("dials the first orderer from its height on", () => {
    const { consequences } = run(begin().state, [{ kind: "start" }, 0]);
    assert.deepEqual(consequences, [{ kind: "dial", session: 1, source: two[0], from: 1 }]);
  });

  it("holds what follows a configuration block until that is committed", () => {
    const { config, state } = begin();
    const first = run(state, [{ kind: "start" }, 0], [received(1), 0], [received(2), 0]);
    assert.deepEqual(first.kinds, ["dial", "commit"]);
    assert.equal(first.state.held.length, 1);
    const next = run(first.state, [{ kind: "committed", number: 1, config, sources: two }, 0]);
    assert.deepEqual(next.kinds, ["commit"]);
    assert.equal(next.state.tip.next, 3);
  });

  it("goes to the next orderer when one sends a bad block, and waits longer after each round", () => {
    const { block } = { block: joinBlock({ ...splitBlock(vector("1.block")), envelopes: [] }) };
    const bad = run(begin().state, [{ kind: "start" }, 0], [{ kind: "received", session: 1, block }, 0]);
    assert.deepEqual(bad.kinds, ["dial", "hang up", "warn", "wake"]);
    const waits: number[] = [];
    let { state } = bad;
    let now = 0;
    for (let session = 2; session < 14; session++) {
      assert.equal(state.link.kind, "down");
      if (state.link.kind !== "down") return;
      waits.push(state.link.retryAt - now);
      now = state.link.retryAt;
      const dialled = run(state, [{ kind: "timer" }, now]);
      assert.deepEqual(dialled.consequences, [{ kind: "dial", session, source: two[(session - 1) % 2], from: 1 }]);
      state = run(dialled.state, [{ kind: "ended", session, reason: "gone" }, now]).state;
    }
    assert.deepEqual(waits, [100, 100, 120, 120, 144, 144, 173, 173, 207, 207, 249, 249]);
  });

  it("ignores sessions that are over", () => {
    const { state } = run(begin().state, [{ kind: "start" }, 0], [{ kind: "ended", session: 1, reason: "gone" }, 0]);
    assert.deepEqual(run(state, [received(1), 0]).consequences, []);
  });

  it("pauses a stream that is faster than the disk", () => {
    const { config, state } = begin();
    const inputs = Array.from({ length: 16 }, (_, i): [CommitterInput, number] => [received(i + 1), 0]);
    const full = run(state, [{ kind: "start" }, 0], ...inputs);
    assert.equal(full.kinds.at(-1), "pause");
    assert.ok(run(full.state, [{ kind: "committed", number: 1, config, sources: two }, 0]).kinds.includes("resume"));
  });

  it("leaves an orderer that the configuration no longer lists", () => {
    const { config, state } = begin();
    const sources = [{ mspId: "OrdererMSP", address: "c:1" }];
    const moved = run(
      state,
      [{ kind: "start" }, 0],
      [received(1), 0],
      [{ kind: "committed", number: 1, config, sources }, 0],
    );
    assert.deepEqual(moved.kinds, ["dial", "commit", "hang up", "warn", "wake"]);
  });
});

describe("intake of blocks", { skip }, () => {
  const { config, state } = vectorsFolder() ? begin() : { config: undefined, state: undefined };
  const judge = (bytes: Uint8Array) => {
    assert.ok(config !== undefined && state !== undefined);
    const verdict = checkBlock(bytes, state.tip, config);
    return verdict.kind === "refused" ? verdict.reason : "accepted";
  };

  it("takes the orderer's next block", () => assert.equal(judge(vector("1.block")), "accepted"));

  it("refuses another number, another chain, other data, other signatures and garbage", () => {
    const parts = splitBlock(vector("1.block"));
    const { header } = parts;
    assert.match(judge(vector("2.block")), /expected block number is \[1\]/);
    assert.match(
      judge(joinBlock({ ...parts, header: { ...header, previousHash: header.dataHash } })),
      /previous block/,
    );
    assert.match(judge(joinBlock({ ...parts, envelopes: [...parts.envelopes, Buffer.from("x")] })), /DataHash/);
    assert.match(judge(joinBlock({ ...parts, metadata: [] })), /does not have metadata/);
    const [, ...rest] = parts.metadata;
    assert.match(judge(joinBlock({ ...parts, metadata: [Buffer.alloc(0), ...rest] })), /do not satisfy the policy/);
    const otherBlock = splitBlock(vector("2.block"));
    assert.match(judge(joinBlock({ ...parts, metadata: otherBlock.metadata })), /do not satisfy the policy/);
    assert.match(judge(Buffer.from("garbage")), /malformed block/);
  });
});
