/** The official client against our handlers: what applications match on are codes, texts and details. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { parsePolicy } from "@hansa/msp";
import { RpcStatus } from "@hansa/transport";
import { encode, kvrwset, readEnvelope, rwset } from "@hansa/wire";
import type { Contract } from "@hyperledger/fabric-gateway";
import { endorsersOf, failureOf, Harness } from "./testing/client.js";
import { carrier, definition, fakePeer } from "./testing/fake-network.js";

let at: Harness;
before(async () => {
  at = await Harness.start();
});
after(() => at.stop());
beforeEach(() => at.reset());

describe("Evaluate", () => {
  it("gives the result of this peer", async () => {
    at.host.local = { result: "barrels: 3" };
    assert.equal(Buffer.from(await at.contract.evaluateTransaction("count", "x")).toString(), "barrels: 3");
    assert.deepEqual([at.host.asked, ...at.host.others.map((each) => each.asked)], [1, 0, 0]);
  });

  it("hands a chaincode's error on without asking another peer", async () => {
    at.host.local = { status: 500, message: "no such barrel" };
    assert.deepEqual(await failureOf(at.contract.evaluateTransaction("count")), {
      code: grpc.status.UNKNOWN,
      text: "evaluate call to endorser returned error: chaincode response 500, no such barrel",
      details: ["Brewery chaincode response 500, no such barrel"],
    });
    assert.equal(at.host.others[0]!.asked, 0);
  });

  it("asks another peer when one fails by itself", async () => {
    at.host.local = { status: 500, message: "chaincode stream terminated", bare: true };
    at.host.others[0]!.behaviour = { result: "from the carrier" };
    assert.equal(Buffer.from(await at.contract.evaluateTransaction("count")).toString(), "from the carrier");
  });

  it("reports all of them when all fail", async () => {
    at.host.local = { status: 500, message: "out of order", bare: true };
    const refused = "No connection established. Last error: Error: connect ECONNREFUSED ::1:7051. Resolution note: ";
    at.host.others[0]!.behaviour = { throws: new RpcStatus(14, refused) };
    at.host.others[1]!.behaviour = { throws: new RpcStatus(14, "Connection dropped") };
    const { code, text, details } = await failureOf(at.contract.evaluateTransaction("count"));
    assert.equal(code, grpc.status.UNAVAILABLE);
    assert.equal(text, "failed to evaluate transaction, see attached details for more info");
    assert.deepEqual(details, [
      "Brewery out of order",
      'Carrier rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp [::1]:7051: connect: connection refused"',
      "Pub rpc error: code = Unavailable desc = Connection dropped",
    ]);
  });

  it("refuses a proposal that the peer refuses", async () => {
    at.host.local = { throws: new Error("access denied: channel [trade] creator org [Brewery]") };
    const { code, text } = await failureOf(at.contract.evaluateTransaction("count"));
    assert.equal(code, grpc.status.FAILED_PRECONDITION);
    assert.equal(
      text,
      "evaluate call to endorser returned error: access denied: channel [trade] creator org [Brewery]",
    );
  });

  it("keeps transient data in its own organisation unless told otherwise", async () => {
    at.host.hasLocalChaincode = false;
    const transientData = { secret: "1" };
    const { code, text } = await failureOf(at.contract.evaluate("count", { transientData }));
    assert.equal(code, grpc.status.FAILED_PRECONDITION);
    assert.equal(
      text,
      "no endorsers found in the gateway's organization; retry specifying target organization(s) to protect transient data: no peers available to evaluate chaincode deal in channel trade",
    );
    await at.contract.evaluate("count", { transientData, endorsingOrganizations: ["Pub"] });
    assert.deepEqual(
      at.host.others.map((each) => each.asked),
      [0, 1],
    );
  });

  it("says what it does not know", async () => {
    const elsewhere = await failureOf(
      at.application.getNetwork("nowhere").getContract("deal").evaluateTransaction("x"),
    );
    assert.deepEqual(
      [elsewhere.code, elsewhere.text],
      [
        grpc.status.UNAVAILABLE,
        "failed to get config for channel [nowhere]: could not get last config for channel nowhere",
      ],
    );
    at.host.hasLocalChaincode = false;
    at.host.others = [];
    const unknown = await failureOf(at.network.getContract("none").evaluateTransaction("x"));
    assert.deepEqual(
      [unknown.code, unknown.text],
      [grpc.status.FAILED_PRECONDITION, "no peers available to evaluate chaincode none in channel trade"],
    );
  });
});

describe("Endorse", () => {
  const endorse = (options: Parameters<Contract["newProposal"]>[1] = {}, of = at.contract) =>
    of.newProposal("ship", { arguments: ["7"], ...options }).endorse();

  it("collects what the policy asks for, this peer first", async () => {
    const transaction = await endorse();
    const envelope = await at.submitted(transaction);
    const endorsers = endorsersOf(envelope);
    assert.equal(endorsers.length, 2);
    assert.ok(endorsers.includes("Brewery"));
    assert.equal(Buffer.from(transaction.getResult()).toString(), "done");
    assert.equal(at.host.asked + at.host.others[0]!.asked + at.host.others[1]!.asked, 2);
    assert.equal(readEnvelope(envelope).channelHeader.txId, transaction.getTransactionId());
  });

  it("keeps transient data out of the transaction", async () => {
    const envelope = await at.submitted(await endorse({ transientData: { secret: "hidden-value" } }));
    assert.equal(Buffer.from(envelope).includes("hidden-value"), false);
    assert.equal(Buffer.from(envelope).includes("ship"), true);
  });

  it("takes another layout when a peer is gone", async () => {
    at.host.others[0]!.behaviour = { throws: new RpcStatus(14, "gone") };
    for (let i = 0; i < 5; i++) {
      const envelope = await at.submitted(await endorse());
      assert.deepEqual(endorsersOf(envelope).sort(), ["Brewery", "Pub"]);
    }
  });

  it("takes another peer of the same organisation when one fails", async () => {
    at.host.definitions.set("deal", definition("deal", "AND('Brewery.peer', 'Carrier.peer')"));
    const spare = { ...fakePeer(carrier, "peer1"), ledgerHeight: 0 };
    at.host.others = [{ ...fakePeer(carrier, "peer0", { throws: new RpcStatus(14, "gone") }), ledgerHeight: 9 }, spare];
    assert.deepEqual(endorsersOf(await at.submitted(await endorse())).sort(), ["Brewery", "Carrier"]);
  });

  it("asks those that were always needed together with the first, but never ahead with transient data", async () => {
    at.host.definitions.set("deal", definition("deal", "AND('Brewery.peer', 'Carrier.peer')"));
    const other = at.host.others[0]!;
    for (let i = 0; i < 2; i++) await endorse();
    at.host.local = { delayMs: 150 };
    other.asked = 0;
    const together = endorse();
    await new Promise((resolve) => setTimeout(resolve, 75));
    assert.equal(other.asked, 1);
    assert.deepEqual(endorsersOf(await at.submitted(await together)).sort(), ["Brewery", "Carrier"]);
    assert.equal(other.asked, 1, "the early answer counts");

    const guarded = endorse({ transientData: { secret: "1" } });
    await new Promise((resolve) => setTimeout(resolve, 75));
    assert.equal(other.asked, 1);
    assert.deepEqual(endorsersOf(await at.submitted(await guarded)).sort(), ["Brewery", "Carrier"]);

    // When the policy no longer asks for it, its answer is left out, and soon it is not asked.
    at.host.definitions.set("deal", definition("deal", "OR('Brewery.peer')"));
    at.host.local = {};
    for (let i = 0; i < 3; i++) assert.deepEqual(endorsersOf(await at.submitted(await endorse())), ["Brewery"]);
    assert.equal(other.asked, 3);
  });

  it("needs no other when the policy does not", async () => {
    const envelope = await at.submitted(await endorse({}, at.network.getContract("own")));
    assert.deepEqual(endorsersOf(envelope), ["Brewery"]);
    assert.deepEqual(
      at.host.others.map((each) => each.asked),
      [0, 0],
    );
  });

  it("plans from what the first endorser touched", async () => {
    const keyPolicies = [parsePolicy("AND('Brewery.peer', 'Pub.peer')")];
    at.host.local = { interest: { chaincodes: [{ name: "own", keyPolicies }] } };
    const envelope = await at.submitted(await endorse({}, at.network.getContract("own")));
    assert.deepEqual(endorsersOf(envelope).sort(), ["Brewery", "Pub"]);
  });

  it("asks the organisations that the client names, and no other", async () => {
    const envelope = await at.submitted(await endorse({ endorsingOrganizations: ["Carrier", "Pub"] }));
    assert.deepEqual(endorsersOf(envelope).sort(), ["Carrier", "Pub"]);
    assert.equal(at.host.asked, 0);
    const { code, text } = await failureOf(endorse({ endorsingOrganizations: ["Pub", "Farm", "Mill"] }));
    assert.deepEqual(
      [code, text],
      [grpc.status.UNAVAILABLE, "failed to find any endorsing peers for org(s): Farm, Mill"],
    );
  });

  it("hands a chaincode's error on", async () => {
    at.host.local = { status: 500, message: "already delivered" };
    assert.deepEqual(await failureOf(endorse()), {
      code: grpc.status.ABORTED,
      text: "failed to endorse transaction, see attached details for more info",
      details: ["Brewery chaincode response 500, already delivered"],
    });
  });

  it("says which peers did not endorse", async () => {
    at.host.definitions.set("deal", definition("deal", "AND('Brewery.peer', 'Carrier.peer')"));
    at.host.others[0]!.behaviour = { status: 500, message: "broken", bare: true };
    assert.deepEqual(await failureOf(endorse()), {
      code: grpc.status.ABORTED,
      text: "failed to collect enough transaction endorsements, see attached details for more info",
      details: ["Carrier broken"],
    });
  });

  it("notices results that differ, and shows where", async () => {
    at.host.definitions.set("deal", definition("deal", "AND('Brewery.peer', 'Carrier.peer')"));
    at.host.local = { results: writing("now", "10:01") };
    at.host.others[0]!.behaviour = { results: writing("now", "10:02") };
    assert.deepEqual(await failureOf(endorse()), {
      code: grpc.status.ABORTED,
      text: "failed to collect enough transaction endorsements, see attached details for more info",
      details: [
        "Carrier ProposalResponsePayloads do not match: write value mismatch of deal/now",
        "Brewery Explanation: peer0.brewery:7051 (Brewery) and peer0.carrier:7051 (Carrier) computed different results, each pair in that order:\n" +
          '  write of key "now" in deal: "10:01" / "10:02"\n' +
          "Likely cause, time: both are times of day: take the transaction's time (ctx.stub.getTxTimestamp) in place of the clock.",
      ],
    });
  });

  it("waits for a peer that has not committed yet what the first has", async () => {
    at.host.definitions.set("deal", definition("deal", "AND('Brewery.peer', 'Carrier.peer')"));
    at.host.local = { results: reading("stock", 5) };
    at.host.others[0]!.behaviour = { results: reading("stock", 4), next: { results: reading("stock", 5) } };
    assert.deepEqual(endorsersOf(await at.submitted(await endorse())).sort(), ["Brewery", "Carrier"]);
    assert.ok(at.host.others[0]!.asked > 1);
  });

  it("begins again when it is the first that has not", async () => {
    at.host.definitions.set("deal", definition("deal", "AND('Brewery.peer', 'Carrier.peer')"));
    at.host.local = { results: reading("stock", 4), next: { results: reading("stock", 5) } };
    at.host.others[0]!.behaviour = { results: reading("stock", 5) };
    assert.deepEqual(endorsersOf(await at.submitted(await endorse())).sort(), ["Brewery", "Carrier"]);
    assert.ok(at.host.asked > 1);
    at.host.local = { results: reading("stock", 1) };
    const { details } = await failureOf(endorse());
    assert.equal(details[0], "Carrier ProposalResponsePayloads do not match: read value mismatch of deal/stock");
    assert.match(details[1]!, /^Brewery Explanation: .*\n.*\nLikely cause, ledger height: peer0\.brewery:7051 had not/);
  });

  it("says why no plan is possible", async () => {
    at.host.others = [];
    const context = "no combination of peers can be derived which satisfy the endorsement policy";
    assert.deepEqual(await failureOf(endorse()), {
      code: grpc.status.FAILED_PRECONDITION,
      text: `${context}: no peer combination can satisfy the endorsement policy`,
      details: [],
    });
    const unknown = await failureOf(endorse({}, at.network.getContract("none")));
    assert.equal(unknown.code, grpc.status.FAILED_PRECONDITION);
    assert.equal(unknown.text, `${context}: No metadata was found for chaincode none in channel trade`);
  });

  it("does not send transient data to organisations that may not have it", async () => {
    at.host.hasLocalChaincode = false;
    const transientData = { secret: "1" };
    assert.deepEqual(await failureOf(endorse({ transientData })), {
      code: grpc.status.FAILED_PRECONDITION,
      text: "no endorsers found in the gateway's organization; retry specifying endorsing organization(s) to protect transient data",
      details: [],
    });
    at.host.hasLocalChaincode = true;
    const collection = {
      name: "secrets",
      memberOrgsPolicy: { signaturePolicy: parsePolicy("OR('Brewery.member')") },
      endorsementPolicy: { signaturePolicy: parsePolicy("AND('Brewery.peer', 'Carrier.peer')") },
    };
    at.host.definitions.set("deal", { ...definition("deal", "OR('Brewery.peer')"), collections: [collection] });
    at.host.local = {
      interest: { chaincodes: [{ name: "deal", collectionNames: ["secrets"], noPrivateReads: true }] },
    };
    const { text } = await failureOf(endorse({ transientData }));
    assert.equal(
      text,
      "requires endorsement from organisation(s) that are not in the distribution policy of the private data collection(s): [secrets]; retry specifying trusted endorsing organizations to protect transient data",
    );
  });

  it("says when time ran out while it waited", async () => {
    at.host.local = { delayMs: 400 };
    const proposal = at.contract.newProposal("ship");
    const { code } = await failureOf(proposal.endorse({ deadline: Date.now() + 100 }));
    assert.equal(code, grpc.status.DEADLINE_EXCEEDED);
  });

  it("refuses what is no proposal", async () => {
    const raw = (bytes: Uint8Array) =>
      new Promise<grpc.ServiceError | null>((resolve) => {
        const same = (value: Buffer) => value;
        at.client.makeUnaryRequest("/gateway.Gateway/Endorse", same, same, Buffer.from(bytes), (error) =>
          resolve(error),
        );
      });
    const empty = await raw(new Uint8Array(0));
    assert.deepEqual(
      [empty?.code, empty?.details],
      [grpc.status.INVALID_ARGUMENT, "the proposed transaction must contain a signed proposal"],
    );
    assert.equal((await raw(Buffer.from("garbage")))?.code, grpc.status.INTERNAL);
  });
});

function reading(key: string, blockNumber: number): Uint8Array {
  const set = encode(kvrwset.KVRWSet, { reads: [{ key, version: { blockNum: blockNumber, txNum: 0 } }] });
  return encode(rwset.TxReadWriteSet, { nsRwset: [{ namespace: "deal", rwset: set }] });
}

function writing(key: string, value: string): Uint8Array {
  const set = encode(kvrwset.KVRWSet, { writes: [{ key, value: Buffer.from(value) }] });
  return encode(rwset.TxReadWriteSet, { nsRwset: [{ namespace: "deal", rwset: set }] });
}
