/**
 * Files of a stopped network are cut or changed, and it is started again. What a crash can leave is mended and said;
 * anything else ends the start with one clear error that names the file, and touches nothing else.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type NetworkFile, type PeerLedger, startNetwork } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import { temporaryFolder } from "../support/folder.js";
import { repositoryRoot } from "../support/paths.js";

const source: NetworkFile = {
  network: "stores",
  members: [{ name: "Alpha" }],
  channels: [{ name: "trade" }],
  contracts: [{ name: "bench", channel: "trade", path: path.join(repositoryRoot, "test/contracts/bench") }],
};
const { folder, remove } = temporaryFolder();
const original = path.join(folder, "original");
const KEYS = 5;
let ledger: PeerLedger;

before(async () => {
  const network = await startNetwork(source, { mode: "inline", dataFolder: original });
  const contract = network.member("Alpha").gateway().getNetwork("trade").getContract("bench");
  for (let key = 0; key < KEYS; key++) await contract.submitTransaction("create", `k${key}`, `v${key}`);
  [ledger] = (await network.ledgers("trade")) as [PeerLedger];
  await network.stop();
});
after(remove);

type Damage = (file: string) => void;

const cutBy =
  (bytes: number): Damage =>
  (file) => {
    const content = readFileSync(file);
    writeFileSync(file, content.subarray(0, Math.max(0, content.length - bytes)));
  };
const flipAt =
  (share: number): Damage =>
  (file) => {
    const content = readFileSync(file);
    const at = Math.floor((content.length - 1) * share);
    content[at] = content[at]! ^ 0x10;
    writeFileSync(file, content);
  };
const gone: Damage = (file) => rmSync(file, { recursive: true });
const append =
  (text: string): Damage =>
  (file) =>
    writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.from(text)]));
const set =
  (text: string): Damage =>
  (file) =>
    writeFileSync(file, text);

const JOURNAL = /orderer\/journal\/[^/]+\/blocks$/;
const JOURNAL_OFFSETS = /orderer\/journal\/[^/]+\/offsets$/;
const STRAND = /orderer\/journal\/[^/]+\/strand.json$/;
const SEGMENT = /peer0.alpha\/channels\/trade\/blocks\/000000.blocks$/;
const BLOCK_OFFSETS = /peer0.alpha\/channels\/trade\/blocks\/offsets$/;
const BLOCK_TRANSACTIONS = /peer0.alpha\/channels\/trade\/blocks\/transactions$/;
const STATE_LOG = /peer0.alpha\/channels\/trade\/state\/\d+\.log$/;
const REGISTRY = /ca.alpha\/registry.jsonl$/;
const CA_KEYS = /ca.alpha\/keys.json$/;
const PASSPHRASE = /ca.alpha\/passphrase$/;
const STATE_FILE = /^state.json$/;
const NETWORK_FILE = /^network.json$/;
const ORDERER_KEY = /orderer.example.com\/msp\/keystore\/priv_sk$/;
const PEER_CERTIFICATE = /peers\/peer0.alpha.example.com\/msp\/signcerts\/.*-cert.pem$/;
const PEER_TLS_KEY = /peers\/peer0.alpha.example.com\/tls\/server.key$/;

/** What a crash can leave, or what can be made again from what is left. */
const mended: readonly [string, RegExp, Damage][] = [
  ["a torn tail of the journal that nobody was told of", JOURNAL, append("HJRNtorn")],
  ["lost offsets of the journal", JOURNAL_OFFSETS, gone],
  ["a torn tail of the block file that nobody was told of", SEGMENT, append("torn tail")],
  ["lost offsets of the block file", BLOCK_OFFSETS, gone],
  ["a lost index of transactions", BLOCK_TRANSACTIONS, gone],
  ["a torn line at the end of the registry", REGISTRY, append('[{"kind":"iden')],
  ["a torn tail of the state's log", STATE_LOG, cutBy(20)],
];

/** What must not be guessed. The error's code, and what its message must name. */
const refused: readonly [string, RegExp, Damage, codes: readonly string[], message: RegExp][] = [
  ["a changed byte in the journal", JOURNAL, flipAt(0.4), ["DAMAGED"], /block \d+.*blocks, byte \d+/],
  ["a journal shorter than it was", JOURNAL, cutBy(3_000), ["DAMAGED"], /block \d+.*blocks, byte \d+/],
  ["a strand's description gone bad", STRAND, set("{"), ["JOURNAL_UNREADABLE"], /strand.json/],
  ["a changed byte in a block file's end", SEGMENT, flipAt(0.99), ["STORE_CORRUPT"], /000000.blocks/],
  ["a block file shorter than it was", SEGMENT, cutBy(3_000), ["STORE_CORRUPT"], /000000.blocks/],
  ["a block file that is gone", SEGMENT, gone, ["STORE_CORRUPT"], /000000.blocks/],
  ["a changed line in the registry", REGISTRY, flipInFirstLine, ["CORRUPT_STORE"], /registry.jsonl line 1/],
  [
    "a registry whose last whole line is damaged",
    REGISTRY,
    damageLastLine,
    ["CORRUPT_STORE"],
    /registry.jsonl line \d+/,
  ],
  ["damaged CA keys", CA_KEYS, set("{}"), ["CORRUPT_STORE"], /keys.json/],
  ["CA keys that are gone", CA_KEYS, gone, ["CORRUPT_STORE"], /ca.alpha has a registry but no keys.json/],
  ["a registry that is gone", REGISTRY, gone, ["CORRUPT_STORE"], /registry.jsonl is gone/],
  ["another passphrase", PASSPHRASE, set("wrong"), ["WRONG_PASSPHRASE"], /./],
  ["a state file that is none", STATE_FILE, set("{"), ["CORRUPT_STORE"], /state.json/],
  ["a state file with other content", STATE_FILE, set('{"format":9}'), ["CORRUPT_STORE"], /state.json/],
  ["a network record that is none", NETWORK_FILE, set("nonsense"), ["CORRUPT_STORE"], /network.json/],
  ["a signing key that is gone", ORDERER_KEY, gone, ["MISSING_IDENTITY"], /priv_sk/],
  ["a certificate that is none", PEER_CERTIFICATE, set("not a certificate"), ["MISSING_IDENTITY"], /peer0.alpha/],
  ["a TLS key that is gone", PEER_TLS_KEY, gone, ["MISSING_IDENTITY"], /server.key/],
];

function flipInFirstLine(file: string): void {
  const content = readFileSync(file);
  content[0] = 0x7b;
  writeFileSync(file, content);
}

function damageLastLine(file: string): void {
  const content = readFileSync(file);
  const start = content.lastIndexOf("\n", content.length - 2) + 1;
  content[start] = 0x7b;
  writeFileSync(file, content);
}

function filesOf(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}

/** SHA-256 of every file that a failed start has no business with. */
function contentsOf(root: string): Map<string, string> {
  const churn = /^logs\/|\/state\/|child-guard|\/chaincodes\/logs\/|\.sock$|lock/i;
  return new Map(
    filesOf(root)
      .filter((file) => !churn.test(file))
      .map((file) => [
        file,
        createHash("sha256")
          .update(readFileSync(path.join(root, file)))
          .digest("hex"),
      ]),
  );
}

/** A copy of the network with one file damaged. */
function damaged(name: string, pattern: RegExp, damage: Damage): { dataFolder: string; root: string; file: string } {
  const dataFolder = path.join(folder, name.replace(/\W+/g, "-"));
  cpSync(original, dataFolder, { recursive: true });
  const root = path.join(dataFolder, "stores");
  const file = filesOf(root).find((each) => pattern.test(each));
  assert(file !== undefined, `no file is like ${pattern}`);
  damage(path.join(root, file));
  return { dataFolder, root, file };
}

async function expectWhole(dataFolder: string): Promise<void> {
  const network = await startNetwork(source, { mode: "inline", dataFolder });
  try {
    const contract = network.member("Alpha").gateway().getNetwork("trade").getContract("bench");
    for (let key = 0; key < KEYS; key++)
      assert.equal(Buffer.from(await contract.evaluateTransaction("read", `k${key}`)).toString(), `v${key}`);
    assert.deepEqual(await network.ledgers("trade"), [ledger]);
    await contract.submitTransaction("create", "later", "value");
  } finally {
    await network.stop();
  }
}

describe("a stopped network mends", () => {
  for (const [name, pattern, damage] of mended)
    it(name, async () => {
      const { dataFolder } = damaged(name, pattern, damage);
      await expectWhole(dataFolder);
      rmSync(dataFolder, { recursive: true });
    });
});

describe("a stopped network is not started over", () => {
  for (const [name, pattern, damage, codes, message] of refused)
    it(name, async () => {
      const { dataFolder, root, file } = damaged(name, pattern, damage);
      const before = contentsOf(root);
      const error = await startNetwork(source, { mode: "inline", dataFolder }).then(
        async (network) => {
          await network.stop();
          assert.fail(`it started in spite of ${name}`);
        },
        (reason: unknown) => reason,
      );
      assert(error instanceof HansaError, String(error instanceof Error ? error.stack : error));
      assert(codes.includes(error.code), `${error.code}: ${error.message}`);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n\s+at /);
      assert(error.nextStep !== undefined, `${error.code} says what to do`);
      assert.deepEqual(contentsOf(root), before);
      cpSync(path.join(original, "stores", file), path.join(root, file));
      await expectWhole(dataFolder);
      rmSync(dataFolder, { recursive: true });
    });
});

describe("a network's files", () => {
  it("keep keys and data from other users of the machine", () => {
    const root = path.join(original, "stores");
    const secret = /keystore\/|\.key$|keys.json$|passphrase$|\.secret$/;
    for (const file of filesOf(root).filter((each) => secret.test(each)))
      assert.equal(statSync(path.join(root, file)).mode & 0o077, 0, file);
    for (const node of readdirSync(path.join(root, "nodes")).filter((name) => name.startsWith("peer")))
      assert.equal(statSync(path.join(root, "nodes", node)).mode & 0o077, 0, `nodes/${node}`);
  });
});
