import assert from "node:assert/strict";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { sha256 } from "@hansa/primitives";
import { build } from "esbuild";
import fc from "fast-check";
import { authority, person, sampleStrand } from "../testing/sample-receipt.js";
import { verifyReceipt } from "./receipt.js";
import { formatReceipt, type ReceiptParts } from "./receipt-file.js";

const ordererCa = authority("ca.orderer");
const pubCa = authority("ca.pub");
const orderer = person(ordererCa, "orderer.example.com", "orderer");
const user = person(pubCa, "User1@pub", "client");
const roots = [ordererCa, pubCa].map(({ certificate }) => certificate.pem);
const strand = sampleStrand("deliveries", 11, user);
const good = strand.receipt(6, 2, 10, [orderer]);
const text = formatReceipt(good);

function rejected(parts: ReceiptParts | string, field: RegExp, reason: RegExp, trusted = roots): void {
  const verdict = verifyReceipt(typeof parts === "string" ? parts : formatReceipt(parts), trusted);
  assert.ok(!verdict.valid, "it was accepted");
  assert.match(verdict.field, field, verdict.reason);
  assert.match(verdict.reason, reason);
}

const changed = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
};

describe("a receipt", () => {
  it("says in plain words what it proves", () => {
    const verdict = verifyReceipt(text, roots);
    assert.ok(verdict.valid, JSON.stringify(verdict));
    const { channel, transaction, block, entry, tip, proved, notProved, signers } = verdict;
    assert.deepEqual(
      { channel, transaction, block, entry, tip },
      { channel: "deliveries", transaction: good.transaction, block: 6, entry: 2, tip: 10 },
    );
    assert.deepEqual(signers, [{ name: "orderer.example.com", role: "orderer", root: "ca.orderer", rootIndex: 0 }]);
    assert.match(
      proved.join("\n"),
      /Transaction [0-9a-f]{64} was ordered on channel deliveries: it is entry 2 of block 6/,
    );
    assert.match(proved.join("\n"), /wrote block 6 at 2026-06-01T00:00:06\.000Z/);
    assert.match(
      proved.join("\n"),
      /orderer\.example\.com, an ordering node certified by ca\.orderer, signed the digest of blocks 0 to 10/,
    );
    assert.match(proved.join("\n"), /User1@pub, certified by ca\.pub, signed and sent it/);
    assert.match(notProved.join("\n"), /may still be invalid/);
    assert.match(notProved.join("\n"), /no peer has signed the digest/);
  });

  it("verifies for every entry of every block against every later digest", () => {
    for (let tip = 0; tip < strand.blocks.length; tip += 3) {
      for (let block = 0; block <= tip; block++) {
        for (let entry = 1; entry <= (strand.envelopes[block]?.length ?? 0); entry++) {
          const verdict = verifyReceipt(formatReceipt(strand.receipt(block, entry, tip, [orderer])), roots);
          assert.ok(verdict.valid, `block ${block}, entry ${entry}, tip ${tip}: ${JSON.stringify(verdict)}`);
        }
      }
    }
  });

  it("counts peers that signed too, through authorities in between", () => {
    const between = authority("ica.pub", pubCa);
    const peer = person(between, "peer0.pub", "peer");
    const intermediate = between.certificate.raw;
    const both = strand.receipt(6, 2, 10, [orderer, peer], [intermediate]);
    const verdict = verifyReceipt(formatReceipt(both), roots);
    assert.ok(verdict.valid, JSON.stringify(verdict));
    assert.deepEqual(
      verdict.signers.map(({ name, role, root, rootIndex }) => [name, role, root, rootIndex]),
      [
        ["orderer.example.com", "orderer", "ca.orderer", 0],
        ["peer0.pub", "peer", "ca.pub", 1],
      ],
    );
    for (const [parts, trusted] of [
      [{ ...both, intermediateCertificates: [] }, roots],
      [both, [roots[0] as string]],
    ] as const) {
      const without = verifyReceipt(formatReceipt(parts), trusted);
      assert.ok(without.valid, JSON.stringify(without));
      assert.equal(without.signers.length, 1, "a peer whom nobody vouches for does not count");
      assert.match(without.notProved.join("\n"), /peer0\.pub did, certified by none of the given roots/);
    }
    const forged = both.signatures.map((each, i) =>
      i === 1 ? { ...each, signature: both.signatures[0]!.signature } : each,
    );
    rejected({ ...both, signatures: forged }, /signatures\[1\]\.signature/, /not a signature of "peer0/);
    const misnamed = Buffer.from(peer.certificate.raw);
    misnamed[misnamed.indexOf("ica.pub")]! ^= 1;
    const [first] = both.signatures;
    const renamed = [first!, { ...both.signatures[1]!, certificate: misnamed }];
    rejected(
      { ...both, signatures: renamed },
      /signatures\[1\]\.certificate/,
      /the key of "ica\.pub", and not its name/,
    );
    rejected({ ...good, intermediateCertificates: [intermediate] }, /intermediateCertificates\[0\]/, /not needed/);
    rejected(strand.receipt(6, 2, 10, [peer], [intermediate]), /signatures/, /none of an ordering node/);
  });

  it("does with those roots that it knows", () => {
    const other = authority("ca.other", undefined, "P-384").certificate.pem;
    const verdict = verifyReceipt(text, [other, ...roots]);
    assert.ok(verdict.valid, JSON.stringify(verdict));
    rejected(good, /roots/, /hold no certificate that can be used here: one .*P-256|ECDSA and SHA-256/, [other]);
    rejected(good, /roots/, /base64/, ["-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n"]);
  });

  it("is rejected for its signers, with the reason", () => {
    const stranger = person(authority("ca.orderer"), "orderer.example.com", "orderer");
    rejected(
      strand.receipt(6, 2, 10, [stranger]),
      /certificate/,
      /is not signed by "ca\.orderer", whose name it carries/,
    );
    rejected(good, /certificate/, /does not chain to any of the given roots/, [roots[1] as string]);
    rejected(good, /roots/, /no certificate/, []);
    const [signature] = good.signatures;
    const other = person(ordererCa, "orderer2.example.com", "orderer");
    const swapped = [{ certificate: other.certificate.raw, signature: signature!.signature }];
    rejected({ ...good, signatures: swapped }, /signatures\[0\]\.signature/, /not a signature of "orderer2/);
    rejected(strand.receipt(6, 2, 10, [user]), /certificate/, /neither an ordering node's nor a peer's/);
    rejected(strand.receipt(6, 2, 10, [orderer, orderer]), /signatures\[1\]/, /signed before/);
    rejected(strand.receipt(6, 2, 10, []), /signatures/, /none of an ordering node/);
    const short = person(ordererCa, "orderer3.example.com", "orderer", 2_000);
    rejected(strand.receipt(6, 2, 10, [short]), /certificate/, /had expired/);
    rejected(
      { ...good, signatures: [{ ...signature!, signature: highS(signature!.signature) }] },
      /signature/,
      /not a sig/,
    );
  });

  it("is rejected with a digest, a place or an envelope of another history", () => {
    const elsewhere = sampleStrand("orders", 11, user);
    const theirs = elsewhere.receipt(6, 2, 10, [orderer]);
    rejected({ ...good, digest: theirs.digest, signatures: theirs.signatures }, /digest/, /is of strand/);
    const later = strand.receipt(6, 2, 9, [orderer]);
    rejected({ ...good, digest: later.digest, signatures: later.signatures }, /log\.blockPath|^log$|envelope/, /./);
    const earlier = strand.receipt(3, 1, 5, [orderer]);
    rejected({ ...good, digest: earlier.digest, signatures: earlier.signatures }, /digest/, /before block 6/);
    rejected({ ...good, entry: 1 }, /^log$/, /entry's number/);
    rejected({ ...good, entry: 9 }, /log\.entryPath/, /does not fit entry 9 of 4/);
    rejected({ ...good, block: 5 }, /block/, /its binding says 6/);
    rejected({ ...good, transaction: "ab" }, /transaction/, /the envelope's is/);
    rejected({ ...good, time: "2026-06-01T00:00:07.000Z" }, /time/, /binding says/);
    rejected({ ...good, log: { ...good.log, entryCount: 3 } }, /^log/, /./);
    const wrongPath = good.path.map((hash, i) => (i === 1 ? sha256(hash) : hash));
    rejected({ ...good, path: wrongPath }, /^path$/, /one of its hashes/);
    const data = Buffer.from(good.envelope).indexOf("6.1");
    rejected({ ...good, envelope: changed(good.envelope, data) }, /envelope/, /sender's signature does not fit/);
    const unordered = sampleStrand("deliveries", 12, person(pubCa, "User2@pub", "client")).receipt(6, 2, 10, [orderer]);
    const { envelope, transaction } = unordered;
    rejected({ ...good, envelope, transaction }, /envelope/, /not what was ordered/);
  });

  it("is rejected for an envelope that readers may understand in two ways", () => {
    const { envelope } = good;
    const again = Buffer.concat([envelope, envelope.subarray(0, 1), Buffer.of(2, 10, 0)]);
    rejected({ ...good, envelope: again }, /envelope/, /says field 1 twice/);
  });

  it("is rejected when it is no receipt, naming the field", () => {
    rejected("{", /the file/, /no JSON/);
    rejected("[]", /the file/, /no JSON object/);
    rejected(text.replace("receipt/1", "receipt/2"), /format/, /this verifier reads/);
    rejected(text.replace('"path"', '"paht"'), /path/, /missing/);
    rejected(text.replace('"block": 6', '"block": 6, "more": 1'), /more/, /does not belong/);
    rejected(text.replace('"block": 6', '"block": -6'), /block/, /whole number/);
    rejected(text.replace('"binding": "', '"binding": "*'), /binding/, /characters|base64 at character 1/);
  });

  it("is rejected whichever bit of it is turned", () => {
    const small = formatReceipt(sampleStrand("c", 2, user).receipt(1, 1, 1, [orderer]));
    const bytes = Buffer.from(small);
    assert.ok(verifyReceipt(small, roots).valid);
    for (let at = 0; at < bytes.length; at++) {
      // All bits of some bytes, one bit of every other one: signatures take their time.
      const bits = at % 61 === 0 ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 7];
      for (const bit of bits) {
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
        const verdict = verifyReceipt(bytes.toString("latin1"), roots);
        assert.ok(
          !verdict.valid,
          `bit ${bit} of byte ${at}: ${JSON.stringify(bytes.toString().slice(at - 20, at + 20))}`,
        );
        assert.ok(verdict.reason.length > 5 && verdict.field.length > 0);
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
      }
    }
  });

  it("is rejected for any other byte that changes what it says", () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 32, max: 126 }), (at, code) => {
        const other = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
        const verdict = verifyReceipt(other, roots);
        if (verdict.valid) assert.deepEqual(JSON.parse(other), JSON.parse(text));
      }),
      { numRuns: 400 },
    );
  });
});

describe("the verifier in a browser", () => {
  it("is one small file that needs nothing of node", async () => {
    const entry = path.join(path.dirname(fileURLToPath(import.meta.url)), "index.js");
    const { outputFiles } = await build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      minify: true,
      platform: "browser",
      format: "iife",
      globalName: "hansa",
      target: "es2022",
      logLevel: "silent",
    });
    const program = outputFiles[0]?.text ?? "";
    assert.ok(program.length > 1_000);
    assert.ok(program.length < 80_000, `${program.length} bytes`);
    const page = vm.createContext({ TextDecoder, TextEncoder, text, roots });
    vm.runInContext(program, page);
    const verdict = vm.runInContext("JSON.stringify(hansa.verifyReceipt(text, roots))", page);
    assert.deepEqual(JSON.parse(verdict), JSON.parse(JSON.stringify(verifyReceipt(text, roots))));
    assert.equal(vm.runInContext("typeof process + typeof require + typeof Buffer", page), "undefined".repeat(3));
  });
});

/** The same signature with the other S: as good to ECDSA, refused by Fabric. */
function highS(der: Uint8Array): Uint8Array {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const bytes = Buffer.from(der);
  const rLength = bytes[3] as number;
  const r = bytes.subarray(2, 4 + rLength);
  const s = order - BigInt(`0x${bytes.subarray(6 + rLength).toString("hex")}`);
  const digits = s.toString(16);
  const value = Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex");
  const body = (value[0] as number) >= 0x80 ? Buffer.concat([Buffer.of(0), value]) : value;
  const content = Buffer.concat([r, Buffer.of(2, body.length), body]);
  return Buffer.concat([Buffer.of(0x30, content.length), content]);
}
