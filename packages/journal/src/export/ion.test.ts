/** What we write as Ion, the Ion library of Amazon reads, in both encodings; and the other way round. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as ion from "ion-js";
import { fileHead, valueReader, writeValue } from "./format.js";
import { BadValue, EXPORT_FORMATS, type ExportFormat, type Value } from "./value.js";

const sample: Value = {
  blockAddress: { strandId: "4o5UqpGLnYe2wMTRaRu2zn", sequenceNo: 123_456_789_012 },
  blockTimestamp: new Date(Date.UTC(2026, 10, 21, 8, 30, 7, 135)),
  blockHash: Buffer.from("00ff10203040", "hex"),
  previousBlockHash: new Uint8Array(0),
  revisions: [{ data: { envelope: Buffer.alloc(20_000, 7) }, metadata: { id: 'quoted "ü" \n line', version: 0 } }],
  transactionInfo: { statements: [], documents: {} },
  keys: ["a", "b".repeat(200)],
};

/** An Ion value of the library as one of ours. */
function fromIon(value: ion.dom.Value): Value {
  const type = value.getType();
  if (type === ion.IonTypes.INT) return value.numberValue() as number;
  if (type === ion.IonTypes.STRING) return value.stringValue() as string;
  if (type === ion.IonTypes.BLOB) return Buffer.from(value.uInt8ArrayValue() as Uint8Array);
  if (type === ion.IonTypes.TIMESTAMP) return value.dateValue() as Date;
  if (type === ion.IonTypes.LIST) return (value.elements() as ion.dom.Value[]).map(fromIon);
  assert.equal(type, ion.IonTypes.STRUCT);
  return Object.fromEntries(
    (value.fields() as [string, ion.dom.Value][]).map(([name, field]) => [name, fromIon(field)]),
  );
}

const plain = (value: Value): unknown => JSON.parse(Buffer.from(writeValue(value, "JSON")).toString());
const file = (format: ExportFormat, ...values: Value[]) =>
  Buffer.concat([fileHead(format), ...values.map((value) => writeValue(value, format))]);

describe("Ion", () => {
  for (const format of ["ION_TEXT", "ION_BINARY"] as const) {
    it(`written as ${format} is read by Amazon's library`, () => {
      const loaded = ion.loadAll(file(format, sample, { keys: [] }));
      assert.equal(loaded.length, 2);
      assert.deepEqual(plain(fromIon(loaded[0] as ion.dom.Value)), plain(sample));
    });
  }

  it("written by Amazon's library as text is read here", () => {
    const text = ion.dumpText(ion.load(file("ION_TEXT", sample)) as ion.dom.Value);
    assert.deepEqual(plain(valueReader(Buffer.from(text), "ION_TEXT").next()), plain(sample));
  });

  for (const format of EXPORT_FORMATS) {
    it(`comes back from ${format}, value by value`, () => {
      const reader = valueReader(file(format, sample, { version: 128 }, { txTime: new Date(255) }), format);
      assert.deepEqual(plain(reader.next()), plain(sample));
      assert.deepEqual(plain(reader.next()), { version: 128 });
      assert.deepEqual(plain(reader.next()), { txTime: "1970-01-01T00:00:00.255Z" });
      assert.ok(reader.done);
    });

    it(`refuses anything else in ${format}, and never hangs`, () => {
      const whole = file(format, sample);
      fc.assert(
        fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
          const bytes = Buffer.from(cut ? whole.subarray(0, at) : whole);
          if (!cut) bytes[at] = byte;
          try {
            for (const reader = valueReader(bytes, format); !reader.done; ) reader.next();
          } catch (error) {
            assert.ok(error instanceof BadValue, String(error));
            assert.ok(error.byte <= bytes.length);
          }
        }),
        { numRuns: 500 },
      );
    });
  }

  it("keeps every time and number", () => {
    fc.assert(
      fc.property(
        fc.nat(4_102_444_800_000),
        fc.maxSafeNat().filter((n) => n < 2 ** 48),
        (ms, n) => {
          for (const format of ["ION_TEXT", "ION_BINARY"] as const) {
            const reader = valueReader(file(format, { txTime: new Date(ms), version: n }), format);
            assert.deepEqual(reader.next(), { txTime: new Date(ms), version: n });
          }
        },
      ),
    );
  });
});
