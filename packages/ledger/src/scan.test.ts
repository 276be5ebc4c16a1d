import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encode, kvrwset, rwset } from "@hansa/wire";
import fc from "fast-check";
import { readTransaction } from "./read-transaction.js";
import { parseTxRwSet } from "./rwset.js";
import { FieldReader, MalformedMessage } from "./scan.js";

const sample = () =>
  encode(rwset.TxReadWriteSet, {
    nsRwset: [
      {
        namespace: "goods",
        rwset: encode(kvrwset.KVRWSet, {
          reads: [{ key: "k", version: { blockNum: 3, txNum: 0 } }, { key: "none" }],
          writes: [{ key: "k", value: Buffer.from("v") }],
          rangeQueriesInfo: [{ startKey: "a", endKey: "b", itrExhausted: true, rawReads: { kvReads: [{ key: "a" }] } }],
        }),
      },
    ],
  });

describe("reading messages without building them", () => {
  it("tells a version of zeros from none", () => {
    const set = encode(kvrwset.KVRWSet, { reads: [{ key: "z", version: {} }, { key: "n" }] });
    const { reads } = parseTxRwSet(encode(rwset.TxReadWriteSet, { nsRwset: [{ rwset: set }] })).namespaces[0] ?? {};
    assert.deepEqual(reads, [
      { key: "z", version: { blockNumber: 0, txIndex: 0 } },
      { key: "n", version: undefined },
    ]);
  });

  it("refuses what Go refuses", () => {
    const malformed: [string, number[]][] = [
      ["field 0", [0x02, 0x00]],
      ["a length past the end", [0x0a, 0x05, 0x61]],
      ["an unfinished number", [0x08, 0x80]],
      ["a number of 65 bits", [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]],
      ["wire type 7", [0x0f]],
      ["the end of a group that did not begin", [0x0c]],
      ["a group that does not end", [0x0b, 0x08, 0x01]],
    ];
    for (const [what, bytes] of malformed) {
      const reader = new FieldReader(Buffer.from(bytes));
      assert.throws(
        () => {
          while (reader.next()) reader.skip();
        },
        MalformedMessage,
        what,
      );
    }
    const notText = encode(rwset.TxReadWriteSet, { nsRwset: [{ namespace: "goods" }] });
    notText[notText.length - 1] = 0xff;
    assert.throws(() => parseTxRwSet(notText), MalformedMessage);
  });

  it("skips what it does not know, groups included", () => {
    const known = sample();
    const strange = Buffer.from([0x9b, 0x06, 0x08, 0x01, 0x9c, 0x06, 0xf8, 0x06, 0x07]);
    assert.deepEqual(parseTxRwSet(Buffer.concat([strange, known, strange])), parseTxRwSet(known));
  });

  it("takes or refuses any bytes, and fails in no other way", () => {
    const bytes = sample();
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 40 }), (at, value, random) => {
        const broken = Buffer.from(bytes);
        broken[at] = value;
        for (const candidate of [broken, random, broken.subarray(0, at)]) {
          try {
            parseTxRwSet(candidate);
          } catch (error) {
            assert.ok(error instanceof MalformedMessage);
          }
          assert.equal(readTransaction(candidate, 255).code, 255);
        }
      }),
      { numRuns: 500 },
    );
  });
});
