import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { characterCount, isWellFormed } from "./text.js";

describe("text", () => {
  it("counts what is read as one character as one", () => {
    assert.equal(characterCount(""), 0);
    assert.equal(characterCount("☕é"), 2);
    assert.equal(characterCount("😀😀"), 2);
    assert.equal(characterCount("\ude00\ud83d\ud83d\ude00"), 3);
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => characterCount(text) === [...text].length));
  });

  it("knows half a pair from a pair", () => {
    assert.ok(isWellFormed("😀"));
    assert.ok(!isWellFormed("a\ud83d"));
    assert.ok(!isWellFormed("\ude00\ud83d"));
    const survives = (text: string) => Buffer.from(text, "utf8").toString("utf8") === text;
    const units = fc.string({ unit: fc.integer({ min: 0xd7f0, max: 0xe00f }).map((n) => String.fromCharCode(n)) });
    fc.assert(fc.property(units, (text) => isWellFormed(text) === survives(text)));
  });
});
