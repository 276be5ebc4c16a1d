/** The commands about proofs with wrong files, places and options: a sentence, a next step, an honest exit code. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, describe, it } from "node:test";
import { authority, person, sampleStrand } from "@hansa/journal/testing";
import { formatEvidence, formatReceipt } from "@hansa/journal/verify";
import { temporaryFolder } from "../support/folder.js";
import { hansa } from "../support/hansa-command.js";

const { folder, remove } = temporaryFolder();
after(remove);
// Any will do; without them the AWS SDK looks for some on the network first.
process.env.AWS_ACCESS_KEY_ID ??= "test";
process.env.AWS_SECRET_ACCESS_KEY ??= "test";

const ca = authority("ca.orderer");
const orderer = person(ca, "orderer.example.com", "orderer");
const strand = sampleStrand("deliveries", 5, person(authority("ca.pub"), "User1", "client"));
const good = strand.receipt(3, 2, 4, [orderer]);
const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
write("good.json", formatReceipt(good));
const other = sampleStrand("deliveries", 5, person(authority("ca.pub"), "User1", "client"));
const signed = (digest: Uint8Array) => ({
  digest,
  signatures: [{ certificate: orderer.certificate.raw, signature: orderer.sign(digest) }],
});
const evidence = (second: Uint8Array) =>
  formatEvidence({
    kind: "digests",
    channel: "deliveries",
    found: { by: "peer0.pub", at: "2026-06-01T00:00:00.000Z", source: "127.0.0.1:7050" },
    statements: [signed(strand.digest(4)), signed(second)],
    intermediateCertificates: [],
  });
write("evidence.json", evidence(other.digest(4)));
write("no-evidence.json", evidence(strand.digest(4)));
write("other-place.json", formatReceipt({ ...good, entry: 1 }));
write("nonsense.json", "{ not json");
write("root.pem", ca.certificate.pem);
write("no-root.pem", "nothing");
mkdirSync(path.join(folder, "msp/cacerts"), { recursive: true });
write("msp/cacerts/ca.pem", ca.certificate.pem);
mkdirSync(path.join(folder, "empty"));

const cases: readonly [string, args: string[], exit: number, said: RegExp][] = [
  [
    "a receipt that holds",
    ["verify", "good.json", "--roots", "root.pem"],
    0,
    /holds\. It proves:[\s\S]*It does not prove:/,
  ],
  ["roots in an MSP folder", ["verify", "good.json", "--roots", "msp"], 0, /an ordering node certified by ca\.orderer/],
  ["a receipt for another place", ["verify", "other-place.json", "--roots", "root.pem"], 31, /does not hold: log /],
  ["a file that is no receipt", ["verify", "nonsense.json", "--roots", "root.pem"], 31, /the file is no JSON/],
  ["a receipt without roots", ["verify", "good.json"], 2, /nobody vouches[\s\S]*--roots/],
  ["roots that are none", ["verify", "good.json", "--roots", "no-root.pem"], 2, /no certificate/],
  ["roots that are not there", ["verify", "good.json", "--roots", "nowhere"], 2, /no file or folder/],
  ["a receipt that is not there", ["verify", "absent.json", "--roots", "root.pem"], 2, /cannot be read/],
  ["a receipt from no network", ["receipt", "abc"], 5, /no network/],
  ["an export that is not there", ["journal", "verify-export", "empty"], 31, /no finished export/],
  ["a bucket without a name", ["journal", "verify-export", "s3://"], 2, /names no bucket/],
  [
    "a bucket whose service does not answer",
    ["journal", "verify-export", "s3://backup/x", "--endpoint", "http://127.0.0.1:1"],
    34,
    /s3:\/\/backup\/x\/ cannot be listed: .*ECONNREFUSED/,
  ],
  ["a place without a name", ["journal", "verify-export", ""], 2, /place has no name/],
  ["an import to nowhere", ["journal", "import", "empty"], 2, /--into/],
  ["an import of nothing", ["journal", "import", "empty", "--into", "fresh"], 31, /no finished export/],
  ["a format that is unknown", ["journal", "export", "out", "--format", "xml"], 2, /ion, ion-binary, json/],
  [
    "evidence that holds",
    ["verify", "evidence.json", "--roots", "root.pem"],
    0,
    /orderer\.example\.com .* signed both/,
  ],
  ["evidence of nothing", ["verify", "no-evidence.json", "--roots", "root.pem"], 31, /statements say the same/],
  ["a stream to a nameless webhook", ["journal", "stream", "https://x/hook"], 2, /--position/],
  [
    "a stream that ends before it begins",
    ["journal", "stream", "out", "--from", "9", "--until", "3"],
    2,
    /comes after/,
  ],
  ["a stream from no network", ["journal", "stream", "out.ndjson"], 5, /no network/],
  ["a stream in an unknown format", ["journal", "stream", "out.ndjson", "--format", "xml"], 2, /ion, ion-binary, json/],
  ["a group without a command", ["journal"], 2, /journal digest/],
];

describe("commands about proofs", () => {
  for (const [name, args, exit, said] of cases) {
    it(`answer ${name}`, async () => {
      const outcome = await hansa(folder, ...args);
      assert.equal(outcome.exit, exit, outcome.stdout + outcome.stderr);
      assert.match(outcome.stdout + outcome.stderr, said);
      assert.doesNotMatch(outcome.stderr, /\n\s+at /);
    });
  }

  it("give the same as JSON", async () => {
    const { stdout } = await hansa(folder, "verify", "good.json", "--roots", "root.pem", "--json");
    const verdict = JSON.parse(stdout) as { valid: boolean; block: number; signers: unknown[] };
    assert.deepEqual([verdict.valid, verdict.block, verdict.signers.length], [true, 3, 1]);
    const failed = await hansa(folder, "verify", "other-place.json", "--roots", "root.pem", "--json");
    assert.equal((JSON.parse(failed.stdout) as { error: { code: string } }).error.code, "PROOF_INVALID");
  });
});
