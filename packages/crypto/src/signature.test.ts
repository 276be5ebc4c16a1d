import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { describe, it } from "node:test";
import { sha256Hex } from "@hansa/primitives";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256, p384 } from "@noble/curves/nist.js";
import fc from "fast-check";
import { generatePrivateKey, type KeyAlgorithm, privateKeyFromPem, privateKeyToPem, publicPart } from "./key.js";
import { isLowS, toLowS } from "./low-s.js";
import { createSigner, verifyInPool, verifySignature } from "./signature.js";
import { VerifyMemo } from "./verify-memo.js";

const ORDER = {
  "P-256": 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  "P-384": 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
} as const;
const message = Buffer.from("one barrel of stout");

function integer(n: bigint): Buffer {
  let hex = n.toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  const bytes = Buffer.from(hex, "hex");
  const body = (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
  return Buffer.concat([Buffer.from([2, body.length]), body]);
}

function der(r: bigint, s: bigint): Buffer {
  const body = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

describe("low S", () => {
  for (const algorithm of ["P-256", "P-384"] as const) {
    const n = ORDER[algorithm];
    it(`mends and judges as big integers do, ${algorithm}`, () => {
      const edges = [1n, 127n, 128n, 255n, 256n, n / 2n - 1n, n / 2n, n / 2n + 1n, n - 1n, n - 128n, n - 255n];
      const value = fc.oneof(fc.bigInt({ min: 1n, max: n - 1n }), fc.constantFrom(...edges));
      fc.assert(
        fc.property(value, value, (r, s) => {
          const signature = der(r, s);
          assert.equal(isLowS(signature, algorithm), s <= n / 2n);
          const low = toLowS(signature, algorithm);
          assert.deepEqual(low && Buffer.from(low), der(r, s <= n / 2n ? s : n - s));
        }),
      );
    });
  }

  it("refuses what is no signature, and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        isLowS(bytes, "P-256");
        toLowS(bytes, "P-384");
      }),
    );
    for (const hex of [
      "",
      "30",
      "3000",
      "3006020101020100",
      "3006020100020101",
      "300602018102010100",
      "308006020101020101",
    ]) {
      assert.equal(isLowS(Buffer.from(hex, "hex"), "P-256"), false, hex);
      assert.equal(toLowS(Buffer.from(hex, "hex"), "P-256"), undefined, hex);
    }
    assert.equal(toLowS(der(1n, ORDER["P-256"] + 1n), "P-256"), undefined);
  });
});

describe("signatures", () => {
  for (const algorithm of ["P-256", "P-384", "Ed25519"] as const satisfies KeyAlgorithm[]) {
    it(`sign and verify, ${algorithm}`, () => {
      const key = privateKeyFromPem(privateKeyToPem(generatePrivateKey(algorithm)));
      const signer = createSigner(key);
      const publicKey = publicPart(key);
      for (let i = 0; i < 20; i++) {
        const signature = signer.sign(message);
        assert.equal(verifySignature(publicKey, message, signature), true);
        assert.equal(verifySignature(publicKey, Buffer.from("another"), signature), false);
        const broken = Buffer.from(signature);
        broken[broken.length - 1] = (broken[broken.length - 1] ?? 0) ^ 1;
        assert.equal(verifySignature(publicKey, message, broken), false);
        if (algorithm !== "Ed25519") assert.equal(isLowS(signature, algorithm), true);
      }
    });
  }

  it("are the same to an independent implementation", () => {
    for (const algorithm of ["P-256", "P-384"] as const) {
      const key = generatePrivateKey(algorithm);
      const jwk = publicPart(key).export({ format: "jwk" });
      const point = Buffer.concat([
        Buffer.from([4]),
        Buffer.from(jwk.x ?? "", "base64url"),
        Buffer.from(jwk.y ?? "", "base64url"),
      ]);
      const signature = createSigner(key).sign(message);
      // Fabric hashes with SHA-256 on every curve, so the digest is made here and not by the curve's own default.
      const digest = Buffer.from(sha256Hex(message), "hex");
      const curve = algorithm === "P-256" ? p256 : p384;
      assert.equal(curve.verify(signature, digest, point, { prehash: false, format: "der", lowS: true }), true);
    }
    const key = generatePrivateKey("Ed25519");
    const raw = Buffer.from(publicPart(key).export({ format: "jwk" }).x ?? "", "base64url");
    assert.equal(ed25519.verify(createSigner(key).sign(message), message, raw), true);
  });

  it("with a high S do not count", () => {
    const key = generatePrivateKey("P-256");
    let highs = 0;
    for (let i = 0; i < 40; i++) {
      const signature = sign("sha256", message, key);
      if (isLowS(signature, "P-256")) continue;
      highs++;
      assert.equal(verifySignature(publicPart(key), message, signature), false);
      const mended = toLowS(signature, "P-256");
      assert.ok(mended !== undefined && verifySignature(publicPart(key), message, mended));
    }
    assert.ok(highs > 0);
  });

  it("with bytes behind them count, as Go's decoder ignores those", () => {
    const key = generatePrivateKey("P-256");
    const signature = Buffer.concat([createSigner(key).sign(message), Buffer.from([1, 2])]);
    assert.equal(verifySignature(publicPart(key), message, signature), true);
  });

  it("get the same verdict on another thread", async () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const rsaSignature = sign("sha256", message, rsa.privateKey);
    const cases = [{ publicKey: rsa.publicKey, signature: rsaSignature as Uint8Array }];
    for (const algorithm of ["P-256", "P-384", "Ed25519"] as const) {
      const key = generatePrivateKey(algorithm);
      const publicKey = publicPart(key);
      const signature = createSigner(key).sign(message);
      const broken = Buffer.from(signature);
      broken[broken.length - 1] = (broken[broken.length - 1] ?? 0) ^ 1;
      const garbage = [Buffer.alloc(0), Buffer.alloc(64, 7), sign("sha256", Buffer.from("x"), rsa.privateKey)];
      for (const each of [signature, broken, Buffer.concat([signature, Buffer.of(1)]), ...garbage])
        cases.push({ publicKey, signature: each });
      for (let i = 0; i < 8; i++) {
        const raw = algorithm === "Ed25519" ? null : "sha256";
        cases.push({ publicKey, signature: sign(raw, message, key) });
      }
    }
    let valid = 0;
    for (const { publicKey, signature } of cases) {
      const expected = verifySignature(publicKey, message, signature);
      valid += expected ? 1 : 0;
      assert.equal(await verifyInPool(publicKey, message, signature), expected);
    }
    assert.ok(valid >= 3 && valid < cases.length);
  });

  it("by keys of other kinds are false, not errors", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
    assert.equal(verifySignature(rsa.publicKey, message, sign("sha256", message, rsa.privateKey)), false);
    assert.throws(() => createSigner(rsa.privateKey), { fault: "UNSUPPORTED_KEY" });
  });

  it("refuse text that is no key without quoting it", () => {
    assert.throws(
      () => privateKeyFromPem("secret stuff"),
      (error: Error) => !error.message.includes("secret"),
    );
  });
});

describe("verify memo", () => {
  it("remembers what verified, stays bounded, and never remembers a failure", () => {
    const memo = new VerifyMemo(4);
    const key = generatePrivateKey("P-256");
    const publicKey = publicPart(key);
    const signature = createSigner(key).sign(message);
    assert.equal(memo.verify(publicKey, Buffer.from("x"), signature), false);
    assert.equal(memo.size, 0);
    assert.equal(memo.verify(publicKey, message, signature), true);
    assert.equal(memo.verify(publicKey, message, signature), true);
    assert.equal(memo.verify(publicPart(generatePrivateKey("P-256")), message, signature), false);
    for (let i = 0; i < 10; i++) {
      const text = Buffer.from(`message ${i}`);
      memo.remember(publicKey, text, createSigner(key).sign(text));
    }
    assert.ok(memo.size >= 2 && memo.size <= 4);
  });

  it("is filled ahead by what verifies", async () => {
    const memo = new VerifyMemo();
    const key = generatePrivateKey("P-256");
    const publicKey = publicPart(key);
    const signature = createSigner(key).sign(message);
    await memo.verifyAhead(publicKey, Buffer.from("x"), signature);
    assert.equal(memo.size, 0);
    await memo.verifyAhead(publicKey, message, signature);
    assert.equal(memo.size, 1);
    assert.equal(memo.verifyAhead(publicKey, message, signature), undefined);
    assert.equal(memo.verify(publicKey, message, signature), true);
  });
});
