import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { type ChaincodeEvent, checkpointers, GatewayError, StatusCode } from "@hyperledger/fabric-gateway";
import { common, type peer } from "@hyperledger/fabric-protos";
import { BOTH, CHANNEL, EITHER, type Fixture, failureOf, take, text } from "./fixture.js";

export function events(fixture: () => Fixture): void {
  /** Submits one transaction per name, each with an event; tells in which block each came. */
  const announce = async (names: readonly string[], chaincode = BOTH) => {
    const announced: { name: string; transactionId: string; blockNumber: bigint }[] = [];
    for (const name of names) {
      const commit = await fixture()
        .contract(chaincode)
        .submitAsync("announce", { arguments: [name, `payload of ${name}`] });
      const { blockNumber, code, transactionId } = await commit.getStatus();
      assert.equal(code, StatusCode.VALID);
      announced.push({ name, transactionId, blockNumber });
    }
    return announced;
  };
  const names = (found: readonly ChaincodeEvent[]) => found.map(({ eventName }) => eventName);
  const unique = (count: number) => Array.from({ length: count }, () => fixture().key());

  describe("chaincode events", () => {
    it("come as they are committed, with all that belongs to them", async () => {
      const stream = await fixture().channel().getChaincodeEvents(BOTH);
      const [name] = unique(1);
      const [announced] = await announce([name!]);
      const [event] = await take(stream, 1);
      assert.deepEqual(
        { ...event, payload: text(event!.payload) },
        {
          blockNumber: announced!.blockNumber,
          chaincodeName: BOTH,
          eventName: name,
          payload: `payload of ${name}`,
          transactionId: announced!.transactionId,
        },
      );
    });

    it("come to the other member too", async () => {
      const wanted = unique(2);
      const [first] = await announce(wanted);
      const stream = await fixture().channel("Org2").getChaincodeEvents(BOTH, { startBlock: first!.blockNumber });
      assert.deepEqual(names(await take(stream, 2)), wanted);
    });

    it("can be replayed from a block on", async () => {
      const wanted = unique(3);
      const announced = await announce(wanted);
      const stream = await fixture().channel().getChaincodeEvents(BOTH, { startBlock: announced[1]!.blockNumber });
      assert.deepEqual(names(await take(stream, 2)), wanted.slice(1));
    });

    it("are those of one chaincode", async () => {
      const [theirs, ours] = unique(2);
      const [first] = await announce([theirs!], EITHER);
      await announce([ours!], BOTH);
      const stream = await fixture().channel().getChaincodeEvents(BOTH, { startBlock: first!.blockNumber });
      assert.deepEqual(names(await take(stream, 1)), [ours]);
    });

    it("go on after a checkpoint, none lost and none twice", async () => {
      const wanted = unique(6);
      const announced = await announce(wanted);
      const checkpoint = checkpointers.inMemory();
      const seen: string[] = [];
      for (const count of [2, 1, 3]) {
        const options = { checkpoint, startBlock: announced[0]!.blockNumber };
        const part = await fixture().channel().getChaincodeEvents(BOTH, options);
        for (const event of await take(part, count)) {
          await checkpoint.checkpointChaincodeEvent(event);
          seen.push(event.eventName);
        }
      }
      assert.deepEqual(seen, wanted);
    });

    it("go on in the middle of a block", async () => {
      const wanted = unique(8);
      const contract = fixture().contract(EITHER);
      const endorsed = await Promise.all(
        wanted.map((name) => contract.newProposal("announce", { arguments: [name, "p"] }).endorse()),
      );
      const commits = await Promise.all(endorsed.map((transaction) => transaction.submit()));
      const statuses = await Promise.all(commits.map((commit) => commit.getStatus()));
      const startBlock = BigInt(Math.min(...statuses.map(({ blockNumber }) => Number(blockNumber))));
      const everything = names(await take(await fixture().channel().getChaincodeEvents(EITHER, { startBlock }), 8));
      assert.deepEqual([...everything].sort(), [...wanted].sort());

      const checkpoint = checkpointers.inMemory();
      const seen: string[] = [];
      while (seen.length < wanted.length) {
        const part = await fixture().channel().getChaincodeEvents(EITHER, { startBlock, checkpoint });
        const [event] = await take(part, 1);
        await checkpoint.checkpointChaincodeEvent(event!);
        seen.push(event!.eventName);
      }
      assert.deepEqual(seen, everything);
    });

    it("go on after a checkpoint that was kept in a file", async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-checkpoint-"));
      try {
        const wanted = unique(2);
        const announced = await announce(wanted);
        const file = path.join(folder, "checkpoint.json");
        for (const name of wanted) {
          const checkpoint = await checkpointers.file(file);
          const options = { checkpoint, startBlock: announced[0]!.blockNumber };
          const [event] = await take(await fixture().channel().getChaincodeEvents(BOTH, options), 1);
          await checkpoint.checkpointChaincodeEvent(event!);
          assert.equal(event!.eventName, name);
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });

    it("do not come from invalid transactions", async () => {
      const [refused, allowed] = unique(2);
      const commit = await fixture()
        .contract(BOTH)
        .submitAsync("announce", { arguments: [refused!, "p"], endorsingOrganizations: ["Org1MSP"] });
      const { code, blockNumber } = await commit.getStatus();
      assert.equal(code, StatusCode.ENDORSEMENT_POLICY_FAILURE);
      await announce([allowed!]);
      const stream = await fixture().channel().getChaincodeEvents(BOTH, { startBlock: blockNumber });
      assert.deepEqual(names(await take(stream, 1)), [allowed]);
    });

    it("are one per transaction, the last", async () => {
      const [first, second] = unique(2);
      const commit = await fixture()
        .contract(BOTH)
        .submitAsync("announceTwice", { arguments: [first!, second!] });
      const { blockNumber } = await commit.getStatus();
      const stream = await fixture().channel().getChaincodeEvents(BOTH, { startBlock: blockNumber });
      assert.deepEqual(names(await take(stream, 1)), [second]);
    });

    it("end when the listener closes", async () => {
      const stream = await fixture().channel().getChaincodeEvents(BOTH);
      const reading = failureOf(take(stream, 1), GatewayError);
      stream.close();
      assert.equal((await reading).code, 1, "CANCELLED");
    });

    it("go on for other listeners when one closes", async () => {
      const network = fixture().channel();
      const streams = await Promise.all([network.getChaincodeEvents(BOTH), network.getChaincodeEvents(BOTH)]);
      const [one, two] = unique(2);
      await announce([one!]);
      assert.deepEqual(names(await take(streams[0]!, 1)), [one], "closes it");
      await announce([two!]);
      assert.deepEqual(names(await take(streams[1]!, 2)), [one, two]);
    });

    it("end at the deadline of the call", async () => {
      const request = fixture().channel().newChaincodeEventsRequest(BOTH);
      const stream = await request.getEvents({ deadline: Date.now() + 100 });
      const error = await failureOf(take(stream, 1), GatewayError);
      assert.equal(error.code, 4);
    });

    it("wait for blocks that do not exist yet", async () => {
      const [name] = unique(1);
      const { blockNumber } = (await announce(unique(1)))[0]!;
      const stream = await fixture()
        .channel()
        .getChaincodeEvents(BOTH, { startBlock: blockNumber + 1n });
      await announce([name!]);
      assert.deepEqual(names(await take(stream, 1)), [name]);
    });
  });

  describe("block events", () => {
    it("carry whole blocks, in order, from the first", async () => {
      const blocks = await take(await fixture().channel().getBlockEvents({ startBlock: 0n }), 4);
      assert.deepEqual(
        blocks.map((block) => block.getHeader()!.getNumber()),
        [0, 1, 2, 3],
      );
      for (const block of blocks) assert.equal(block.getMetadata()!.getMetadataList().length, 5);
      const previous = blocks[2]!.getHeader()!.getPreviousHash_asB64();
      assert.equal(Buffer.from(previous, "base64").length, 32);
      assert.equal(channelOf(blocks[0]!), CHANNEL);
    });

    it("come as they are committed", async () => {
      const stream = await fixture().channel().getBlockEvents();
      const { blockNumber, transactionId } = (await announce(unique(1)))[0]!;
      const [block] = await take(stream, 1);
      assert.equal(BigInt(block!.getHeader()!.getNumber()), blockNumber);
      assert.ok(transactionsOf(block!).includes(transactionId));
    });

    it("go on after a checkpoint", async () => {
      const checkpoint = checkpointers.inMemory();
      const seen: number[] = [];
      for (let round = 0; round < 3; round++) {
        const [block] = await take(await fixture().channel().getBlockEvents({ checkpoint, startBlock: 1n }), 1);
        await checkpoint.checkpointBlock(BigInt(block!.getHeader()!.getNumber()));
        seen.push(block!.getHeader()!.getNumber());
      }
      assert.deepEqual(seen, [1, 2, 3]);
    });

    it("carry the verdict on each transaction", async () => {
      const commit = await fixture()
        .contract(BOTH)
        .submitAsync("put", { arguments: [fixture().key(), "v"], endorsingOrganizations: ["Org1MSP"] });
      const { blockNumber } = await commit.getStatus();
      const [block] = await take(await fixture().channel().getBlockEvents({ startBlock: blockNumber }), 1);
      const filter = block!.getMetadata()!.getMetadataList_asU8()[2]!;
      const position = transactionsOf(block!).indexOf(commit.getTransactionId());
      assert.equal(filter[position], StatusCode.ENDORSEMENT_POLICY_FAILURE);
    });

    it("are the same bytes on both members' peers", async () => {
      const { blockNumber } = (await announce(unique(1)))[0]!;
      const [ours, theirs] = await Promise.all(
        ["Org1", "Org2"].map(async (member) => {
          const stream = await fixture().channel(member).getBlockEvents({ startBlock: blockNumber });
          return Buffer.from((await take(stream, 1))[0]!.serializeBinary());
        }),
      );
      assert.ok(ours!.equals(theirs!));
    });
  });

  describe("filtered block events", () => {
    it("tell of transactions without their content", async () => {
      const [name] = unique(1);
      const [announced] = await announce([name!]);
      const stream = await fixture().channel().getFilteredBlockEvents({ startBlock: announced!.blockNumber });
      const [block] = await take(stream, 1);
      assert.equal(BigInt(block!.getNumber()), announced!.blockNumber);
      const found = filteredTransaction(block!, announced!.transactionId);
      assert.equal(found.getTxValidationCode(), StatusCode.VALID);
      const event = found.getTransactionActions()!.getChaincodeActionsList()[0]!.getChaincodeEvent()!;
      assert.equal(event.getEventName(), name);
      assert.equal(event.getChaincodeId(), BOTH);
      assert.equal(event.getPayload_asU8().length, 0, "the payload is left out");
    });

    it("tell of a transaction that came twice", async () => {
      const transaction = await fixture()
        .contract(BOTH)
        .newProposal("put", { arguments: [fixture().key(), "v"] })
        .endorse();
      const first = await (await transaction.submit()).getStatus();
      await transaction.submit();
      const stream = await fixture().channel().getFilteredBlockEvents({ startBlock: first.blockNumber });
      const blocks = await take(stream, 2);
      assert.equal(
        filteredTransaction(blocks[1]!, transaction.getTransactionId()).getTxValidationCode(),
        StatusCode.DUPLICATE_TXID,
      );
    });

    it("come as blocks are committed", async () => {
      const stream = await fixture().channel("Org2").getFilteredBlockEvents();
      const announced = (await announce(unique(1)))[0]!;
      const timer = setTimeout(() => stream.close(), 10_000);
      // That member's peer may have been a block behind.
      for await (const block of stream) {
        if (BigInt(block.getNumber()) < announced.blockNumber) continue;
        assert.ok(filteredTransaction(block, announced.transactionId));
        break;
      }
      clearTimeout(timer);
      stream.close();
    });
  });

  describe("block and private data events", () => {
    it("carry private data to those who hold it", async () => {
      const key = fixture().key();
      const commit = await fixture()
        .contract(EITHER)
        .submitAsync("putPrivate", { arguments: ["onlyOrg1", key], transientData: { value: "a secret" } });
      const { blockNumber, code } = await commit.getStatus();
      assert.equal(code, StatusCode.VALID);
      const privateData = async (member: string) => {
        const stream = await fixture().channel(member).getBlockAndPrivateDataEvents({ startBlock: blockNumber });
        const [both] = await take(stream, 1);
        assert.equal(BigInt(both!.getBlock()!.getHeader()!.getNumber()), blockNumber);
        return both!.getPrivateDataMapMap();
      };
      const ours = await privateData("Org1");
      assert.equal(ours.getLength(), 1);
      const [, writes] = [...ours.entries()][0]!;
      const collection = writes.getNsPvtRwsetList()[0]!.getCollectionPvtRwsetList()[0]!;
      assert.equal(collection.getCollectionName(), "onlyOrg1");
      assert.ok(text(collection.getRwset_asU8()).includes("a secret"));
      assert.equal((await privateData("Org2")).getLength(), 0, "another member gets none");
    });
  });
}

function channelHeader(envelope: Uint8Array): common.ChannelHeader {
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
  return common.ChannelHeader.deserializeBinary(payload.getHeader()!.getChannelHeader_asU8());
}

function transactionsOf(block: common.Block): string[] {
  return block
    .getData()!
    .getDataList_asU8()
    .map((envelope) => channelHeader(envelope).getTxId());
}

function channelOf(block: common.Block): string {
  return channelHeader(block.getData()!.getDataList_asU8()[0]!).getChannelId();
}

function filteredTransaction(block: peer.FilteredBlock, transactionId: string): peer.FilteredTransaction {
  const found = block.getFilteredTransactionsList().find((each) => each.getTxid() === transactionId);
  assert.ok(found !== undefined, `transaction ${transactionId} is not in block ${block.getNumber()}`);
  return found;
}
