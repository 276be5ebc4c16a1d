import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sha256 } from "@hansa/primitives";
import { blockHeaderBytes, common, encode, msp, toLong } from "@hansa/wire";
import { authority, type Person, person, sampleStrand } from "../testing/sample-receipt.js";
import { verifyEvidence } from "./evidence.js";
import { type EvidenceParts, formatEvidence, isEvidence, parseEvidence } from "./evidence-file.js";

const ordererCa = authority("ca.orderer");
const pubCa = authority("ca.pub");
const orderer = person(ordererCa, "orderer.example.com", "orderer");
const peer = person(pubCa, "peer0.pub", "peer");
const user = person(pubCa, "User1@pub", "client");
const roots = [ordererCa, pubCa].map(({ certificate }) => certificate.pem);
const found = { by: "peer0.pub", at: "2026-06-01T00:00:00.000Z", source: "127.0.0.1:7050" };
// The same strand twice: its transactions are signed anew each time, so the second is another history.
const [first, second] = [sampleStrand("deliveries", 6, user), sampleStrand("deliveries", 6, user)];

const statement = (digest: Uint8Array, ...signers: Person[]) => ({
  digest,
  signatures: signers.map(({ certificate, sign }) => ({ certificate: certificate.raw, signature: sign(digest) })),
});
const digests = (...statements: [ReturnType<typeof statement>, ReturnType<typeof statement>]): EvidenceParts => ({
  kind: "digests",
  channel: "deliveries",
  found,
  statements,
  intermediateCertificates: [],
});
const forked = digests(statement(first.digest(4), orderer, peer), statement(second.digest(4), orderer));

function rejected(parts: EvidenceParts | string, field: RegExp, reason: RegExp, trusted = roots): void {
  const verdict = verifyEvidence(typeof parts === "string" ? parts : formatEvidence(parts), trusted);
  assert.ok(!verdict.valid, "it was accepted");
  assert.match(verdict.field, field, verdict.reason);
  assert.match(verdict.reason, reason);
}

function header(number: number, previousHash: Uint8Array) {
  return { number: BigInt(number), previousHash, dataHash: sha256(Buffer.from(`data of ${number}`)) };
}

/** A header as an orderer signs it. */
function signedHeader(of: ReturnType<typeof header>, signer: Person) {
  const value = encode(common.OrdererBlockMetadata, { lastConfig: { index: toLong(0) } });
  const creator = encode(msp.SerializedIdentity, {
    mspid: "OrdererMSP",
    idBytes: Buffer.from(signer.certificate.pem),
  });
  const signatureHeader = encode(common.SignatureHeader, { creator, nonce: Buffer.alloc(24, 1) });
  const signature = signer.sign(Buffer.concat([value, signatureHeader, blockHeaderBytes(of)]));
  return {
    header: encode(common.BlockHeader, { ...of, number: toLong(Number(of.number)) }),
    signatures: encode(common.Metadata, { value, signatures: [{ signatureHeader, signature }] }),
  };
}

const blocks = (...statements: [ReturnType<typeof signedHeader>, ReturnType<typeof signedHeader>]): EvidenceParts => ({
  kind: "blocks",
  channel: "deliveries",
  found,
  statements,
  intermediateCertificates: [],
});

describe("evidence of two histories", () => {
  it("convicts who signed both digests", () => {
    const text = formatEvidence(forked);
    assert.ok(isEvidence(text));
    assert.equal(formatEvidence(parseEvidence(text)), text);
    const verdict = verifyEvidence(text, roots);
    assert.ok(verdict.valid, JSON.stringify(verdict));
    assert.deepEqual(
      [verdict.block, verdict.liars.map(({ name, role }) => [name, role])],
      [4, [["orderer.example.com", "orderer"]]],
    );
    assert.match(
      verdict.proved.join("\n"),
      /two different digests of blocks 0 to 4[\s\S]*orderer\.example\.com .* signed both/,
    );
  });

  it("says that it does not know who lies when nobody signed both", () => {
    const verdict = verifyEvidence(
      formatEvidence(digests(statement(first.digest(4), peer), statement(second.digest(4), orderer))),
      roots,
    );
    assert.ok(verdict.valid, JSON.stringify(verdict));
    assert.deepEqual(verdict.liars, []);
    assert.match(verdict.notProved.join("\n"), /Which of the two is the false one/);
  });

  it("is none when the digests say the same, or nothing about each other", () => {
    rejected(
      digests(statement(first.digest(4), orderer), statement(first.digest(4), orderer)),
      /statements/,
      /the same/,
    );
    rejected(digests(statement(first.digest(4), orderer), statement(first.digest(3), orderer)), /statements/, /extend/);
    rejected(digests(statement(first.digest(4), peer), statement(second.digest(4), peer)), /statements/, /no ordering/);
    const elsewhere = sampleStrand("orders", 6, user).digest(4);
    rejected(digests(statement(first.digest(4), orderer), statement(elsewhere, orderer)), /statements\[1\]/, /channel/);
    rejected({ ...forked, channel: "orders" }, /statements\[0\]\.digest/, /is of channel/);
    const stranger = person(authority("ca.orderer"), "orderer.example.com", "orderer");
    rejected(
      digests(statement(first.digest(4), orderer), statement(second.digest(4), stranger)),
      /certificate/,
      /not signed/,
    );
    rejected(forked, /certificate/, /does not chain/, [roots[1] as string]);
    rejected("{}", /format/, /missing/);
    rejected(formatEvidence(forked).replace('"digests"', '"words"'), /kind/, /there are/);
  });

  it("convicts who signed a block on top of another one than that which it signed", () => {
    const held = header(300, sha256(Buffer.from("before")));
    const next = header(301, sha256(Buffer.from("another block 300")));
    const verdict = verifyEvidence(
      formatEvidence(blocks(signedHeader(held, orderer), signedHeader(next, orderer))),
      roots,
    );
    assert.ok(verdict.valid, JSON.stringify(verdict));
    assert.deepEqual(
      verdict.liars.map(({ name }) => name),
      ["orderer.example.com"],
    );
    assert.match(verdict.notProved.join("\n"), /a block's header does not name it/);

    const other = { ...held, dataHash: sha256(Buffer.from("other data")) };
    const twice = verifyEvidence(
      formatEvidence(blocks(signedHeader(held, orderer), signedHeader(other, orderer))),
      roots,
    );
    assert.ok(twice.valid, JSON.stringify(twice));

    const fitting = header(301, sha256(blockHeaderBytes(held)));
    rejected(blocks(signedHeader(held, orderer), signedHeader(fitting, orderer)), /statements/, /fit each other/);
    rejected(blocks(signedHeader(held, orderer), signedHeader(held, orderer)), /statements/, /the same/);
    const far = header(305, held.previousHash);
    rejected(blocks(signedHeader(held, orderer), signedHeader(far, orderer)), /statements/, /neither the same nor/);
    rejected(
      blocks(signedHeader(held, orderer), signedHeader(next, peer)),
      /statements\[1\]/,
      /not an ordering node's/,
    );
    const spoiled = { ...signedHeader(next, orderer), header: signedHeader(far, orderer).header };
    rejected(blocks(signedHeader(held, orderer), spoiled), /statements\[1\]/, /no signature of/);
  });

  it("convicts nobody else and of nothing else, whichever bit of it is turned", () => {
    const good = formatEvidence(forked);
    const bytes = Buffer.from(good);
    const judged = (text: string) => {
      const verdict = verifyEvidence(text, roots);
      return verdict.valid ? JSON.stringify([verdict.block, verdict.liars]) : "rejected";
    };
    const expected = judged(good);
    let noticed = 0;
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ (1 << (at % 7));
      const outcome = judged(changed.toString());
      if (outcome === "rejected") noticed++;
      else assert.equal(outcome, expected, `byte ${at}`);
    }
    assert.ok(noticed > bytes.length / 7 / 2, `${noticed} changes were noticed`);
  });
});
