/** Explanations of all that a real Fabric channel held invalid. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { ChannelConfig } from "@hansa/channel-config";
import { Explainer, type Explanation } from "@hansa/endorsement/explain";
import { collectionBlockToLive } from "@hansa/endorsement/validation";
import { Ledger } from "@hansa/ledger";
import { MemoryBlockStore, MemoryStateStore } from "@hansa/storage";
import { readEnvelope, splitBlock, TxValidationCode, txValidationCodeName } from "@hansa/wire";
import { checkBlock } from "../committer/intake.js";
import { createJudge } from "../judge.js";
import { NO_VECTORS, vector, vectorsFolder } from "../testing/vectors.js";

const BLOCKS = 146;

describe("explaining a recorded channel", { skip: vectorsFolder() === undefined && NO_VECTORS }, () => {
  let explainer: Explainer;
  const invalid: { block: number; index: number; code: number }[] = [];

  before(async () => {
    let config = ChannelConfig.fromBlock(vector("0.block"));
    const { channelId } = config;
    const stores = { blocks: new MemoryBlockStore(), state: new MemoryStateStore() };
    const ledger = await Ledger.open({ channelId, ...stores, blockToLive: collectionBlockToLive });
    const judge = createJudge(channelId);
    for (let number = 0; number < BLOCKS; number++) {
      const bytes = vector(`${number}.block`);
      const previousHash = ledger.info().currentBlockHash;
      const verdict = checkBlock(bytes, { next: number, previousHash }, config);
      const judged =
        number > 0 && verdict.kind === "accepted"
          ? await judge.judge(verdict.block, config, ledger)
          : await judge.genesis(bytes, ledger);
      config = judged.config;
      const { codes } = await ledger.commit({ block: splitBlock(bytes), transactions: judged.transactions });
      for (const [index, code] of codes.entries()) {
        if (code !== TxValidationCode.VALID) invalid.push({ block: number, index, code });
      }
    }
    explainer = new Explainer({
      channelId,
      blocks: ledger.blocks,
      state: ledger.state,
      history: (namespace, key) => ledger.history(namespace, key),
      config: () => config,
      holds: () => false,
    });
  });

  const explained = async (block: number, index: number): Promise<Explanation> => {
    const [explanation] = await explainer.explainBlock(block, [index]);
    assert.ok(explanation !== undefined);
    return explanation;
  };

  it("finds the reason of each invalid transaction, without a doubt", async () => {
    assert.equal(invalid.length, 56);
    const vague = /they would|do not show|too far back|gives other results than/;
    for (const { block, index, code } of invalid) {
      const { findings, advice, notes, summary, ...rest } = await explained(block, index);
      assert.equal(rest.code, txValidationCodeName(code));
      assert.doesNotMatch(summary, vague, `block ${block}, transaction ${index}`);
      assert.ok(findings.length > 0 && advice.length > 0);
      assert.deepEqual(notes, []);
      const expected: Partial<Record<number, string>> = { 10: "policy", 11: "read conflict", 12: "range conflict" };
      assert.equal(findings[0]?.kind, expected[code] ?? "fact");
    }
  });

  const summaries: readonly [block: number, index: number, RegExp][] = [
    [
      54,
      0,
      /policy of chaincode vectors is not satisfied: peer0\.org1\S+ of Org1MSP signed; missing: a peer of Org2MSP/,
    ],
    [59, 0, /The policy of key "guarded" of vectors is not satisfied: no signature counts; missing: a peer of Org1MSP/],
    [60, 1, /changed by block 60, transaction 0 of the same block/],
    [75, 0, /private key with SHA-256 8b5cc4df7eec7d32… in collection brief .* had lived its blockToLive/],
    [85, 0, /policy of collection _implicit_org_Org1MSP of vectors/],
    [
      91,
      2,
      /"alpha" .* block 46, transaction 0 had left it; block 91, transaction 0 \(the same block\) had written it/,
    ],
    [95, 0, /"by-admin" .* block 94, transaction 0 had deleted it/],
    [
      97,
      0,
      /range from "row-" to "row-~" of vectors .* key "row-0005" of vectors: block 96, transaction 0 had written it/,
    ],
    [100, 1, /range from "big-" to "big-~" .* probably because of key "big-050" of vectors: block 100, transaction 0/],
    [109, 1, /It is in block 109, transaction 0/],
    [113, 0, /Invalid Epoch in ChannelHeader: 1/],
    [114, 2, /Proposal hash does not match/],
    [116, 3, /calls chaincode "vectors", but its results are of "vecor"/],
    [117, 3, /the key never was as that says/],
    [130, 0, /The definition of chaincode vectors was read as block 5.* block 129, transaction 0 had written it/],
  ];
  for (const [block, index, expected] of summaries) {
    it(`says of block ${block}, transaction ${index}: ${expected.source.slice(0, 60)}…`, async () => {
      assert.match((await explained(block, index)).summary, expected);
    });
  }

  it("finds each transaction under its id", async () => {
    const [{ block, index } = { block: 0, index: 0 }] = invalid;
    const { header } = splitBlock(vector(`${block}.block`));
    assert.equal(Number(header.number), block);
    const envelope = splitBlock(vector(`${block}.block`)).envelopes[index];
    assert.ok(envelope !== undefined);
    const { txId } = readEnvelope(envelope).channelHeader;
    assert.deepEqual(await explainer.explain(txId), await explained(block, index));
  });
});
