import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { emptyTip, nextBlock, type StrandTip, tipAfter } from "@hansa/journal";
import { type Bytes, concatBytes, equalBytes, sha256, unixMs } from "@hansa/primitives";
import fc from "fast-check";
import { actorsOf } from "./actors.js";
import type { Act } from "./acts.js";
import { GovernanceRefusal } from "./error.js";
import type { TimedAct } from "./fold.js";
import { encodeRecord, GOVERNANCE_STRAND, readSignedRecord, signedRecord } from "./records.js";
import type { GovernanceState } from "./state.js";
import { judgeRecord, type StrandBlock, type VerifySignature, verifyStrand } from "./strand.js";
import { founding, START, TestNetwork, testMember, voted } from "./testing/network.js";
import { strands } from "./testing/strands.js";

/** Anybody could make these; here they stand for signatures. */
const sign = (identity: Bytes, message: Bytes) => sha256(concatBytes(identity, message));
const verify: VerifySignature = ({ identity, message, signature }) => equalBytes(signature, sign(identity, message));

function signed(act: Act, state: GovernanceState | undefined, networkId = "n-TEST"): Bytes {
  const record = encodeRecord(networkId, act);
  const actors = actorsOf(state, act);
  assert.ok(!(actors instanceof GovernanceRefusal));
  return signedRecord(
    record,
    actors.map(({ identity }) => ({ identity, signature: sign(identity, record) })),
  );
}

function blockOf(tip: StrandTip, records: readonly Bytes[], timestampMs: number): StrandBlock {
  const channelId = GOVERNANCE_STRAND;
  const contents = { channelId, timestampMs: unixMs(timestampMs), headerHash: sha256(Buffer.of()), envelopes: records };
  return { block: nextBlock(tip, contents), records };
}

/** Acts at one time share a block, as far as `atMost` allows. */
function strandOf(acts: readonly TimedAct[], states: readonly GovernanceState[], atMost: number): StrandBlock[] {
  const blocks: StrandBlock[] = [];
  let tip = emptyTip("strand");
  for (let start = 0; start < acts.length; ) {
    const at = states[start]?.time as number;
    let end = start;
    while (end < acts.length && end - start < atMost && states[end]?.time === at) end += 1;
    const records = acts.slice(start, end).map(({ act }, index) => signed(act, states[start + index - 1]));
    const block = blockOf(tip, records, at);
    blocks.push(block);
    tip = tipAfter(block.block);
    start = end;
  }
  return blocks;
}

describe("a strand", () => {
  const acts: TimedAct[] = [
    founding("AB"),
    new TestNetwork("AB").proposed("A", { invite: "C" }),
    voted("p-1", "A", true),
    voted("p-1", "B", true),
    { kind: "invitationAccepted", invitationId: "in-1C", member: testMember("C") } as const,
    { kind: "enacted", enactmentId: "join:m-C", channels: [] } as const,
  ].map((act, index) => ({ act, at: unixMs(START + index) }));
  const states: GovernanceState[] = [];
  for (const { act, at } of acts) {
    const judged = judgeRecord(states.at(-1), readSignedRecord(signed(act, states.at(-1))), at, verify);
    assert.ok(judged.ok);
    states.push(judged.state);
  }
  const blocks = strandOf(acts, states, 1);

  it("gives who is a member from its blocks alone", () => {
    const verified = verifyStrand(blocks, verify);
    assert.ok(verified.ok);
    assert.deepEqual(verified.position.state, states.at(-1));
    assert.equal(verified.position.tip?.size, 6);
    const half = verifyStrand(blocks.slice(0, 3), verify);
    assert.ok(half.ok);
    const whole = verifyStrand(blocks.slice(3), verify, half.position);
    assert.deepEqual(whole, verified);
  });

  it("gives the same when it was drawn at random and blocks hold several records", () => {
    fc.assert(
      fc.property(strands(), fc.integer({ min: 1, max: 9 }), (strand, atMost) => {
        const verified = verifyStrand(strandOf(strand.acts, strand.states, atMost), verify);
        assert.ok(verified.ok, verified.ok ? "" : verified.fault.reason);
        assert.deepEqual(normal(verified.position.state), normal(strand.states.at(-1)));
      }),
      { numRuns: 30 },
    );
  });

  it("does not hold where anything was changed, and says where", () => {
    const [first, second, third] = blocks as [StrandBlock, StrandBlock, StrandBlock];
    const tip = tipAfter(second.block);
    const at = third.block.timestampMs;
    const other = signed(voted("p-1", "B", true), states[1]);
    const byA = (act: Act) => {
      const record = encodeRecord("n-TEST", act);
      const identity = testMember("A").governanceIdentity;
      return signedRecord(record, [{ identity, signature: sign(identity, record) }]);
    };
    const unsigned = signedRecord(encodeRecord("n-TEST", voted("p-1", "A", true)), []);
    const rows: [StrandBlock, RegExp, number?][] = [
      [{ ...third, records: [other] }, /bytes are not those whose hash is in the block/, 0],
      [{ ...third, records: [] }, /0 records for 1 entries/],
      [{ ...third, block: { ...third.block, blockHash: sha256(Buffer.of(1)) } }, /blockHash/],
      [{ ...third, block: { ...third.block, timestampMs: unixMs(at + 1) } }, /binds another/],
      [blockOf({ ...tip, strandId: "other" }, third.records, at), /of strand other, not of strand/],
      [blockOf({ ...tip, size: 5 }, third.records, at), /stands where block 2 belongs/],
      [blockOf({ ...tip, lastTimestampMs: unixMs(0) }, third.records, START - 5), /before that of the block before/],
      [blockOf({ ...tip, lastBlockHash: sha256(Buffer.of(1)) }, third.records, at), /previousBlockHash/],
      [blockOf(tip, [byA(voted("p-1", "B", true))], at), /not signed by the governance key of B/, 0],
      [
        blockOf(tip, [byA({ kind: "enacted", enactmentId: "x", channels: [] })], at),
        /not signed by .* the operator/,
        0,
      ],
      [blockOf(tip, [unsigned], at), /has 0 signatures; it takes 1, by A/, 0],
      [blockOf(tip, [...third.records, ...third.records], at), /A has voted on proposal p-1 already/, 1],
      [blockOf(tip, [signed(voted("p-1", "A", true), states[1], "n-OTHER")], at), /network n-OTHER, not of n-TEST/, 0],
      [blockOf(tip, [Buffer.from("garbage")], at), /not a valid hansa.governance.SignedRecord/, 0],
      [blockOf(tip, [byA(voted("p-1", "Q", true))], at), /there is no member m-Q/, 0],
    ];
    for (const [forged, reason, record] of rows) {
      const verified = verifyStrand([first, second, forged, ...blocks.slice(3)], verify);
      assert.ok(!verified.ok, `${reason} holds`);
      assert.match(verified.fault.reason, reason);
      assert.equal(verified.fault.record, record);
      assert.equal(verified.fault.sequenceNo, forged.block.address.sequenceNo);
      assert.equal(verified.state?.proposals.get("p-1")?.status, "IN_PROGRESS");
    }
    const broken = verifyStrand(blocks, () => false);
    assert.ok(!broken.ok);
    assert.deepEqual(broken.fault, {
      sequenceNo: 0,
      record: 0,
      reason: "the signature by the governance key of the operator does not hold",
    });
    assert.equal(broken.state, undefined);
  });

  it("asks for a new member's signature and the operator's", () => {
    const act = acts[4]?.act as Act;
    const seen: string[] = [];
    const judged = judgeRecord(states[3], readSignedRecord(signed(act, states[3])), START, ({ mspConfig }) => {
      seen.push(mspConfig.toString());
      return true;
    });
    assert.ok(judged.ok);
    assert.deepEqual(seen, [testMember("C").mspConfig.toString(), founding("A").operatorMspConfig.toString()]);
  });
});

/** Bytes that were read are views; what they hold is what counts. */
function normal(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (value instanceof Map) return [...value].map(([key, each]) => [key, normal(each)]);
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.keys(value)
        .sort()
        .map((key) => [key, normal((value as Record<string, unknown>)[key])]),
    );
  }
  return value;
}
