/**
 * Replays a real channel: fed its blocks as an orderer delivers them, a fresh ledger must come to the verdicts, commit
 * hashes, blocks and state that Fabric's peers came to.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ChannelConfig } from "@hansa/channel-config";
import { BlockValidator, collectionBlockToLive } from "@hansa/endorsement/validation";
import { type CommittedBlock, hashedNamespace, keyFromHash, Ledger, type StateEntry } from "@hansa/ledger";
import { sha256Hex, toBase64, toHex } from "@hansa/primitives";
import { MemoryBlockStore, MemoryStateStore } from "@hansa/storage";
import { type BlockParts, METADATA, splitBlock, txValidationCodeName } from "@hansa/wire";
import { type Expected, type ExpectedKey, readBlock, readExpected, vectorsMissing } from "./vectors.js";

/** Without what a peer adds. */
function asDelivered(block: BlockParts): BlockParts {
  const metadata = block.metadata.map((entry, index) =>
    index === METADATA.TRANSACTIONS_FILTER || index === METADATA.COMMIT_HASH ? new Uint8Array(0) : entry,
  );
  return { ...block, metadata };
}

async function openLedger(channelId: string): Promise<Ledger> {
  return Ledger.open({
    channelId,
    blocks: new MemoryBlockStore(),
    state: new MemoryStateStore(),
    blockToLive: collectionBlockToLive,
  });
}

class Replay {
  readonly ledger: Ledger;
  readonly committed: CommittedBlock[] = [];
  readonly #validator: BlockValidator;
  #config: ChannelConfig | undefined;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
    this.#validator = new BlockValidator(ledger.channelId);
  }

  async take(block: BlockParts): Promise<CommittedBlock> {
    const { transactions, config } = await this.#validator.validate(block, {
      config: this.#config,
      state: this.ledger.state,
      isKnown: (txId) => this.ledger.find(txId) !== undefined,
    });
    const committed = await this.ledger.commit({ block, transactions });
    this.#config = config;
    this.committed.push(committed);
    return committed;
  }
}

async function stateOf(ledger: Ledger, namespace: string): Promise<StateEntry[]> {
  const entries: StateEntry[] = [];
  const cursor = ledger.state.range(namespace, "", "");
  for (let page = await cursor.next(50); page.length > 0; page = await cursor.next(50)) entries.push(...page);
  return entries;
}

function comparable(entry: StateEntry, expected: ExpectedKey | undefined) {
  const value =
    expected?.valueSha256 === undefined ? { value: toBase64(entry.value) } : { valueSha256: sha256Hex(entry.value) };
  return {
    ...value,
    version: [entry.version.blockNumber, entry.version.txIndex],
    ...(entry.metadata === undefined ? {} : { metadata: toBase64(entry.metadata) }),
  };
}

function expectedPart({ value, valueSha256, version, metadata }: ExpectedKey) {
  return {
    ...(valueSha256 === undefined ? { value } : { valueSha256 }),
    version,
    ...(metadata === undefined ? {} : { metadata }),
  };
}

describe("replay of a Fabric 2.5 channel", { skip: vectorsMissing }, () => {
  let expected: Expected;
  let replay: Replay;

  before(async () => {
    expected = readExpected();
    replay = new Replay(await openLedger(expected.channel));
    for (let number = 0; number < expected.height; number++) {
      await replay.take(asDelivered(splitBlock(readBlock(number))));
    }
  });
  after(async () => replay.ledger.close());

  it("gives every transaction Fabric's validation code", () => {
    const differences: string[] = [];
    for (const block of expected.blocks) {
      const codes = replay.committed[block.number]?.codes ?? new Uint8Array(0);
      assert.equal(codes.length, block.transactions.length);
      for (const [index, { code, note }] of block.transactions.entries()) {
        const found = codes[index] ?? -1;
        if (found === code) continue;
        differences.push(
          `${block.number}.${index}: ${txValidationCodeName(found)}, expected ${txValidationCodeName(code)}: ${note}`,
        );
      }
    }
    assert.deepEqual(differences, []);
  });

  it("comes to Fabric's commit hash after every block", () => {
    for (const { number, commitHash } of expected.blocks) {
      assert.equal(
        toHex(replay.committed[number]?.commitHash ?? new Uint8Array(0)),
        commitHash ?? "",
        `block ${number}`,
      );
    }
  });

  it("stores every block byte for byte as Fabric's peers deliver it", async () => {
    for (let number = 0; number < expected.height; number++) {
      const stored = await replay.ledger.blocks.read(number);
      assert.ok(stored !== undefined && readBlock(number).equals(stored), `block ${number}`);
    }
    assert.equal(toHex(replay.ledger.info().currentBlockHash), expected.lastHeaderHash);
  });

  it("finds every transaction by its id, the first of those that share one", () => {
    const first = new Map<string, readonly [number, number, number]>();
    for (const { number, transactions } of expected.blocks) {
      for (const [index, { txid, code }] of transactions.entries()) {
        if (txid !== "" && !first.has(txid)) first.set(txid, [number, index, code]);
      }
    }
    for (const [txid, [blockNumber, txIndex, code]] of first) {
      assert.deepEqual(replay.ledger.find(txid), { blockNumber, txIndex, code }, txid);
    }
  });

  it("ends with Fabric's public state: keys, values, versions, metadata", async () => {
    let count = 0;
    for (const [namespace, keys] of Object.entries(expected.state.public)) {
      const entries = await stateOf(replay.ledger, namespace);
      assert.deepEqual(
        entries.map(({ key }) => key),
        keys.map(({ key }) => key),
        `keys of "${namespace}"`,
      );
      for (const [index, key] of keys.entries()) {
        assert.deepEqual(comparable(entries[index] as StateEntry, key), expectedPart(key), `"${namespace}" ${key.key}`);
      }
      count += keys.length;
    }
    assert.equal(count, 193);
  });

  it("ends with Fabric's hashed private state, expiry and purge included", async () => {
    let count = 0;
    for (const [namespace, collections] of Object.entries(expected.state.privateHashed)) {
      for (const [collection, keys] of Object.entries(collections)) {
        const entries = await stateOf(replay.ledger, hashedNamespace(namespace, collection));
        const hashes = keys.map(({ keyHash }) => keyFromHash(Buffer.from(keyHash ?? "", "hex")));
        assert.deepEqual(
          entries.map(({ key }) => key),
          hashes,
          `keys of ${namespace} ${collection}`,
        );
        for (const [index, key] of keys.entries()) {
          const value = Buffer.from(key.valueHash ?? "", "hex").toString("base64");
          const found = comparable(entries[index] as StateEntry, key);
          assert.deepEqual(found, expectedPart({ ...key, value }), `${namespace} ${collection} ${key.keyHash}`);
        }
        count += keys.length;
      }
    }
    assert.equal(count, 88);
  });
});
