/**
 * Private data beside a replayed channel: fed what an organisation's peer had, a ledger must end with the plain values
 * that this peer returns, and with the sets that it delivers with the blocks.
 *
 * Of four sets the vectors have only what a later purge left of them. They are given here as they were before, which
 * their public hashes prove.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { chaincodeDefinition, mspIdOfImplicitCollection } from "@hansa/endorsement/lifecycle";
import { collectionBlockToLive } from "@hansa/endorsement/validation";
import { Ledger, type PrivateWrites, privateNamespace, privateWritesOf } from "@hansa/ledger";
import { toHex, toUtf8 } from "@hansa/primitives";
import { MemoryBlockStore, MemoryStateStore } from "@hansa/storage";
import { common, decode, encode, kvrwset, rwset, splitBlock } from "@hansa/wire";
import { asDelivered, Replay, stateOf } from "./replay.js";
import { type Expected, readBlock, readExpected, readPrivateData, vectorsMissing } from "./vectors.js";

/** Whether an organisation may hold a collection: its members are among the principals of the collection's policy. */
function holdsAs(mspId: string): PrivateWrites["holds"] {
  return (state, namespace, collection) => {
    const owner = mspIdOfImplicitCollection(collection);
    if (owner !== undefined) return owner === mspId;
    const found = chaincodeDefinition(state, namespace)?.collections.find(({ name }) => name === collection);
    const identities = found?.memberOrgsPolicy?.signaturePolicy?.identities ?? [];
    return identities.some(
      ({ principal }) => decode(common.MSPRole, principal ?? new Uint8Array(0), "MSPRole").mspIdentifier === mspId,
    );
  };
}

/** By block; each is the only set of its block. */
const BEFORE_PURGE: Readonly<Record<number, readonly kvrwset.IKVWrite[]>> = {
  67: [put("q1", "a"), put("q2", "b"), put("q3", "c")],
  73: [{ key: "q2", isDelete: true }],
  82: [put("d1", "x"), put("d2", "y")],
  84: [{ key: "d2", isDelete: true }],
};

function put(key: string, value: string): kvrwset.IKVWrite {
  return { key, value: Buffer.from(value) };
}

/** What the endorsers had left with the peer. */
function atEndorsement(set: rwset.ITxPvtReadWriteSet, number: number): rwset.ITxPvtReadWriteSet {
  const writes = BEFORE_PURGE[number];
  if (writes === undefined) return set;
  const plain = encode(kvrwset.KVRWSet, { writes: [...writes] });
  return {
    nsPvtRwset: set.nsPvtRwset?.map(({ namespace, collectionPvtRwset }) => ({
      namespace,
      collectionPvtRwset: collectionPvtRwset?.map(({ collectionName }) => ({ collectionName, rwset: plain })),
    })),
  };
}

for (const mspId of ["Org1MSP", "Org2MSP"]) {
  describe(`private data of ${mspId}`, { skip: vectorsMissing }, () => {
    let expected: Expected;
    let replay: Replay;

    before(async () => {
      expected = readExpected();
      const byTxId = new Map<string, Uint8Array[]>();
      const find = (txId: string) => byTxId.get(txId) ?? [];
      const blocks = new MemoryBlockStore();
      const state = new MemoryStateStore();
      const ledger = await Ledger.open({
        channelId: expected.channel,
        blocks,
        state,
        blockToLive: collectionBlockToLive,
        privateWrites: { find, holds: holdsAs(mspId) },
      });
      replay = new Replay(ledger);
      for (const { number, transactions } of expected.blocks) {
        for (const [txIndex, set] of readPrivateData(mspId, number)) {
          const txId = transactions[txIndex]?.txid ?? "";
          byTxId.set(txId, [...find(txId), encode(rwset.TxPvtReadWriteSet, atEndorsement(set, number))]);
        }
        await replay.take(asDelivered(splitBlock(readBlock(number))));
      }
    });
    after(async () => replay.ledger.close());

    it("ends with the plain values that the peer returns", async () => {
      for (const [namespace, collections] of Object.entries(expected.private[mspId] ?? {})) {
        for (const [collection, keys] of Object.entries(collections)) {
          const found = await stateOf(replay.ledger, privateNamespace(namespace, collection));
          const plain = found.map(({ key, value }) => ({ key, value: toUtf8(value) }));
          assert.deepEqual(plain, Array.isArray(keys) ? keys : [], `${namespace} ${collection}`);
        }
      }
    });

    it("can read every one of them: values and public hashes have the same version", () => {
      let count = 0;
      for (const [namespace, collections] of Object.entries(expected.private[mspId] ?? {})) {
        for (const [collection, keys] of Object.entries(collections)) {
          if (!Array.isArray(keys)) continue;
          for (const { key, value } of keys) {
            const simulator = replay.ledger.simulator("tx");
            assert.equal(toUtf8(simulator.getPrivateData(namespace, collection, key) ?? new Uint8Array(0)), value);
            simulator.done();
            count++;
          }
        }
      }
      assert.ok(count > 5);
    });

    it("keeps the sets that the peer delivers with its blocks", async () => {
      for (const { number } of expected.blocks) {
        const kept = await privateWritesOf(replay.ledger.state, number);
        const sets = readPrivateData(mspId, number);
        assert.deepEqual([...kept.keys()], [...sets.keys()].sort(), `block ${number}`);
        for (const [txIndex, set] of sets) {
          const found = toHex(kept.get(txIndex) ?? new Uint8Array(0));
          assert.equal(found, toHex(encode(rwset.TxPvtReadWriteSet, set)), `block ${number}, transaction ${txIndex}`);
        }
      }
    });
  });
}
