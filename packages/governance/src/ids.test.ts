import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromUtf8 } from "@hansa/primitives";
import { derivedId, idOf, memberId } from "./ids.js";

describe("ids", () => {
  it("are 26 characters of base32 behind their prefix", () => {
    assert.equal(memberId(new Uint8Array(16)), `m-${"A".repeat(26)}`);
    assert.equal(memberId(new Uint8Array(16).fill(0xff)), `m-${"7".repeat(25)}4`);
    // RFC 4648, section 10: "foobar" is MZXW6YTBOI.
    assert.equal(idOf("nd", fromUtf8("foobarfoobarfoob")), "nd-MZXW6YTBOJTG633CMFZGM33PMI");
    assert.throws(() => memberId(new Uint8Array(15)), /made of 16 bytes, not 15/);
  });

  it("that are derived depend on every part and on where it ends", () => {
    assert.equal(derivedId("in", "a", "b"), derivedId("in", "a", "b"));
    assert.notEqual(derivedId("in", "a", "b"), derivedId("in", "ab"));
    assert.notEqual(derivedId("in", "a", "b"), derivedId("in", "a,b"));
    assert.match(derivedId("in", "a"), /^in-[A-Z2-7]{26}$/);
  });
});
