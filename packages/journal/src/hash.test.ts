import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBase64, NO_BYTES, toBase64 } from "@hansa/primitives";
import fc from "fast-check";
import { compareHashes } from "./fold.js";
import { dot, foldPath, merklePath, merkleRoot } from "./hash.js";

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("the dot rule", () => {
  it("compares signed bytes from the last to the first", () => {
    const zero = Buffer.alloc(32);
    const lastHigh = Buffer.alloc(32, 0);
    lastHigh[31] = 0x80; // -128: smaller than 0
    assert.ok(compareHashes(lastHigh, zero) < 0);
    const firstBig = Buffer.alloc(32);
    firstBig[0] = 1;
    assert.ok(compareHashes(firstBig, zero) > 0);
    assert.ok(compareHashes(firstBig, lastHigh) > 0);
  });

  it("is commutative, with the empty hash as identity", () => {
    fc.assert(
      fc.property(hash, hash, (a, b) => {
        assert.deepEqual(dot(a, b), dot(b, a));
        assert.equal(dot(a, NO_BYTES), a);
        assert.equal(dot(NO_BYTES, b), b);
      }),
    );
  });

  it("joins every leaf's path to the root", () => {
    fc.assert(
      fc.property(fc.array(hash, { minLength: 1, maxLength: 40 }), (leaves) => {
        const root = merkleRoot(leaves);
        leaves.forEach((leaf, i) => {
          assert.deepEqual(foldPath(leaf, merklePath(leaves, i)), root);
        });
      }),
    );
    assert.equal(merkleRoot([]).length, 0);
  });
});

describe("hashes of real QLDB ledgers", () => {
  it("reproduces entriesHash and blockHash of a production block", () => {
    const entries = [
      "LmcGQjLlfScQQxbzaoglEpXpeN9bp7I/QUk690ncEpk=",
      "vJFOcsNRM14gsIBSEnwPhMVgRAWf/4EUW5gPYbtmDv0=",
      "KXJrG8t/KePERHasyztlv4kZPol4Q2buhWmy7iJrsiY=",
      "Lz3XWBwtWyBA/Lhj+UoLhbajPQ8Mk9N4j0HJlrm2OTg=",
    ].map(fromBase64);
    const entriesHash = merkleRoot(entries);
    assert.equal(toBase64(entriesHash), "RNGQGcOKCGLCo5S+hs1eboanNrocIzRiqzzq1s99G/Q=");
    const previous = fromBase64("pV28aszpqJH9LOO9oMsACDmXfdzdEW7HYxzuQVIjSDU=");
    assert.equal(toBase64(dot(entriesHash, previous)), "lu425dAWsmvzxuNHTbn4ID4mLo0bWKkjLP2Uel4wrPQ=");
  });

  it("folds a production proof of nine hashes to its digest", () => {
    const path = [
      "MC+5lx76dgGUwdNgQcBGU0T59GuHd/wu8qnn6NSQA9o=",
      "oHDWMPi/noEKVvXTi2s05wOhVVrvKNYpXZJliZ5s1BE=",
      "hYgPb4sqRKtkJbKVrszPL4fR9PSv2y0u+HHQ6g/E5yw=",
      "hYgPb4sqRKtkJbKVrszPL4fR9PSv2y0u+HHQ6g/E5yw=",
      "ro/XdmizxMZ9uc1ZHpTXJfCECd7UA0uEmcz303CmlWs=",
      "dQPDYhY9gUInSgE2Ap8uP3o5pPK6zQHvoW5OomJoaPs=",
      "Eir1146w00ciMGdgujpAVsrO+pws9WgMXA/G34NkM1M=",
      "IPvTDXU7LFl06IdiMUMhBcwx++VlZ4HhJlNrmr2efZY=",
      "+X2GDOYRIycdKoo4D4Td+gWmxWsj/DWGbqat0gMO4pM=",
    ].map(fromBase64);
    const leaf = fromBase64("3P2Z7Ex9CvXTyBXrO/TrgicOLcjl1e2e/Wv2zUUrMsc=");
    assert.equal(toBase64(foldPath(leaf, path)), "KGuCkc79bsDfG9X0RjI7QgR/D4wlOarP/dKYnbnFjDo=");
  });
});
