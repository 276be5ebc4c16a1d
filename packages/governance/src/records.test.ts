import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromUtf8, unixMs } from "@hansa/primitives";
import { encode, hansa, WireError } from "@hansa/wire";
import fc from "fast-check";
import type { Act } from "./acts.js";
import { GovernanceRefusal } from "./error.js";
import { fold } from "./fold.js";
import { encodeRecord, readRecord, readSignedRecord, signedRecord } from "./records.js";
import { founding, START, TestNetwork, testMember } from "./testing/network.js";

const POLICY = {
  thresholdPercentage: 66,
  comparator: "GREATER_THAN_OR_EQUAL_TO",
  proposalDurationHours: 168,
} as const;

const ACTS: readonly Act[] = [
  {
    ...founding("AB", {
      policy: POLICY,
      rules: { electorate: "snapshot", rejection: "no-share", memberLimit: 14, simulatedClock: true },
      channels: { kind: "listed", names: ["trade", "goods"] },
    }),
    description: "a league",
    edition: "STARTER",
  },
  founding("A"),
  {
    kind: "proposed",
    proposalId: "p-1",
    memberId: "m-A",
    description: "more of us",
    invitations: [{ invitationId: "in-1", accountId: "123456789012" }],
    removals: ["m-B"],
    tags: { purpose: "test", empty: "" },
    channels: { kind: "none" },
  },
  { kind: "proposed", proposalId: "p-2", memberId: "m-A", invitations: [], removals: [], newPolicy: POLICY, tags: {} },
  { kind: "voted", proposalId: "p-1", memberId: "m-A", yes: true },
  { kind: "voted", proposalId: "p-1", memberId: "m-B", yes: false },
  { kind: "invitationAccepted", invitationId: "in-1", member: { ...testMember("C"), description: "third" } },
  { kind: "invitationRejected", invitationId: "in-1" },
  { kind: "left", memberId: "m-A" },
  { kind: "enacted", enactmentId: "join:m-C", channels: [{ channelId: "trade", blockNumber: 2 ** 40 }] },
  { kind: "enacted", enactmentId: "join:m-C", channels: [], failure: "trade refused it" },
  { kind: "clockAdvanced", to: unixMs(START + 1) },
];

/** Buffers and arrays of bytes compare by what they hold. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, each) => (each?.type === "Buffer" ? Buffer.from(each.data).toString("hex") : each)),
  );

describe("a record", () => {
  for (const act of ACTS) {
    it(`of kind ${act.kind} is read as it was written`, () => {
      const record = encodeRecord("n-TEST", act);
      const bytes = signedRecord(record, [{ identity: fromUtf8("A"), signature: fromUtf8("signed") }]);
      const read = readSignedRecord(bytes);
      assert.deepEqual(plain(read.act), plain(act));
      assert.equal(read.networkId, "n-TEST");
      assert.deepEqual(Buffer.from(read.record), Buffer.from(record));
      assert.deepEqual(read.signatures.map(plain), [
        plain({ identity: Buffer.from("A"), signature: Buffer.from("signed") }),
      ]);
      assert.deepEqual(Buffer.from(encodeRecord("n-TEST", read.act)), Buffer.from(record));
    });
  }

  it("that is none is refused with what is wrong", () => {
    const refused = (record: object, message: RegExp) =>
      assert.throws(
        () => readRecord(encode(hansa.governance.Record, record as hansa.governance.Record.$Properties)),
        (error) => error instanceof GovernanceRefusal && error.reason === "INVALID" && message.test(error.message),
      );
    const format = "hansa.governance.record/1";
    refused({ format: "another", left: {} }, /format is "another"/);
    refused({ format }, /no act that this version knows/);
    refused({ format, founded: { edition: "GOLD" } }, /"GOLD" is no edition/);
    refused({ format, founded: { edition: "STARTER", policy: { comparator: 7 } } }, /7 is no comparator/);
    refused({ format, proposed: { channels: { kind: 9 } } }, /9 is no choice of channels/);
    assert.throws(() => readSignedRecord(fromUtf8("garbage")), WireError);
  });
});

describe("bytes from outside", () => {
  it("are a record, or refused as what they are", () => {
    const network = new TestNetwork("ABC", { rules: { simulatedClock: true } });
    const records = ACTS.map((act) => signedRecord(encodeRecord("n-TEST", act), []));
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.nat(5).map((n) => n === 0) });
    let read = 0;
    fc.assert(
      fc.property(fc.constantFrom(...records), fc.array(change, { minLength: 1, maxLength: 4 }), (record, changes) => {
        let bytes = Uint8Array.from(record);
        for (const { at, byte, cut } of changes) {
          bytes[at % bytes.length] = byte;
          if (cut) bytes = bytes.slice(0, 1 + (at % bytes.length));
        }
        let act: Act;
        try {
          ({ act } = readSignedRecord(bytes));
        } catch (error) {
          assert.ok(error instanceof WireError || error instanceof GovernanceRefusal, String(error));
          return;
        }
        read += 1;
        for (const state of [undefined, network.state]) {
          const folded = fold(state, act, START);
          assert.ok(folded.ok || folded.refusal instanceof GovernanceRefusal);
        }
      }),
      { numRuns: 3000 },
    );
    assert.ok(read > 100, `${read} were records still`);
  });
});
