import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  compareKeys,
  hashedNamespace,
  hashFromKey,
  hashKey,
  keyFromHash,
  privateNamespace,
  splitNamespace,
} from "./keys.js";

describe("order of keys", () => {
  it("is that of their UTF-8 bytes", () => {
    const key = fc.string({ unit: "binary", maxLength: 6 });
    fc.assert(
      fc.property(key, key, (a, b) => {
        assert.equal(Math.sign(compareKeys(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 2_000 },
    );
  });

  it("puts the last code point after the last of the basic plane", () => {
    assert.ok(compareKeys("\u{10ffff}", "\uffff") > 0);
    assert.ok("\u{10ffff}" < "\uffff", "JavaScript's own order is another");
  });
});

describe("namespaces", () => {
  it("come apart as they were joined", () => {
    assert.deepEqual(splitNamespace("trade"), { kind: "public", namespace: "trade", collection: undefined });
    assert.deepEqual(splitNamespace(hashedNamespace("trade", "prices")), {
      kind: "hashed",
      namespace: "trade",
      collection: "prices",
    });
    assert.equal(splitNamespace(privateNamespace("trade", "prices")).kind, "private");
    assert.equal(splitNamespace("$expiry").kind, "bookkeeping");
  });

  it("of hashed keys hold the hash, one byte a character", () => {
    const hash = createHash("sha256").update("p1").digest();
    assert.deepEqual(Buffer.from(hashFromKey(hashKey("p1"))), hash);
    assert.equal(hashKey("p1"), keyFromHash(hash));
  });
});
