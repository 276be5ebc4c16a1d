import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChannelConfig, computeConfigUpdate, genesisBlock, withBatchSettings } from "@hansa/channel-config";
import { signedUpdate, testOrganization, testProfile } from "@hansa/channel-config/testing";
import type { SigningIdentity } from "@hansa/msp";
import { systemRandom, toHex, type UnixMs } from "@hansa/primitives";
import { blockHeaderHash, HeaderType, joinBlock, METADATA, signedEnvelope, splitBlock } from "@hansa/wire";
import fc from "fast-check";
import { admit } from "./admit.js";
import { sealBlock } from "./block-assembly.js";
import type { ChainStart } from "./chain.js";
import { idsFrom, RECORD_WINDOW } from "./record-window.js";
import { readBroadcast } from "./route.js";
import { applyMessage, type StreamChainState, type StreamConsequence, startStreamChain } from "./stream-chain.js";
import { positionOf, type RecordBody, STREAM_START, type SubmittedItem, signRecord } from "./stream-record.js";

const member = testOrganization("BreweryMSP");
const ordererOrg = testOrganization("OrdererMSP");
const orderer = ordererOrg.identity("orderer");
const client = member.identity("client");
const STREAM = "9SAjV0dR5XwHZnLZZ4EFFB";
const T0 = Date.UTC(2026, 5, 1);
const limits = { maxMessageCount: 3, preferredMaxBytes: 4_000, absoluteMaxBytes: 60_000 };
const genesis = genesisBlock(testProfile([member], ordererOrg, { ...limits, batchTimeoutMs: 2_000 }));
const config = ChannelConfig.fromBlock(genesis);
const tip = { number: 0n, headerHash: blockHeaderHash(splitBlock(genesis).header) };
const start: ChainStart = { config, tip, lastConfigNumber: 0n };

function envelope(data: string, bytes = 10): Uint8Array {
  return signedEnvelope({
    type: HeaderType.ENDORSER_TRANSACTION,
    channelId: "trade",
    txId: data,
    creator: client.serialized,
    nonce: systemRandom.bytes(24),
    timestampMs: T0,
    data: Buffer.from(data.padEnd(bytes)),
    sign: (payload) => client.sign(payload),
  });
}

const item = (data: string, bytes?: number, configSequence = 0n): SubmittedItem => ({
  envelope: envelope(data, bytes),
  configSequence,
  isConfig: false,
});

type Extras = {
  after?: number;
  id?: Uint8Array;
  timestampMs?: number;
  signer?: SigningIdentity;
  streamId?: string;
};

function record(body: RecordBody, extras: Extras = {}): Uint8Array {
  const { after: afterSequence = 0, id = systemRandom.bytes(16), signer = orderer, streamId = STREAM } = extras;
  const timestampMs = (extras.timestampMs ?? T0) as UnixMs;
  return signRecord({ id, streamId, afterSequence, timestampMs, body }, signer);
}

const submission = (items: readonly SubmittedItem[], cut: boolean | number = false, extras?: Extras) =>
  record({ kind: "submission", items, cutAfterMs: cut === true ? 0 : cut === false ? undefined : cut }, extras);
const cut = (blockNumber: bigint, extras?: Extras) => record({ kind: "cut", blockNumber }, extras);

/** A CONFIG transaction that changes the batch size, as an orderer makes it from a signed update. */
function configItem(current: ChannelConfig, maxMessageCount: number): SubmittedItem {
  const settings = { ...limits, batchTimeoutMs: 2_000, maxMessageCount };
  const update = computeConfigUpdate("trade", current.config, withBatchSettings(current.config, settings));
  const message = readBroadcast(signedUpdate(update, [ordererOrg.identity("admin")]));
  if (message.kind !== "message") throw new Error(message.info);
  const admitted = admit(message, { config: current, now: T0 as UnixMs, orderer, random: systemRandom });
  if (admitted.kind !== "config") throw new Error(JSON.stringify(admitted));
  return { envelope: admitted.envelope, configSequence: admitted.sequence, isConfig: true };
}

type Run = { state: StreamChainState; consequences: StreamConsequence[] };

function run(messages: readonly Uint8Array[], from = startStreamChain(STREAM, start, STREAM_START, [])): Run {
  let state = from;
  const all: StreamConsequence[] = [];
  for (const message of messages) {
    const applied = applyMessage(state, message);
    state = applied.state;
    all.push(...applied.consequences);
  }
  return { state, consequences: all };
}

const blocksOf = ({ consequences }: Run) => consequences.flatMap((each) => (each.kind === "block" ? [each] : []));
const reasons = ({ consequences }: Run) =>
  consequences.flatMap((each) => (each.kind === "ignored" ? [each.reason] : []));
const textOf = (bytes: Uint8Array) => /[a-z]+\d+/.exec(Buffer.from(bytes).toString("latin1"))?.[0] ?? "";
const named = (run: Run) => blocksOf(run).map(({ draft }) => draft.envelopes.map((each) => each.length));
const hashes = (run: Run) => blocksOf(run).map(({ draft, timestampMs }) => `${toHex(draft.headerHash)} ${timestampMs}`);

describe("a chain that follows a stream", () => {
  it("counts no record of another stream, whoever signed it", () => {
    const foreign = submission([item("elsewhere")], true, { streamId: "8SAjV0dR5XwHZnLZZ4EFFB" });
    const { consequences } = run([foreign, submission([item("here")], true, { after: 1 })]);
    assert.deepEqual(consequences[0], {
      kind: "ignored",
      recordId: (consequences[0] as { recordId: string }).recordId,
      reason: "of another stream",
    });
    const blocks = consequences.filter(({ kind }) => kind === "block");
    assert.equal(blocks.length, 1);
    // Records of earlier versions do not say where they belong.
    const unnamed = run([submission([item("here")], true, { streamId: "" })]);
    assert.equal(unnamed.consequences.filter(({ kind }) => kind === "block").length, 1);
  });

  it("cuts by count, by size, by a record's wish, and by a timer's message for the right block", () => {
    const sizes = (messages: readonly Uint8Array[]) =>
      blocksOf(run(messages)).map(({ draft }) => draft.envelopes.length);
    assert.deepEqual(sizes([submission([item("a"), item("b"), item("c"), item("d")])]), [3]);
    assert.deepEqual(sizes([submission([item("a", 2_000), item("b", 2_000), item("c", 5_000)])]), [1, 1, 1]);
    assert.deepEqual(sizes([submission([item("a")]), submission([item("b")], true)]), [2]);
    assert.deepEqual(sizes([submission([item("a")]), cut(2n), cut(1n), cut(1n)]), [1]);
    assert.deepEqual(sizes([cut(1n), submission([], true)]), [], "there are no empty blocks");
  });

  it("counts a record once, and not when it is late, from another stream, or not an orderer's", () => {
    const id = systemRandom.bytes(16);
    const first = submission([item("a")], true, { id });
    assert.deepEqual(reasons(run([first, first])), ["seen before"]);
    const many = Array.from({ length: RECORD_WINDOW }, (_, i) => cut(9n, { after: i }));
    const late = submission([item("b")], true, { after: 0 });
    assert.deepEqual(reasons(run([...many.slice(0, -1), late])), []);
    assert.deepEqual(reasons(run([...many, late])), ["too late"]);
    assert.deepEqual(reasons(run([cut(1n, { after: 1 })])), ["from a longer stream"]);
    assert.deepEqual(reasons(run([cut(1n, { signer: client })])), ["not signed by an orderer"]);
    assert.deepEqual(reasons(run([Buffer.from("garbage")])), ["no record"]);
  });

  it("grants the wish for a cut only when the last one is long enough ago", () => {
    const at = (ms: number) => ({ timestampMs: T0 + ms });
    const done = run([
      submission([item("a")], 25, at(0)),
      submission([item("b")], 25, at(10)),
      submission([item("c")], 25, at(24)),
      submission([item("d")], 25, at(25)),
      submission([item("e")], 0, at(26)),
    ]);
    assert.deepEqual(
      blocksOf(done).map(({ draft }) => draft.envelopes.length),
      [1, 3, 1],
    );
  });

  it("takes time from the records, and never backwards", () => {
    const done = run([
      submission([item("a")], true, { timestampMs: T0 + 50 }),
      submission([item("b")], true, { timestampMs: T0 + 20 }),
    ]);
    assert.deepEqual(
      blocksOf(done).map(({ timestampMs }) => timestampMs),
      [T0 + 50, T0 + 50],
    );
  });

  it("puts a configuration alone in its block, judges again what was admitted before it, and sends a stale one back", () => {
    const big = item("big", 40_000);
    const update = configItem(config, 1);
    const done = run([submission([item("a")]), submission([update]), submission([item("b"), item("c")])]);
    assert.deepEqual(
      named(done).map((each) => each.length),
      [1, 1, 1, 1],
      "the new size holds from the next message on",
    );
    assert.equal(done.state.config.sequence, 1n);
    const again = run([submission([update]), submission([configItem(config, 2)])]);
    assert.deepEqual(
      again.consequences.map(({ kind }) => kind),
      ["counted", "block", "counted", "resubmit"],
    );
    const small = { ...limits, absoluteMaxBytes: 30_000, preferredMaxBytes: 4_000, batchTimeoutMs: 2_000 };
    const shrink = computeConfigUpdate("trade", config.config, withBatchSettings(config.config, small));
    const message = readBroadcast(signedUpdate(shrink, [ordererOrg.identity("admin")]));
    assert.ok(message.kind === "message");
    const admitted = admit(message, { config, now: T0 as UnixMs, orderer, random: systemRandom });
    assert.ok(admitted.kind === "config");
    const shrunk = { envelope: admitted.envelope, configSequence: 0n, isConfig: true };
    const refused = run([submission([shrunk]), submission([big, item("c")], true)]);
    assert.match(
      refused.consequences.map((each) => (each.kind === "refuse" ? each.refusal.info : "")).join(""),
      /exceeds maximum allowed 30000/,
    );
    assert.equal(blocksOf(refused).length, 2);
  });

  it("takes back a block that the stream lost, and sends back what had been pending beside it", () => {
    const [a, b, c] = [item("a"), item("b"), item("c")];
    const whole = run([submission([a, b], true)]);
    const [lost] = blocksOf(whole);
    const block = sealBlock(lost!.draft, orderer, systemRandom.bytes(24));
    const restored = record({ kind: "restored", block, timestampMs: lost!.timestampMs });
    const done = run([submission([a]), submission([c]), restored, restored]);
    assert.deepEqual(hashes(done), hashes(whole));
    assert.deepEqual(
      done.consequences.map(({ kind }) => kind),
      ["counted", "counted", "counted", "resubmit", "block", "ignored"],
    );
    const broken = splitBlock(block);
    const forged = joinBlock({ ...broken, envelopes: [c.envelope] });
    assert.deepEqual(reasons(run([record({ kind: "restored", block: forged, timestampMs: T0 as UnixMs })])), [
      "not the next block",
    ]);
  });

  it("goes on from any of its blocks as if it had never stopped", () => {
    const configs = [configItem(config, 1), configItem(config, 2)];
    const kinds = fc.constantFrom("submit", "submit", "submit", "cut", "duplicate", "config", "garbage", "stranger");
    const step = fc.record({
      kind: kinds,
      sizes: fc.array(fc.constantFrom(10, 1_500, 6_000), { maxLength: 5 }),
      cut: fc.constantFrom<boolean | number>(false, true, 200, 700),
      back: fc.nat(4),
      time: fc.nat(1_000),
      block: fc.nat(6),
    });
    let count = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
        const messages: Uint8Array[] = [];
        for (const { kind, sizes, cut: wish, back, time, block } of steps) {
          const extras = { after: Math.max(0, messages.length - back), timestampMs: T0 + time };
          const items = sizes.map((bytes) => item(`m${count++}`, bytes));
          if (kind === "submit") messages.push(submission(items, wish, extras));
          else if (kind === "cut") messages.push(cut(BigInt(block), extras));
          else if (kind === "duplicate") messages.push(messages.at(-1 - back) ?? submission(items, wish, extras));
          else if (kind === "config") messages.push(submission([configs[back % 2]!], wish, extras));
          else if (kind === "garbage") messages.push(Buffer.from("garbage"));
          else messages.push(submission(items, wish, { ...extras, signer: client }));
        }
        const whole = run(messages);
        const blocks = blocksOf(whole);
        blocks.forEach(({ draft }, i) => {
          const parts = splitBlock(sealBlock(draft, orderer, systemRandom.bytes(24)));
          const position = positionOf(parts);
          const from = idsFrom(position);
          const earlier = messages.slice(from, Math.max(0, position.sequence - 1));
          const resumedAt: ChainStart = {
            config: draft.config,
            tip: { number: draft.number, headerHash: draft.headerHash },
            lastConfigNumber: draft.lastConfigNumber,
          };
          const state = startStreamChain(
            STREAM,
            resumedAt,
            position,
            earlier.map((message, k) => ({ sequence: from + k + 1, message })),
          );
          const rest = run(messages.slice(state.sequence), state);
          assert.deepEqual(hashes(rest), hashes(whole).slice(i + 1));
          assert.equal(rest.state.config.sequence, whole.state.config.sequence);
          assert.equal(rest.state.timeMs, whole.state.timeMs);
          assert.deepEqual(
            rest.state.pending.messages.map((each) => textOf(each.envelope)),
            whole.state.pending.messages.map((each) => textOf(each.envelope)),
          );
        });
      }),
      { numRuns: 60 },
    );
  });

  it("notes the position where Fabric's Kafka chain noted its own, outside of what is hashed", () => {
    const [block] = blocksOf(run([cut(1n), submission([item("a")], true)]));
    const { engineNote: _, ...bare } = block!.draft;
    const nonce = systemRandom.bytes(24);
    const [noted, plain] = [block!.draft, bare].map((draft) => splitBlock(sealBlock(draft, orderer, nonce)));
    assert.equal(positionOf(noted!).sequence, 2);
    assert.deepEqual(positionOf(plain!), STREAM_START);
    assert.equal(plain!.metadata[METADATA.ORDERER]?.length, 0);
    assert.deepEqual(Buffer.from(noted!.headerRaw), Buffer.from(plain!.headerRaw));
  });
});
