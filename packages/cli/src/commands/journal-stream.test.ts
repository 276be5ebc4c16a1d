import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sampleStrand } from "@hansa/journal/testing";
import { beginStream } from "./journal-stream.js";

describe("the beginning of a stream", () => {
  const strand = sampleStrand("deliveries", 5);
  const { strandId } = strand.blocks[0]!.address;
  const blocks = async function* (first: number) {
    yield* strand.records.slice(first);
  };
  const begin = (from?: number, known?: Awaited<ReturnType<typeof beginStream>>) =>
    beginStream(known, from, blocks, "deliveries");

  it("is where it is told to be, up to the block that comes next", async () => {
    assert.equal((await begin()).nextSequenceNo, 0);
    for (const from of [0, 3, 5]) {
      const position = await begin(from);
      assert.deepEqual([position.strandId, position.nextSequenceNo], [strandId, from]);
      assert.deepEqual(await begin(from, { ...position, nextSequenceNo: 1 }), position);
      assert.deepEqual(await begin(undefined, position), position);
    }
  });

  it("leaves no block out", async () => {
    const known = await begin();
    for (const position of [undefined, known])
      await assert.rejects(begin(6, position), {
        code: "USAGE",
        message: "Channel deliveries has no block 5 yet: a stream cannot begin after it.",
      });
    await assert.rejects(beginStream(known, undefined, blocks, "orders"), { code: "USAGE", message: /of channel del/ });
  });
});
