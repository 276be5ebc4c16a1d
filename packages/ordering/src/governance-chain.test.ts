import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { testOrganization } from "@hansa/channel-config/testing";
import {
  type Act,
  derivedId,
  encodeRecord,
  fold,
  type GovernanceState,
  readSignedRecord,
  readStrandBlock,
  signedRecord,
  verifyStrand,
} from "@hansa/governance";
import type { SigningIdentity } from "@hansa/msp";
import { type Bytes, systemRandom, toHex, type UnixMs } from "@hansa/primitives";
import fc from "fast-check";
import {
  applyGovernanceMessage,
  type GovernanceChainState,
  type GovernanceConsequence,
  type GovernanceRules,
  NOT_FOUNDED,
  startGovernanceChain,
  strandPositionOf,
} from "./governance-chain.js";
import { idsFrom, RECORD_WINDOW } from "./record-window.js";
import { type RecordBody, signRecord } from "./stream-record.js";

const ordering = testOrganization("OrdererMSP");
const orderer = ordering.identity("orderer");
const STREAM = "9SAjV0dR5XwHZnLZZ4EFFB";
const T0 = Date.UTC(2026, 5, 1);
const HOUR_MS = 3_600_000;
const networkId = derivedId("n", "guild");
const MEMBERS = ["Brewery", "Pub", "Cellar"];
const member = (name: string) => derivedId("m", name);

const operator = ordering.identity("admin").serialized;
const identities = new Map(
  MEMBERS.map((name) => [member(name), testOrganization(`${name}MSP`).identity("admin").serialized]),
);

/** Signatures of acts are not what is tried here; those of the stream's records are. */
const rules: GovernanceRules = {
  judge: (state, { act }, at) => fold(state, act, at),
  mayFound: ({ operatorIdentity }) => toHex(operatorIdentity) === toHex(operator),
  isOrderer: ({ identity }) => toHex(identity) === toHex(orderer.serialized),
  verify: () => true,
};

function signed(act: Act): Bytes {
  const identity = ("memberId" in act && identities.get(act.memberId)) || operator;
  return signedRecord(encodeRecord(networkId, act), [{ identity, signature: Buffer.from("signed") }]);
}

const founding = signed({
  kind: "founded",
  networkId,
  name: "guild",
  frameworkVersion: "2.5",
  edition: "STANDARD",
  policy: { thresholdPercentage: 50, comparator: "GREATER_THAN", proposalDurationHours: 24 },
  rules: { electorate: "live", rejection: "unreachable", memberLimit: 0, simulatedClock: true },
  channels: { kind: "all" },
  operatorIdentity: operator,
  operatorMspConfig: ordering.mspConfig,
  members: MEMBERS.map((name, index) => ({
    memberId: member(name),
    name,
    accountId: String(index + 1).padStart(12, "0"),
    mspId: `${name}MSP`,
    mspConfig: testOrganization(`${name}MSP`).mspConfig,
    governanceIdentity: identities.get(member(name))!,
  })),
});

const propose = (name: string, by = "Brewery") =>
  signed({
    kind: "proposed",
    proposalId: derivedId("p", name),
    memberId: member(by),
    invitations: [{ invitationId: derivedId("in", name), accountId: "000000000099" }],
    removals: [],
    tags: {},
  });
const vote = (name: string, by: string, yes = true) =>
  signed({ kind: "voted", proposalId: derivedId("p", name), memberId: member(by), yes });
const advance = (to: number) => signed({ kind: "clockAdvanced", to: to as UnixMs });

type Extras = { after?: number; timestampMs?: number; signer?: SigningIdentity; id?: Bytes; streamId?: string };

function message(body: RecordBody, extras: Extras = {}): Bytes {
  const { after: afterSequence = 0, id = systemRandom.bytes(16), signer = orderer, streamId = STREAM } = extras;
  const timestampMs = (extras.timestampMs ?? T0) as UnixMs;
  return signRecord({ id, streamId, afterSequence, timestampMs, body }, signer);
}

function acts(records: readonly Bytes[], extras?: Extras): Bytes {
  const items = records.map((envelope) => ({ envelope, configSequence: 0n, isConfig: false }));
  return message({ kind: "submission", items, cutAfterMs: undefined }, extras);
}

function run(messages: readonly Bytes[], from = startGovernanceChain(STREAM, NOT_FOUNDED)) {
  let state: GovernanceChainState = from;
  const consequences: GovernanceConsequence[] = [];
  for (const each of messages) {
    const applied = applyGovernanceMessage(state, each, rules);
    state = applied.state;
    consequences.push(...applied.consequences);
  }
  const blocks = consequences.filter((each) => each.kind === "block");
  return { state, consequences, blocks };
}

const reasons = (consequences: readonly GovernanceConsequence[]) =>
  consequences.flatMap((each) => (each.kind === "ignored" ? [each.reason] : []));
const refusals = (consequences: readonly GovernanceConsequence[]) =>
  consequences.flatMap((each) => (each.kind === "refuse" ? [each.refusal.reason] : []));

describe("a governance strand that orderers share", () => {
  it("counts no record of another stream, whoever signed it", () => {
    const { consequences } = run([acts([founding], { streamId: "8SAjV0dR5XwHZnLZZ4EFFB" })]);
    assert.deepEqual(
      consequences.map((each) => each.kind === "ignored" && each.reason),
      ["of another stream"],
    );
  });

  it("takes what the rules allow where it stands, and leaves no trace of the rest", () => {
    const { state, blocks, consequences } = run([
      acts([founding]),
      acts([propose("one"), vote("one", "Brewery"), vote("two", "Brewery"), vote("one", "Brewery")]),
      acts([vote("two", "Pub")]),
      acts([founding]),
    ]);
    assert.deepEqual(
      blocks.map(({ items }) => items.length),
      [1, 2],
    );
    assert.deepEqual(refusals(consequences), ["NOT_FOUND", "ALREADY_EXISTS", "NOT_FOUND", "ALREADY_EXISTS"]);
    assert.equal(state.governance?.proposals.get(derivedId("p", "one"))?.votes.length, 1);
    const verified = verifyStrand(
      blocks.map(({ content }) => readStrandBlock(content)),
      () => true,
    );
    assert.ok(verified.ok);
    assert.deepEqual(verified.position.state, state.governance);
  });

  it("has the newest of the orderers' times, also of records that were refused, and what the operator added", () => {
    const { blocks, state } = run([
      acts([founding], { timestampMs: T0 + 50 }),
      acts([propose("late")], { timestampMs: T0 + 10 }),
      acts([vote("nothing", "Pub")], { timestampMs: T0 + 500 }),
      acts([propose("next")], { timestampMs: T0 + 20 }),
      acts([advance(T0 + HOUR_MS), propose("with it")], { timestampMs: T0 + 600 }),
      acts([propose("after")], { timestampMs: T0 + 700 }),
    ]);
    const times = blocks.map(({ block }) => block.timestampMs - T0);
    assert.deepEqual(times, [50, 50, 500, 600, HOUR_MS + 100]);
    assert.equal(state.aheadMs, HOUR_MS - 600);
  });

  it("sends back what came behind the end of a block", () => {
    const { consequences } = run([acts([founding]), acts([advance(T0 + HOUR_MS), propose("with it")])]);
    assert.deepEqual(
      consequences.flatMap((each) => (each.kind === "resubmit" ? [each.item.index] : [])),
      [1],
    );
  });

  it("counts records of orderers alone, once, and none that comes too late or from another history", () => {
    const id = systemRandom.bytes(16);
    const twice = acts([propose("twice")], { id });
    const stranger = ordering.identity("admin");
    const { consequences, blocks } = run([
      Buffer.from("no record"),
      acts([propose("before the founding")]),
      acts([founding], { signer: stranger }),
      acts([founding], { after: 3 }),
      twice,
      twice,
      acts([propose("by a stranger")], { signer: stranger }),
      acts([propose("from elsewhere")], { after: 8 }),
      message({ kind: "restored", block: Buffer.from("no block"), timestampMs: T0 as UnixMs }, { after: 8 }),
    ]);
    assert.deepEqual(reasons(consequences), [
      "no record",
      "not signed by an orderer",
      "not signed by an orderer",
      "seen before",
      "not signed by an orderer",
      "from a longer stream",
      "not the next block",
    ]);
    assert.equal(blocks.length, 2);
    const empty = Array.from({ length: RECORD_WINDOW }, () => acts([], { after: 2 }));
    const late = run([acts([founding]), acts([propose("in time")], { after: 1 }), ...empty, acts([propose("late")])]);
    assert.deepEqual(reasons(late.consequences).at(-1), "too late");
  });

  it("takes blocks of another orderer's journal that follow its own, and no others", () => {
    const { blocks } = run([
      acts([founding]),
      acts([propose("one")]),
      acts([advance(T0 + HOUR_MS)]),
      acts([propose("two")], { timestampMs: T0 + 5 }),
    ]);
    const restored = (index: number) =>
      message({ kind: "restored", block: blocks[index]!.content, timestampMs: T0 as UnixMs });
    const again = run([0, 0, 2, 1, 2, 1, 3].map(restored));
    assert.deepEqual(reasons(again.consequences), Array(3).fill("not the next block"));
    assert.deepEqual(
      again.blocks.map(({ block }) => toHex(block.blockHash)),
      blocks.map(({ block }) => toHex(block.blockHash)),
    );
    assert.equal(again.state.aheadMs, HOUR_MS);
    const forged = readStrandBlock(blocks[1]!.content);
    const other = run([restored(0), message({ kind: "restored", ...forgedBody(forged) })]);
    assert.deepEqual(reasons(other.consequences), ["not the next block"]);
  });

  function forgedBody({ block }: ReturnType<typeof readStrandBlock>) {
    const [, proposed] = run([acts([founding]), acts([propose("forged")])]).blocks;
    assert.ok(proposed);
    const copy = Buffer.from(proposed.content);
    const at = copy.indexOf(Buffer.from(block.previousBlockHash));
    copy[at] = (copy[at] as number) ^ 1;
    return { block: copy, timestampMs: T0 as UnixMs };
  }

  it("comes to the same blocks wherever reading begins again, and lets nothing count that is not on it", () => {
    const name = fc.integer({ min: 0, max: 5 }).map(String);
    const by = fc.constantFrom(...MEMBERS);
    const record = fc.oneof(
      { weight: 3, arbitrary: name.map((each) => propose(each)) },
      { weight: 5, arbitrary: fc.tuple(name, by, fc.boolean()).map(([each, who, yes]) => vote(each, who, yes)) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 90 }).map((hours) => advance(T0 + hours * HOUR_MS)) },
    );
    const step = fc.record({
      records: fc.array(record, { minLength: 1, maxLength: 4 }),
      timestampMs: fc.integer({ min: T0, max: T0 + HOUR_MS }),
      again: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const stream = [acts([founding])];
        for (const { records, timestampMs, again } of steps) {
          const made = acts(records, { after: stream.length, timestampMs });
          stream.push(made);
          if (again) stream.push(made);
        }
        const whole = run(stream);
        let state: GovernanceState | undefined;
        for (const [index, { block, content, after, items }] of whole.blocks.entries()) {
          const { records } = readStrandBlock(content);
          assert.equal(records.length, items.length);
          for (const bytes of records) {
            const folded = fold(state, readSignedRecord(bytes).act, block.timestampMs);
            assert.ok(folded.ok);
            state = folded.state;
          }
          assert.deepEqual(after.governance, state);
          const position = strandPositionOf(readStrandBlock(content));
          assert.ok(position);
          const from = idsFrom(position);
          const earlier = stream
            .slice(from, position.sequence - 1)
            .map((each, at) => ({ sequence: from + at + 1, message: each }));
          const resumed = run(
            stream.slice(position.sequence - 1),
            startGovernanceChain(STREAM, after, position, earlier),
          );
          assert.deepEqual(
            resumed.blocks.map((each) => toHex(each.content)),
            whole.blocks.slice(index + 1).map((each) => toHex(each.content)),
          );
          assert.equal(resumed.state.timeMs, whole.state.timeMs);
        }
      }),
      { numRuns: 25 },
    );
  });
});
