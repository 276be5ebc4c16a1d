/** qscc and cscc as applications ask them: through the gateway, like any contract. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { GatewayError, StatusCode } from "@hyperledger/fabric-gateway";
import { common, peer } from "@hyperledger/fabric-protos";
import { BOTH, CHANNEL, type Fixture, failureOf, saying, text } from "./fixture.js";

export function systemChaincodes(fixture: () => Fixture): void {
  const ask = (chaincode: string, name: string, ...args: (string | Uint8Array)[]) =>
    fixture()
      .contract(chaincode)
      .evaluateTransaction(name, ...args);
  const info = async () => common.BlockchainInfo.deserializeBinary(await ask("qscc", "GetChainInfo", CHANNEL));
  const block = async (name: string, by: string | Uint8Array) =>
    common.Block.deserializeBinary(await ask("qscc", name, CHANNEL, by));

  describe("qscc", () => {
    it("tells the height and the newest hashes of a channel", async () => {
      const { blockNumber } = await committed();
      const now = await info();
      assert.ok(BigInt(now.getHeight()) > blockNumber);
      const newest = await block("GetBlockByNumber", String(now.getHeight() - 1));
      assert.equal(newest.getHeader()!.getPreviousHash_asB64(), now.getPreviousblockhash_asB64());
    });

    it("finds a block by number, by hash and by transaction", async () => {
      const { transactionId, blockNumber } = await committed();
      const byNumber = await block("GetBlockByNumber", blockNumber.toString());
      const next = await block("GetBlockByNumber", (await follower(blockNumber)).toString());
      const byHash = await block("GetBlockByHash", next.getHeader()!.getPreviousHash_asU8());
      const byTransaction = await block("GetBlockByTxID", transactionId);
      for (const found of [byHash, byTransaction])
        assert.ok(Buffer.from(found.serializeBinary()).equals(Buffer.from(byNumber.serializeBinary())));
      assert.equal(BigInt(byNumber.getHeader()!.getNumber()), blockNumber);
      const data = createHash("sha256");
      for (const envelope of byNumber.getData()!.getDataList_asU8()) data.update(envelope);
      assert.equal(byNumber.getHeader()!.getDataHash_asB64(), data.digest("base64"));
    });

    it("finds a transaction with its verdict", async () => {
      const { transactionId } = await committed();
      const found = peer.ProcessedTransaction.deserializeBinary(
        await ask("qscc", "GetTransactionByID", CHANNEL, transactionId),
      );
      assert.equal(found.getValidationcode(), StatusCode.VALID);
      const payload = common.Payload.deserializeBinary(found.getTransactionenvelope()!.getPayload_asU8());
      const header = common.ChannelHeader.deserializeBinary(payload.getHeader()!.getChannelHeader_asU8());
      assert.equal(header.getTxId(), transactionId);
    });

    it("says what it does not find", async () => {
      const refusal = async (...[name, ...args]: [string, ...string[]]) =>
        saying(await failureOf(ask("qscc", name, ...args), GatewayError));
      const nowhere = "0".repeat(64);
      assert.equal(
        await refusal("GetTransactionByID", CHANNEL, nowhere),
        `evaluate call to endorser returned error: chaincode response 500, Failed to get transaction with id ${nowhere}, error no such transaction ID [${nowhere}] in index`,
      );
      assert.match(
        await refusal("GetBlockByNumber", CHANNEL, "999999"),
        /Failed to get block number 999999, error no such block number \[999999\] in index/,
      );
      assert.match(
        await refusal("GetBlockByNumber", CHANNEL, "many"),
        /Failed to parse block number with error strconv\.ParseUint: parsing "many": invalid syntax/,
      );
      assert.match(await refusal("GetChainInfo", "elsewhere"), /Invalid chain ID, elsewhere/);
      assert.match(await refusal("GetEverything", CHANNEL, "x"), /Unmapped policy for qscc\/GetEverything/);
    });
  });

  describe("cscc", () => {
    it("gives the channel's configuration", async () => {
      const config = common.Config.deserializeBinary(await ask("cscc", "GetChannelConfig", CHANNEL));
      assert.deepEqual([...config.getChannelGroup()!.getGroupsMap().keys()].sort(), ["Application", "Orderer"]);
      const genesis = common.Block.deserializeBinary(await ask("cscc", "GetConfigBlock", CHANNEL));
      assert.equal(genesis.getHeader()!.getNumber(), 0);
    });

    it("names the peer's channels", async () => {
      const channels = peer.ChannelQueryResponse.deserializeBinary(await ask("cscc", "GetChannels"));
      assert.deepEqual(
        channels.getChannelsList().map((channel) => channel.getChannelId()),
        [CHANNEL],
      );
    });
  });

  /** Commits something and tells where. */
  const committed = async () => {
    const commit = await fixture()
      .contract(BOTH)
      .submitAsync("put", { arguments: [fixture().key(), "value"] });
    const status = await commit.getStatus();
    assert.equal(status.code, StatusCode.VALID, text(commit.getResult()));
    return status;
  };

  /** The number of the block after the given one, which is made if there is none. */
  const follower = async (number: bigint) => {
    await committed();
    return number + 1n;
  };
}
