/** The official client against our handlers: what applications match on are codes, texts and details. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { parsePolicy } from "@hansa/msp";
import { RpcStatus } from "@hansa/transport";
import { common, decode, encode, kvrwset, protos, readEnvelope, rwset } from "@hansa/wire";
import {
  type Contract,
  checkpointers,
  connect,
  type Gateway,
  GatewayError,
  hash,
  type Network,
} from "@hyperledger/fabric-gateway";
import {
  brewery,
  carrier,
  definition,
  FakeHost,
  FakeOrderer,
  fakePeer,
  pub,
  type RunningGateway,
  serve,
} from "./testing/fake-network.js";

let host = new FakeHost();
let running: RunningGateway;
let orderer: FakeOrderer;
let client: grpc.Client;
let application: Gateway;
let network: Network;
let contract: Contract;

before(async () => {
  orderer = await new FakeOrderer().start();
  const proxy = new Proxy({} as FakeHost, { get: (_, name) => bound(host, name) });
  running = await serve(proxy);
  client = new grpc.Client(running.address, grpc.credentials.createInsecure());
  application = connectGateway();
  network = application.getNetwork("trade");
  contract = network.getContract("deal");
});

after(async () => {
  application.close();
  client.close();
  await running.stop();
  await orderer.stop();
});

beforeEach(() => {
  host = new FakeHost();
  host.definitions.set("deal", definition("deal", "OutOf(2, 'Brewery.peer', 'Carrier.peer', 'Pub.peer')"));
  host.definitions.set("own", definition("own", "OR('Brewery.peer')"));
  host.others = [fakePeer(carrier, "peer0"), fakePeer(pub, "peer0")];
  host.ordererAddresses = [orderer.address];
  orderer.envelopes.length = 0;
  orderer.judge = () => ({ status: common.Status.SUCCESS });
});

function bound(target: object, name: string | symbol): unknown {
  const value = Reflect.get(target, name) as unknown;
  return typeof value === "function" ? value.bind(target) : value;
}

function connectGateway(): Gateway {
  const identity = brewery.identity("client");
  const credentials = Buffer.from(identity.certificate.pem);
  return connect({
    client,
    identity: { mspId: brewery.mspId, credentials },
    signer: async (message) => identity.sign(message),
    hash: hash.none,
    endorseOptions: () => ({ deadline: Date.now() + 5_000 }),
  });
}

async function failureOf(work: Promise<unknown>): Promise<{ code: number; text: string; details: string[] }> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    const text = (error.cause as grpc.ServiceError).details;
    return { code: error.code, text, details: error.details.map((each) => `${each.mspId} ${each.message}`) };
  }
  return assert.fail("expected a failure");
}

function endorsersOf(envelope: Uint8Array): string[] {
  const { actions } = decode(protos.Transaction, readEnvelope(envelope).data, "Transaction");
  const payload = decode(protos.ChaincodeActionPayload, actions[0]!.payload!, "ChaincodeActionPayload");
  const owners = [brewery, carrier, pub];
  return (payload.action?.endorsements ?? []).map(({ endorser }) => {
    const owner = owners.find((each) => Buffer.from(each.identity("peer").serialized).equals(endorser!));
    return owner?.mspId ?? "?";
  });
}

describe("Evaluate", () => {
  it("gives the result of this peer", async () => {
    host.local = { result: "barrels: 3" };
    assert.equal(Buffer.from(await contract.evaluateTransaction("count", "x")).toString(), "barrels: 3");
    assert.deepEqual([host.asked, ...host.others.map((each) => each.asked)], [1, 0, 0]);
  });

  it("hands a chaincode's error on without asking another peer", async () => {
    host.local = { status: 500, message: "no such barrel" };
    assert.deepEqual(await failureOf(contract.evaluateTransaction("count")), {
      code: grpc.status.UNKNOWN,
      text: "evaluate call to endorser returned error: chaincode response 500, no such barrel",
      details: ["Brewery chaincode response 500, no such barrel"],
    });
    assert.equal(host.others[0]!.asked, 0);
  });

  it("asks another peer when one fails by itself", async () => {
    host.local = { status: 500, message: "chaincode stream terminated", bare: true };
    host.others[0]!.behaviour = { result: "from the carrier" };
    assert.equal(Buffer.from(await contract.evaluateTransaction("count")).toString(), "from the carrier");
  });

  it("reports all of them when all fail", async () => {
    host.local = { status: 500, message: "out of order", bare: true };
    for (const each of host.others) each.behaviour = { throws: new RpcStatus(14, "No connection established") };
    const { code, text, details } = await failureOf(contract.evaluateTransaction("count"));
    assert.equal(code, grpc.status.UNAVAILABLE);
    assert.equal(text, "failed to evaluate transaction, see attached details for more info");
    assert.deepEqual(details, [
      "Brewery out of order",
      "Carrier rpc error: code = Unavailable desc = No connection established",
      "Pub rpc error: code = Unavailable desc = No connection established",
    ]);
  });

  it("refuses a proposal that the peer refuses", async () => {
    host.local = { throws: new Error("access denied: channel [trade] creator org [Brewery]") };
    const { code, text } = await failureOf(contract.evaluateTransaction("count"));
    assert.equal(code, grpc.status.FAILED_PRECONDITION);
    assert.equal(
      text,
      "evaluate call to endorser returned error: access denied: channel [trade] creator org [Brewery]",
    );
  });

  it("keeps transient data in its own organisation unless told otherwise", async () => {
    host.hasLocalChaincode = false;
    const transientData = { secret: "1" };
    const { code, text } = await failureOf(contract.evaluate("count", { transientData }));
    assert.equal(code, grpc.status.FAILED_PRECONDITION);
    assert.equal(
      text,
      "no endorsers found in the gateway's organization; retry specifying target organization(s) to protect transient data: no peers available to evaluate chaincode deal in channel trade",
    );
    await contract.evaluate("count", { transientData, endorsingOrganizations: ["Pub"] });
    assert.deepEqual(
      host.others.map((each) => each.asked),
      [0, 1],
    );
  });

  it("says what it does not know", async () => {
    const elsewhere = await failureOf(application.getNetwork("nowhere").getContract("deal").evaluateTransaction("x"));
    assert.deepEqual(
      [elsewhere.code, elsewhere.text],
      [
        grpc.status.UNAVAILABLE,
        "failed to get config for channel [nowhere]: could not get last config for channel nowhere",
      ],
    );
    host.hasLocalChaincode = false;
    host.others = [];
    const unknown = await failureOf(network.getContract("none").evaluateTransaction("x"));
    assert.deepEqual(
      [unknown.code, unknown.text],
      [grpc.status.FAILED_PRECONDITION, "no peers available to evaluate chaincode none in channel trade"],
    );
  });
});

describe("Endorse", () => {
  const endorse = (options: Parameters<Contract["newProposal"]>[1] = {}, of = contract) =>
    of.newProposal("ship", { arguments: ["7"], ...options }).endorse();

  it("collects what the policy asks for, this peer first", async () => {
    const transaction = await endorse();
    const envelope = await submittedEnvelope(transaction);
    const endorsers = endorsersOf(envelope);
    assert.equal(endorsers.length, 2);
    assert.ok(endorsers.includes("Brewery"));
    assert.equal(Buffer.from(transaction.getResult()).toString(), "done");
    assert.equal(host.asked + host.others[0]!.asked + host.others[1]!.asked, 2);
    assert.equal(readEnvelope(envelope).channelHeader.txId, transaction.getTransactionId());
  });

  it("keeps transient data out of the transaction", async () => {
    const envelope = await submittedEnvelope(await endorse({ transientData: { secret: "hidden-value" } }));
    assert.equal(Buffer.from(envelope).includes("hidden-value"), false);
    assert.equal(Buffer.from(envelope).includes("ship"), true);
  });

  it("takes another layout when a peer is gone", async () => {
    host.others[0]!.behaviour = { throws: new RpcStatus(14, "gone") };
    for (let i = 0; i < 5; i++) {
      const envelope = await submittedEnvelope(await endorse());
      assert.deepEqual(endorsersOf(envelope).sort(), ["Brewery", "Pub"]);
    }
  });

  it("takes another peer of the same organisation when one fails", async () => {
    host.definitions.set("deal", definition("deal", "AND('Brewery.peer', 'Carrier.peer')"));
    const spare = { ...fakePeer(carrier, "peer1"), ledgerHeight: 0 };
    host.others = [{ ...fakePeer(carrier, "peer0", { throws: new RpcStatus(14, "gone") }), ledgerHeight: 9 }, spare];
    assert.deepEqual(endorsersOf(await submittedEnvelope(await endorse())).sort(), ["Brewery", "Carrier"]);
  });

  it("needs no other when the policy does not", async () => {
    const envelope = await submittedEnvelope(await endorse({}, network.getContract("own")));
    assert.deepEqual(endorsersOf(envelope), ["Brewery"]);
    assert.deepEqual(
      host.others.map((each) => each.asked),
      [0, 0],
    );
  });

  it("plans from what the first endorser touched", async () => {
    const keyPolicies = [parsePolicy("AND('Brewery.peer', 'Pub.peer')")];
    host.local = { interest: { chaincodes: [{ name: "own", keyPolicies }] } };
    const envelope = await submittedEnvelope(await endorse({}, network.getContract("own")));
    assert.deepEqual(endorsersOf(envelope).sort(), ["Brewery", "Pub"]);
  });

  it("asks the organisations that the client names, and no other", async () => {
    const envelope = await submittedEnvelope(await endorse({ endorsingOrganizations: ["Carrier", "Pub"] }));
    assert.deepEqual(endorsersOf(envelope).sort(), ["Carrier", "Pub"]);
    assert.equal(host.asked, 0);
    const { code, text } = await failureOf(endorse({ endorsingOrganizations: ["Pub", "Farm", "Mill"] }));
    assert.deepEqual(
      [code, text],
      [grpc.status.UNAVAILABLE, "failed to find any endorsing peers for org(s): Farm, Mill"],
    );
  });

  it("hands a chaincode's error on", async () => {
    host.local = { status: 500, message: "already delivered" };
    assert.deepEqual(await failureOf(endorse()), {
      code: grpc.status.ABORTED,
      text: "failed to endorse transaction, see attached details for more info",
      details: ["Brewery chaincode response 500, already delivered"],
    });
  });

  it("says which peers did not endorse", async () => {
    host.definitions.set("deal", definition("deal", "AND('Brewery.peer', 'Carrier.peer')"));
    host.others[0]!.behaviour = { status: 500, message: "broken", bare: true };
    assert.deepEqual(await failureOf(endorse()), {
      code: grpc.status.ABORTED,
      text: "failed to collect enough transaction endorsements, see attached details for more info",
      details: ["Carrier broken"],
    });
  });

  it("notices results that differ, and shows where", async () => {
    host.definitions.set("deal", definition("deal", "AND('Brewery.peer', 'Carrier.peer')"));
    host.local = { results: writing("now", "10:01") };
    host.others[0]!.behaviour = { results: writing("now", "10:02") };
    assert.deepEqual(await failureOf(endorse()), {
      code: grpc.status.ABORTED,
      text: "failed to collect enough transaction endorsements, see attached details for more info",
      details: ["Carrier ProposalResponsePayloads do not match: write value mismatch of deal/now"],
    });
  });

  it("waits for a peer that has not committed yet what the first has", async () => {
    host.definitions.set("deal", definition("deal", "AND('Brewery.peer', 'Carrier.peer')"));
    host.local = { results: reading("stock", 5) };
    host.others[0]!.behaviour = { results: reading("stock", 4) };
    setTimeout(() => {
      host.others[0]!.behaviour = { results: reading("stock", 5) };
    }, 20);
    assert.deepEqual(endorsersOf(await submittedEnvelope(await endorse())).sort(), ["Brewery", "Carrier"]);
    assert.ok(host.others[0]!.asked > 1);
  });

  it("begins again when it is the first that has not", async () => {
    host.definitions.set("deal", definition("deal", "AND('Brewery.peer', 'Carrier.peer')"));
    host.local = { results: reading("stock", 4) };
    host.others[0]!.behaviour = { results: reading("stock", 5) };
    setTimeout(() => {
      host.local = { results: reading("stock", 5) };
    }, 20);
    assert.deepEqual(endorsersOf(await submittedEnvelope(await endorse())).sort(), ["Brewery", "Carrier"]);
    assert.ok(host.asked > 1);
    host.local = { results: reading("stock", 1) };
    const { details } = await failureOf(endorse());
    assert.deepEqual(details, ["Carrier ProposalResponsePayloads do not match: read value mismatch of deal/stock"]);
  });

  it("says why no plan is possible", async () => {
    host.others = [];
    const context = "no combination of peers can be derived which satisfy the endorsement policy";
    assert.deepEqual(await failureOf(endorse()), {
      code: grpc.status.FAILED_PRECONDITION,
      text: `${context}: no peer combination can satisfy the endorsement policy`,
      details: [],
    });
    const unknown = await failureOf(endorse({}, network.getContract("none")));
    assert.equal(unknown.code, grpc.status.FAILED_PRECONDITION);
    assert.equal(unknown.text, `${context}: No metadata was found for chaincode none in channel trade`);
  });

  it("does not send transient data to organisations that may not have it", async () => {
    host.hasLocalChaincode = false;
    const transientData = { secret: "1" };
    assert.deepEqual(await failureOf(endorse({ transientData })), {
      code: grpc.status.FAILED_PRECONDITION,
      text: "no endorsers found in the gateway's organization; retry specifying endorsing organization(s) to protect transient data",
      details: [],
    });
    host.hasLocalChaincode = true;
    const collection = {
      name: "secrets",
      memberOrgsPolicy: { signaturePolicy: parsePolicy("OR('Brewery.member')") },
      endorsementPolicy: { signaturePolicy: parsePolicy("AND('Brewery.peer', 'Carrier.peer')") },
    };
    host.definitions.set("deal", { ...definition("deal", "OR('Brewery.peer')"), collections: [collection] });
    host.local = { interest: { chaincodes: [{ name: "deal", collectionNames: ["secrets"], noPrivateReads: true }] } };
    const { text } = await failureOf(endorse({ transientData }));
    assert.equal(
      text,
      "requires endorsement from organisation(s) that are not in the distribution policy of the private data collection(s): [secrets]; retry specifying trusted endorsing organizations to protect transient data",
    );
  });

  it("says when time ran out while it waited", async () => {
    host.local = { delayMs: 400 };
    const proposal = contract.newProposal("ship");
    const { code } = await failureOf(proposal.endorse({ deadline: Date.now() + 100 }));
    assert.equal(code, grpc.status.DEADLINE_EXCEEDED);
  });

  it("refuses what is no proposal", async () => {
    const raw = (bytes: Uint8Array) =>
      new Promise<grpc.ServiceError | null>((resolve) => {
        const same = (value: Buffer) => value;
        client.makeUnaryRequest("/gateway.Gateway/Endorse", same, same, Buffer.from(bytes), (error) => resolve(error));
      });
    const empty = await raw(new Uint8Array(0));
    assert.deepEqual(
      [empty?.code, empty?.details],
      [grpc.status.INVALID_ARGUMENT, "the proposed transaction must contain a signed proposal"],
    );
    assert.equal((await raw(Buffer.from("garbage")))?.code, grpc.status.INVALID_ARGUMENT);
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

async function submittedEnvelope(transaction: { submit(): Promise<unknown> }): Promise<Uint8Array> {
  const before = orderer.envelopes.length;
  await transaction.submit();
  return orderer.envelopes[before]!;
}

describe("Submit", () => {
  it("keeps its streams and many envelopes under way", async () => {
    const transactions = await Promise.all(Array.from({ length: 40 }, () => contract.newProposal("ship").endorse()));
    const streams = orderer.streams;
    await Promise.all(transactions.map((each) => each.submit()));
    assert.equal(orderer.envelopes.length, 40);
    assert.ok(orderer.streams - streams <= 4);
  });

  it("reports a refusal, and spares the envelopes behind it", async () => {
    const transactions = await Promise.all(Array.from({ length: 20 }, () => contract.newProposal("ship").endorse()));
    const refused = transactions[3]!.getTransactionId();
    orderer.judge = (envelope) =>
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
    host.ordererAddresses = [down.address, busy.address, orderer.address];
    for (let i = 0; i < 4; i++) await (await contract.newProposal("ship").endorse()).submit();
    assert.equal(orderer.envelopes.length, 4);
    host.ordererAddresses = [down.address, busy.address];
    const { code, text, details } = await failureOf((await contract.newProposal("ship").endorse()).submit());
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
    host.ordererAddresses = [];
    const { code, text } = await failureOf((await contract.newProposal("ship").endorse()).submit());
    assert.deepEqual([code, text], [grpc.status.UNAVAILABLE, "no orderer nodes available"]);
  });
});

describe("CommitStatus", () => {
  it("waits for the commit and says what became of it", async () => {
    const transaction = await contract.newProposal("ship").endorse();
    const submitted = await transaction.submit();
    setTimeout(() => host.commits.set(submitted.getTransactionId(), { code: 11, blockNumber: 42 }), 30);
    const status = await submitted.getStatus();
    assert.deepEqual([status.code, status.successful, status.blockNumber], [11, false, 42n]);
  });

  it("answers those who may read the channel only", async () => {
    const transaction = await contract.newProposal("ship").endorse();
    const submitted = await transaction.submit();
    const bytes = submitted.getBytes();
    const forged = application.newSignedCommit(bytes, Buffer.from("not a signature"));
    const { code, text } = await failureOf(forged.getStatus());
    assert.equal(code, grpc.status.PERMISSION_DENIED);
    assert.match(
      text,
      /^Failed evaluating policy on signed data during check policy on channel \[trade\] with policy \[\/Channel\/Application\/Readers\]/,
    );
  });

  it("stops waiting with its caller", async () => {
    const submitted = await (await contract.newProposal("ship").endorse()).submit();
    const { code } = await failureOf(submitted.getStatus({ deadline: Date.now() + 100 }));
    assert.equal(code, grpc.status.DEADLINE_EXCEEDED);
  });
});

describe("ChaincodeEvents", () => {
  async function take(count: number, options: Parameters<Network["getChaincodeEvents"]>[1]): Promise<string[]> {
    const events = await network.getChaincodeEvents("deal", options);
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
    host.addBlock([]);
    host.addBlock([
      { chaincode: "deal", name: "shipped", txId: "t1" },
      { chaincode: "other", name: "noise", txId: "t2" },
      { chaincode: "deal", name: "undone", txId: "t3", code: 11 },
      { chaincode: "deal", name: "delivered", txId: "t4" },
    ]);
    host.addBlock([{ chaincode: "deal", name: "paid", txId: "t5" }]);
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
    host.addBlock([{ chaincode: "deal", name: "late", txId: "t6" }]);
    assert.deepEqual(await waiting, ["3 late t6"]);
  });

  it("are for those who may read the channel", async () => {
    const request = application.getNetwork("nowhere").newChaincodeEventsRequest("deal");
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
