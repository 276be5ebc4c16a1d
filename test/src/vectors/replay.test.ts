/**
 * Replays a real channel: fed its blocks as an orderer delivers them, a fresh ledger must come to the verdicts, commit
 * hashes, blocks and state that Fabric's peers came to.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { ConfigError } from "@hansa/channel-config";
import { hashedNamespace, keyFromHash, type Ledger, LedgerError, type StateEntry } from "@hansa/ledger";
import { sha256Hex, toBase64, toHex } from "@hansa/primitives";
import { FileBlockStore, LevelStateStore, MemoryBlockStore, MemoryStateStore } from "@hansa/storage";
import { type BlockParts, blockDataHash, splitBlock, TxValidationCode, txValidationCodeName } from "@hansa/wire";
import { asDelivered, openLedger, Replay, stateOf } from "./replay.js";
import { type Expected, type ExpectedKey, readBlock, readExpected, vectorsMissing } from "./vectors.js";

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

const folder = mkdtempSync(path.join(tmpdir(), "hansa-replay-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const diskStores = async () => ({
  blocks: await FileBlockStore.open(path.join(folder, "blocks")),
  state: await LevelStateStore.open(path.join(folder, "state"), { cacheBytes: 20_000 }),
});

const implementations = {
  memory: async () => ({ blocks: new MemoryBlockStore(), state: new MemoryStateStore() }),
  disk: diskStores,
};

for (const [name, open] of Object.entries(implementations)) {
  describe(`replay of a Fabric 2.5 channel, ${name}`, { skip: vectorsMissing }, () => {
    let expected: Expected;
    let replay: Replay;

    before(async () => {
      expected = readExpected();
      replay = new Replay(await openLedger(expected.channel, await open()));
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

    it("ends with Fabric's public state: keys, values, versions, metadata", () =>
      assertPublicState(replay.ledger, expected));

    it("ends with Fabric's hashed private state, expiry and purge included", () =>
      assertHashedState(replay.ledger, expected));
  });
}

describe("a replayed ledger that is opened again", { skip: vectorsMissing }, () => {
  it("is the same, also when its state has to be made again from the blocks", async () => {
    const expected = readExpected();
    for (const loseState of [false, true]) {
      if (loseState) rmSync(path.join(folder, "state"), { recursive: true });
      const ledger = await openLedger(expected.channel, await diskStores());
      assert.equal(ledger.height, expected.height);
      assert.equal(toHex(ledger.info().currentBlockHash), expected.lastHeaderHash);
      assert.equal(toHex(ledger.lastCommitHash), expected.blocks.at(-1)?.commitHash);
      await assertPublicState(ledger, expected);
      await assertHashedState(ledger, expected);
      await ledger.close();
    }
  });

  it("reads the history of a key out of the blocks", async () => {
    const expected = readExpected();
    const ledger = await openLedger(expected.channel, await diskStores());
    let deletes = 0;
    for (const { key = "", version, value } of expected.state.public.vectors ?? []) {
      const history = ledger.history("vectors", key);
      const newest = await history.next();
      const isMetadataOnly = newest?.version.blockNumber !== version[0];
      if (!isMetadataOnly && value !== undefined)
        assert.equal(toBase64(newest?.value ?? new Uint8Array(0)), value, key);
      for (let older = await history.next(); older !== undefined; older = await history.next()) {
        if (older.isDelete) deletes++;
      }
      await history.close();
    }
    assert.ok(deletes > 0);
    await ledger.close();
  });
});

describe("a block that was tampered with", { skip: vectorsMissing }, () => {
  const flipped = (bytes: Uint8Array, at: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8));
    return copy;
  };

  it("is noticed, byte by byte: by its hashes, or by the verdict if the orderer lies", async () => {
    const { channel, height } = readExpected();
    const stores = { blocks: new MemoryBlockStore(), state: new MemoryStateStore() };
    const replay = new Replay(await openLedger(channel, stores));
    let seed = 1;
    for (let number = 0; number < height; number++) {
      const block = asDelivered(splitBlock(readBlock(number)));
      const { transactions } = await replay.judge(block);
      for (const [index, envelope] of block.envelopes.entries()) {
        seed = (seed * 48_271) % 0x7fff_ffff;
        const at = seed % envelope.length;
        const envelopes = block.envelopes.with(index, flipped(envelope, at));
        await assert.rejects(replay.ledger.commit({ block: { ...block, envelopes }, transactions }), LedgerError);
        if (number === 0 || transactions[index]?.code !== TxValidationCode.VALID) continue;
        const header = { ...block.header, dataHash: blockDataHash(envelopes) };
        assert.notEqual(await codeIn(replay, { ...block, header, envelopes }, index), TxValidationCode.VALID);
      }
      for (const field of ["previousHash", "dataHash"] as const) {
        if (number === 0 && field === "previousHash") continue;
        const header = { ...block.header, [field]: flipped(block.header[field], number % 32) };
        await assert.rejects(replay.ledger.commit({ block: { ...block, header }, transactions }), LedgerError);
      }
      await replay.take(block);
    }
  });
});

async function codeIn(replay: Replay, block: BlockParts, index: number): Promise<number | string | undefined> {
  try {
    return (await replay.judge(block)).transactions[index]?.code;
  } catch (error) {
    if (error instanceof ConfigError) return error.fault;
    throw error;
  }
}

async function assertPublicState(ledger: Ledger, expected: Expected): Promise<void> {
  let count = 0;
  for (const [namespace, keys] of Object.entries(expected.state.public)) {
    const entries = await stateOf(ledger, namespace);
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
}

async function assertHashedState(ledger: Ledger, expected: Expected): Promise<void> {
  let count = 0;
  for (const [namespace, collections] of Object.entries(expected.state.privateHashed)) {
    for (const [collection, keys] of Object.entries(collections)) {
      const entries = await stateOf(ledger, hashedNamespace(namespace, collection));
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
}
