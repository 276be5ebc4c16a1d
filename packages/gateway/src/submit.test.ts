/** The official client: ordering, waiting for the commit, and events. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { common, readEnvelope } from "@hansa/wire";
import { checkpointers, type Network } from "@hyperledger/fabric-gateway";
import { failureOf, Harness } from "./testing/client.js";
import { FakeOrderer } from "./testing/fake-network.js";

let at: Harness;
before(async () => {
  at = await Harness.start();
});
after(() => at.stop());
beforeEach(() => at.reset());

describe("Submit", () => {
  it("keeps its streams and many envelopes under way", async () => {
    const transactions = await Promise.all(Array.from({ length: 40 }, () => at.contract.newProposal("ship").endorse()));
    const streams = at.orderer.streams;
    await Promise.all(transactions.map((each) => each.submit()));
    assert.equal(at.orderer.envelopes.length, 40);
    assert.ok(at.orderer.streams - streams <= 4);
  });

  it("reports a refusal, and spares the envelopes behind it", async () => {
    const transactions = await Promise.all(Array.from({ length: 20 }, () => at.contract.newProposal("ship").endorse()));
    const refused = transactions[3]!.getTransactionId();
    at.orderer.judge = (envelope) =>
      readEnvelope(envelope).channelHeader.txId === refused
        ? { status: common.Status.BAD_REQUEST, info: "bad signature" }
        : { status: common.Status.SUCCESS };
    const outcomes = await Promise.allSettled(transactions.map((each) => each.submit()));
    assert.deepEqual(
      outcomes.flatMap((each, index) => (each.status === "rejected" ? [index] : [])),
      [3],
    );
    assert.deepEqual(await failureOf(transactions[3]!.submit()), {
      code: grpc.status.ABORTED,
      text: "received unsuccessful response from orderer: status=BAD_REQUEST, info=bad signature",
      details: [],
    });
  });

  it("goes to the next orderer when one is down or overloaded", async () => {
    const down = await new FakeOrderer().start();
    await down.stop();
    const busy = await new FakeOrderer().start();
    busy.judge = () => ({ status: common.Status.SERVICE_UNAVAILABLE, info: "no leader" });
    at.host.ordererAddresses = [down.address, busy.address, at.orderer.address];
    for (let i = 0; i < 4; i++) await (await at.contract.newProposal("ship").endorse()).submit();
    assert.equal(at.orderer.envelopes.length, 4);
    at.host.ordererAddresses = [down.address, busy.address];
    const { code, text, details } = await failureOf((await at.contract.newProposal("ship").endorse()).submit());
    assert.deepEqual([code, text], [grpc.status.UNAVAILABLE, "no orderers could successfully process transaction"]);
    assert.equal(details.length, 2);
    assert.ok(
      details.includes(
        "Ordering received unsuccessful response from orderer: status=SERVICE_UNAVAILABLE, info=no leader",
      ),
    );
    await busy.stop();
  });

  it("says when there is no orderer", async () => {
    at.host.ordererAddresses = [];
    const { code, text } = await failureOf((await at.contract.newProposal("ship").endorse()).submit());
    assert.deepEqual([code, text], [grpc.status.UNAVAILABLE, "no orderer nodes available"]);
  });
});

describe("CommitStatus", () => {
  it("waits for the commit and says what became of it", async () => {
    const transaction = await at.contract.newProposal("ship").endorse();
    const submitted = await transaction.submit();
    setTimeout(() => at.host.commits.set(submitted.getTransactionId(), { code: 11, blockNumber: 42 }), 30);
    const status = await submitted.getStatus();
    assert.deepEqual([status.code, status.successful, status.blockNumber], [11, false, 42n]);
  });

  it("answers those who may read the channel only", async () => {
    const transaction = await at.contract.newProposal("ship").endorse();
    const submitted = await transaction.submit();
    const bytes = submitted.getBytes();
    const forged = at.application.newSignedCommit(bytes, Buffer.from("not a signature"));
    const { code, text } = await failureOf(forged.getStatus());
    assert.equal(code, grpc.status.PERMISSION_DENIED);
    assert.match(
      text,
      /^Failed evaluating policy on signed data during check policy on channel \[trade\] with policy \[\/Channel\/Application\/Readers\]/,
    );
  });

  it("stops waiting with its caller", async () => {
    const submitted = await (await at.contract.newProposal("ship").endorse()).submit();
    const { code } = await failureOf(submitted.getStatus({ deadline: Date.now() + 100 }));
    assert.equal(code, grpc.status.DEADLINE_EXCEEDED);
  });
});

describe("ChaincodeEvents", () => {
  async function take(count: number, options: Parameters<Network["getChaincodeEvents"]>[1]): Promise<string[]> {
    const events = await at.network.getChaincodeEvents("deal", options);
    const seen: string[] = [];
    try {
      for await (const event of events) {
        seen.push(`${event.blockNumber} ${event.eventName} ${event.transactionId}`);
        if (seen.length === count) break;
      }
    } finally {
      events.close();
    }
    return seen;
  }

  beforeEach(() => {
    at.host.addBlock([]);
    at.host.addBlock([
      { chaincode: "deal", name: "shipped", txId: "t1" },
      { chaincode: "other", name: "noise", txId: "t2" },
      { chaincode: "deal", name: "undone", txId: "t3", code: 11 },
      { chaincode: "deal", name: "delivered", txId: "t4" },
    ]);
    at.host.addBlock([{ chaincode: "deal", name: "paid", txId: "t5" }]);
  });

  it("begin where the listener says", async () => {
    assert.deepEqual(await take(3, { startBlock: 0n }), ["1 shipped t1", "1 delivered t4", "2 paid t5"]);
  });

  it("continue after a transaction without loss or repetition", async () => {
    const checkpoint = checkpointers.inMemory();
    await checkpoint.checkpointTransaction(1n, "t1");
    assert.deepEqual(await take(2, { checkpoint }), ["1 delivered t4", "2 paid t5"]);
  });

  it("begin with the next block when nothing is said", async () => {
    const waiting = take(1, undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    at.host.addBlock([{ chaincode: "deal", name: "late", txId: "t6" }]);
    assert.deepEqual(await waiting, ["3 late t6"]);
  });

  it("are for those who may read the channel", async () => {
    const request = at.application.getNetwork("nowhere").newChaincodeEventsRequest("deal");
    const failed = await failureOf(
      (async () => {
        for await (const _ of await request.getEvents()) break;
      })(),
    );
    assert.deepEqual(
      [failed.code, failed.text],
      [grpc.status.PERMISSION_DENIED, "Failed to get policy manager for channel [nowhere]"],
    );
  });
});
