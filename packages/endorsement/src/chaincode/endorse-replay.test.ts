import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { privateNamespace } from "@hansa/ledger";
import type { UnixMs } from "@hansa/primitives";
import { kvrwset, msp, protos, type rwset } from "@hansa/wire";
import {
  hasAllPrivateWrites,
  skipVectors,
  type VectorChannel,
  type VectorTransaction,
} from "./testing/vector-channel.js";
import { proposalOf, vectorPeer } from "./testing/vector-peer.js";

/** The transient data that a transaction of the contract came with, as far as its private writes tell. */
function transientOf(
  name: string,
  writes: rwset.TxPvtReadWriteSet.$Properties | undefined,
  channel: VectorChannel,
): Record<string, Uint8Array> {
  const transient: Record<string, Uint8Array> = {};
  for (const { namespace, collectionPvtRwset } of writes?.nsPvtRwset ?? []) {
    if (namespace === "_lifecycle") continue;
    for (const { collectionName, rwset: bytes } of collectionPvtRwset ?? []) {
      for (const { key, value } of kvrwset.KVRWSet.decode(bytes!).writes) {
        if (name === "putPrivateMany") transient[key!] = value!;
        else if (name === "appendPrivate") {
          const before = channel.state.get(privateNamespace(namespace!, collectionName!), key!)?.value.length ?? 0;
          transient.value = value!.subarray(before);
        } else transient.value = value!;
      }
    }
  }
  return transient;
}

/** Valid transactions that no peer can endorse so, and why. */
const NOT_REPEATABLE: ReadonlyMap<string, string> = new Map([
  ["48/0", "its transient data left no trace"],
  ["106/1", "made by hand"],
  ["116/4", "made by hand"],
  ["118/0", "made by hand"],
]);

describe("endorsing what a real channel's peers endorsed", { skip: skipVectors }, () => {
  for (const [mspId, expectedCount] of [
    ["Org1MSP", 116],
    ["Org2MSP", 114],
  ] as const) {
    it(`gives the same bytes as the peer of ${mspId}`, async () => {
      const { channel, endorser } = vectorPeer(mspId, Date.parse("2026-11-21T04:48:00Z") as UnixMs);
      let repeated = 0;
      while (channel.height < 146) {
        const privateWrites = channel.nextPrivateWrites();
        for (const tx of channel.nextTransactions()) {
          const where = `${channel.height}/${tx.index}`;
          const { name, needsTransient } = functionOf(tx);
          const writes = privateWrites.get(tx.index);
          if (tx.code !== 0 || NOT_REPEATABLE.has(where)) continue;
          if (needsTransient && !hasAllPrivateWrites(tx, writes)) continue;
          const signed = proposalOf(tx, transientOf(name, writes, channel));
          const response = await endorser.process(signed);
          if (name === "ApproveChaincodeDefinitionForMyOrg" && !sameOrg(tx, mspId)) {
            assert.match(response.response?.message ?? "", /expected MSP ID Org\dMSP, received Org\dMSP/);
            continue;
          }
          assert.equal(response.response?.message ?? "", "", `${where} ${name}`);
          assert.deepEqual(Buffer.from(response.payload ?? []), Buffer.from(tx.responsePayload), `${where} ${name}`);
          assert.equal(response.version, 1);
          repeated += 1;
        }
        await channel.commitNext();
      }
      assert.equal(repeated, expectedCount);
    });
  }
});

function functionOf(tx: VectorTransaction): { name: string; needsTransient: boolean } {
  const { input } = protos.ChaincodeProposalPayload.decode(tx.proposalPayload);
  const args = protos.ChaincodeInvocationSpec.decode(input).chaincodeSpec?.input?.args ?? [];
  const name = Buffer.from(args[0] ?? []).toString();
  return { name, needsTransient: ["putPrivate", "putPrivateMany", "putBoth", "appendPrivate"].includes(name) };
}

function sameOrg(tx: VectorTransaction, mspId: string): boolean {
  return msp.SerializedIdentity.decode(tx.creator).mspid === mspId;
}
