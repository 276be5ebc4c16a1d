import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { blockHeaderBytes, joinBlock, splitBlock } from "./block.js";
import { WireError } from "./codec.js";
import { readEnvelope } from "./envelope.js";
import { toBigInt, toLong } from "./integers.js";

const bytes = (max: number) => fc.uint8Array({ maxLength: max });

describe("block parts", () => {
  it("come back as they went in", () => {
    const parts = fc.record({
      header: fc.record({ number: fc.bigInt(0n, 2n ** 64n - 1n), previousHash: bytes(40), dataHash: bytes(40) }),
      envelopes: fc.array(bytes(300), { maxLength: 8 }),
      metadata: fc.array(bytes(40), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(parts, (block) => {
        const again = splitBlock(joinBlock(block));
        assert.equal(again.header.number, block.header.number);
        assert.deepEqual(again.envelopes.map(Buffer.from), block.envelopes.map(Buffer.from));
        assert.deepEqual(again.metadata.map(Buffer.from), block.metadata.map(Buffer.from));
      }),
    );
  });

  it("write a header number as the shortest positive ASN.1 integer", () => {
    const header = (number: bigint) => ({ number, previousHash: new Uint8Array(0), dataHash: new Uint8Array(0) });
    const hex = (number: bigint) => Buffer.from(blockHeaderBytes(header(number))).toString("hex");
    assert.equal(hex(0n), "300702010004000400");
    assert.equal(hex(127n), "300702017f04000400");
    assert.equal(hex(128n), "30080202008004000400");
    assert.equal(hex(2n ** 64n - 1n), "300f020900ffffffffffffffff04000400");
  });

  it("refuse anything else with a WireError alone", () => {
    const attempts = [splitBlock, readEnvelope];
    fc.assert(
      fc.property(bytes(200), fc.constantFrom(...attempts), (garbage, read) => {
        try {
          read(garbage);
        } catch (error) {
          assert.ok(error instanceof WireError, String(error));
        }
      }),
    );
  });
});

describe("64-bit integers", () => {
  it("survive the way through Long", () => {
    fc.assert(fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => assert.equal(toBigInt(toLong(value)), value)));
  });
});
