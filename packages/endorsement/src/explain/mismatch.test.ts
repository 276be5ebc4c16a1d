import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RwSetBuilder } from "@hansa/ledger";
import { encode, protos } from "@hansa/wire";
import fc from "fast-check";
import { mismatchOf, mismatchText } from "./mismatch.js";

const one = { mspId: "Org1MSP", address: "peer0.org1:7051" };
const other = { mspId: "Org2MSP", address: "peer0.org2:8051" };

type Run = {
  writes?: Record<string, string>;
  reads?: Record<string, number>;
  payload?: string;
  event?: string;
  version?: string;
  status?: number;
  secret?: string;
};

function payload({ writes = {}, reads = {}, payload: result = "", event, version = "1.0", status = 200, secret }: Run) {
  const builder = new RwSetBuilder();
  for (const [key, value] of Object.entries(writes)) builder.write("deal", key, Buffer.from(value));
  for (const [key, blockNumber] of Object.entries(reads)) builder.read("deal", key, { blockNumber, txIndex: 0 });
  if (secret !== undefined) builder.privateWrite("deal", "prices", "k", Buffer.from(secret), false);
  const events =
    event === undefined
      ? {}
      : { events: encode(protos.ChaincodeEvent, { eventName: "Done", payload: Buffer.from(event) }) };
  const extension = encode(protos.ChaincodeAction, {
    results: builder.encode().publicBytes,
    response: { status, payload: Buffer.from(result) },
    chaincodeId: { name: "deal", version },
    ...events,
  });
  return encode(protos.ProposalResponsePayload, { proposalHash: Buffer.alloc(32), extension });
}

const compared = (a: Run, b: Run) => mismatchOf({ ...one, payload: payload(a) }, { ...other, payload: payload(b) });

/** Written on one line: place, what the first did, what the second did; and the causes. */
function told(a: Run, b: Run): [string[], string[]] {
  const found = compared(a, b);
  assert.ok(found !== undefined, "they differ");
  return [
    found.differences.map(({ where, what, first, second }) => `${where} ${what}: ${first} / ${second}`),
    found.causes.map(({ cause }) => cause),
  ];
}

const value = (a: unknown, b: unknown) =>
  told(
    { writes: { k: typeof a === "string" ? a : JSON.stringify(a) } },
    { writes: { k: typeof b === "string" ? b : JSON.stringify(b) } },
  );

describe("what two endorsers' results differ in", () => {
  it("is shown inside JSON values", () => {
    const [differences, causes] = value(
      { owner: "Pub", at: "2026-11-21T12:00:00.120Z", items: [{ id: 1 }, { id: 2, note: "x" }] },
      { owner: "Pub", at: "2026-11-21T12:00:00.190Z", items: [{ id: 1 }, { id: 2 }] },
    );
    assert.deepEqual(differences, [
      'write at of key "k" in deal: "2026-11-21T12:00:00.120Z" / "2026-11-21T12:00:00.190Z"',
      'write items[1].note of key "k" in deal: "x" / nothing',
    ]);
    assert.deepEqual(causes, ["time"]);
  });

  const cases: readonly [string, unknown, unknown, string][] = [
    ["times in milliseconds", 1_795_262_400_120, 1_795_262_400_190, "time"],
    ["times in seconds", "1795262400", "1795262401", "time"],
    ["dates as texts", "Sat, 21 Nov 2026 12:00:00 GMT", "Sat, 21 Nov 2026 12:00:01 GMT", "time"],
    ["times of day", { at: "10:01" }, { at: "10:02" }, "time"],
    ["UUIDs", "0b7f6d0e-6f2c-4f5e-9d0a-1c2b3d4e5f60", "5d0f6d0e-1f2c-4f5e-9d0a-1c2b3d4e5f61", "randomness"],
    ["random hexadecimal", { id: "9f86d081884c7d65" }, { id: "a665a45920422f9d" }, "randomness"],
    ["random numbers", 0.7316493127, 0.1182736451, "randomness"],
    ["sums of floating-point numbers", { sum: 0.1 + 0.2 }, { sum: 0.3 }, "floating point"],
    ["keys in another order", '{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3,"c":2},"a":1}', "order"],
    ["items in another order", { owners: ["a", "b", "c"], n: 1 }, { owners: ["c", "a", "b"], n: 1 }, "order"],
    ["counts", "41", "42", "memory"],
    ["the peer's organisation", { by: "Org1MSP" }, { by: "Org2MSP" }, "place"],
    ["anything else", "beer", "wine", "package"],
  ];
  for (const [what, a, b, cause] of cases) {
    it(`points to ${cause}: ${what}`, () => {
      assert.deepEqual(value(a, b)[1], [cause]);
    });
  }

  it("are keys that only one wrote, and what those betray", () => {
    const [differences, causes] = told(
      { writes: { "sale/0b7f6d0e-6f2c-4f5e-9d0a-1c2b3d4e5f60": "1" } },
      { writes: { "sale/5d0f6d0e-1f2c-4f5e-9d0a-1c2b3d4e5f61": "1" } },
    );
    assert.equal(differences.length, 2);
    assert.match(differences[0]!, /written \/ not written/);
    assert.deepEqual(causes, ["randomness"]);
  });

  it("are versions read, by which one is behind; values that follow from those are no evidence", () => {
    const [differences, causes] = told(
      { reads: { stock: 7 }, writes: { stock: "41" } },
      { reads: { stock: 8 }, writes: { stock: "42" } },
    );
    assert.deepEqual(differences, [
      'read key "stock" in deal: block 7, transaction 0 / block 8, transaction 0',
      'write key "stock" in deal: 41 / 42',
    ]);
    assert.deepEqual(causes, ["ledger height"]);
    assert.match(
      compared({ reads: { stock: 7 } }, { reads: { stock: 8 } })!.causes[0]!.words,
      /^peer0\.org1:7051 had not/,
    );
    assert.match(
      compared({ reads: { stock: 9 } }, { reads: { stock: 8 } })!.causes[0]!.words,
      /^peer0\.org2:8051 had not/,
    );
  });

  it("are events, responses, versions of the chaincode, and private data by its hash", () => {
    assert.deepEqual(told({ event: "a" }, {})[0], ["event : Done / none"]);
    assert.deepEqual(told({ event: '{"n":1}' }, { event: '{"n":2}' })[0], ["event n of Done: 1 / 2"]);
    assert.deepEqual(told({ payload: "a" }, { payload: "b" })[0], ['response : "a" / "b"']);
    assert.deepEqual(told({ status: 200 }, { status: 201 })[0], ["response : status 200 / status 201"]);
    assert.deepEqual(told({ version: "1.0" }, { version: "2.0" })[1], ["version"]);
    const [differences] = told({ secret: "9 marks" }, { secret: "8 marks" });
    assert.match(differences[0]!, /^private data collection prices in deal: SHA-256 [0-9a-f]{12}… \/ SHA-256/);
    assert.doesNotMatch(JSON.stringify(compared({ secret: "9 marks" }, { secret: "8 marks" })), /marks/);
  });

  it("are not made up where there are none, or where nothing can be read", () => {
    assert.equal(compared({ writes: { a: "1" } }, { writes: { a: "1" } }), undefined);
    assert.equal(mismatchOf({ ...one, payload: Buffer.from([0xff]) }, { ...other, payload: payload({}) }), undefined);
  });

  it("fit into an error's details, whatever they are", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.json()), fc.dictionary(fc.string(), fc.json()), (a, b) => {
        const found = compared({ writes: a }, { writes: b });
        if (found !== undefined) assert.ok(mismatchText(one, other, found).length <= 1_801);
      }),
      { numRuns: 200 },
    );
    const many = (text: string) =>
      Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, text.repeat(999)]));
    const found = compared({ writes: many("x") }, { writes: many("y") })!;
    assert.equal(found.more, 492);
    const text = mismatchText(one, other, found);
    assert.ok(text.length <= 1_801);
    assert.match(text, /^peer0\.org1:7051 \(Org1MSP\) and peer0\.org2:8051 \(Org2MSP\) computed different results/);
  });
});
