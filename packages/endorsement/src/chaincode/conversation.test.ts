import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Bytes, fromUtf8, toUtf8 } from "@hansa/primitives";
import { encode, protos, queryresult } from "@hansa/wire";
import { ShimType, shimTypeName } from "./shim-message.js";
import type { ChaincodeCall } from "./simulation.js";
import { call, mapSimulation, message, register, setup } from "./testing/conversations.js";

const settle = () => new Promise((resolve) => setImmediate(resolve));
describe("a call", () => {
  function started(entries: Record<string, string> = {}, change: Partial<ChaincodeCall> = {}, limits = {}) {
    const context = setup(limits);
    const connection = context.registry.connect(context.stream);
    connection.receive(register("cargo:1"));
    context.sent.length = 0;
    const { simulation, log } = mapSimulation(entries);
    const outcome = context.registry.execute("cargo:1", call(simulation, change));
    outcome.catch(() => undefined);
    const ask = async (type: number, payload: Bytes) => {
      context.sent.length = 0;
      connection.receive(message(type, payload));
      await settle();
      return context.sent[0]!;
    };
    return { ...context, connection, log, outcome, ask };
  }

  it("sends the transaction with its proposal and returns what completes it", async () => {
    const signedProposal = encode(protos.SignedProposal, { proposalBytes: fromUtf8("p"), signature: fromUtf8("s") });
    const { sent, connection, outcome } = started({}, { signedProposal });
    const [first] = sent;
    assert.equal(shimTypeName(first!.type), "TRANSACTION");
    assert.deepEqual([first!.txid, first!.channelId, toUtf8(first!.proposal!.proposalBytes!)], ["tx1", "trade", "p"]);
    const response = encode(protos.Response, { status: 200, payload: fromUtf8("ok") });
    const chaincodeEvent = { eventName: "shipped", payload: fromUtf8("42") };
    const completed = { type: ShimType.COMPLETED, payload: response, txid: "tx1", channelId: "trade", chaincodeEvent };
    connection.receive(encode(protos.ChaincodeMessage, completed));
    const ended = await outcome;
    assert.equal(ended.type, ShimType.COMPLETED);
    assert.deepEqual(Buffer.from(ended.payload), Buffer.from(response));
    assert.equal(protos.ChaincodeEvent.decode(ended.event!).eventName, "shipped");
  });

  it("answers reads and writes at once, in the namespace of the chaincode", async () => {
    const { ask, log } = started({ alpha: "1", "keep/alpha": "secret" });
    const value = await ask(ShimType.GET_STATE, encode(protos.GetState, { key: "alpha" }));
    assert.deepEqual([shimTypeName(value.type), toUtf8(value.payload), value.txid], ["RESPONSE", "1", "tx1"]);
    const secret = await ask(ShimType.GET_STATE, encode(protos.GetState, { key: "alpha", collection: "keep" }));
    assert.equal(toUtf8(secret.payload), "secret");
    await ask(ShimType.PUT_STATE, encode(protos.PutState, { key: "beta", value: fromUtf8("2") }));
    await ask(ShimType.DEL_STATE, encode(protos.DelState, { key: "alpha" }));
    await ask(ShimType.PURGE_PRIVATE_DATA, encode(protos.DelState, { key: "k", collection: "keep" }));
    const batch = encode(protos.WriteBatchState, {
      rec: [
        { type: ShimType.PUT_STATE, key: "gamma", value: fromUtf8("3") },
        { type: ShimType.PUT_STATE_METADATA, key: "gamma", metadata: { metakey: "VALIDATION_PARAMETER" } },
      ],
    });
    await ask(ShimType.WRITE_BATCH_STATE, batch);
    assert.deepEqual(log, [
      "set cargo beta 2",
      "delete cargo alpha",
      "purge keep k",
      "set cargo gamma 3",
      "metadata gamma VALIDATION_PARAMETER",
    ]);
    const many = await ask(ShimType.GET_STATE_MULTIPLE, encode(protos.GetStateMultiple, { keys: ["alpha", "none"] }));
    assert.deepEqual(
      protos.GetStateMultipleResult.decode(many.payload).values.map((v) => toUtf8(v)),
      ["1", ""],
    );
  });

  it("refuses with Fabric's texts", async () => {
    const cases: [Partial<ChaincodeCall>, number, Bytes, string][] = [
      [
        { permission: () => ({ read: false, write: true }) },
        ShimType.GET_STATE,
        encode(protos.GetState, { key: "a", collection: "keep" }),
        "GET_STATE failed: transaction ID: tx1: tx creator does not have read access permission on privatedata in chaincodeName:cargo collectionName: keep",
      ],
      [
        { permission: () => ({ read: true, write: false }) },
        ShimType.PUT_STATE,
        encode(protos.PutState, { key: "a", collection: "keep" }),
        "PUT_STATE failed: transaction ID: tx1: tx creator does not have write access permission on privatedata in chaincodeName:cargo collectionName: keep",
      ],
      [
        {},
        ShimType.GET_QUERY_RESULT,
        encode(protos.GetQueryResult, { query: "{}" }),
        "GET_QUERY_RESULT failed: transaction ID: tx1: error handling CouchDB request. Error:missing_required_key,  Status Code:400,  Reason:Missing required key: selector",
      ],
      [
        {},
        ShimType.GET_HISTORY_FOR_KEY,
        encode(protos.GetHistoryForKey, { key: "a" }),
        "GET_HISTORY_FOR_KEY failed: transaction ID: tx1: history database is not enabled",
      ],
      [
        { hasCapability: () => false },
        ShimType.PURGE_PRIVATE_DATA,
        encode(protos.DelState, { key: "a", collection: "keep" }),
        "PURGE_PRIVATE_DATA failed: transaction ID: tx1: purge private data is not enabled, channel application capability of V2_5 or later is required",
      ],
      [
        { isInit: true },
        ShimType.PUT_STATE,
        encode(protos.PutState, { key: "a", collection: "keep" }),
        "PUT_STATE failed: transaction ID: tx1: private data APIs are not allowed in chaincode Init()",
      ],
      [
        { simulation: undefined },
        ShimType.GET_STATE,
        encode(protos.GetState, { key: "a" }),
        "GET_STATE failed: transaction ID: tx1: no ledger context",
      ],
    ];
    for (const [change, type, payload, text] of cases) {
      const { ask } = started({}, change);
      const answer = await ask(type, payload);
      assert.deepEqual([shimTypeName(answer.type), toUtf8(answer.payload)], ["ERROR", text]);
    }
  });

  it("batches query results, telling that there is more only when there is", async () => {
    const entries = Object.fromEntries(
      Array.from({ length: 205 }, (_, i) => [`k${String(i).padStart(3, "0")}`, `${i}`]),
    );
    const { ask, log } = started(entries);
    const sizes: [number, boolean][] = [];
    let response = protos.QueryResponse.decode(
      (await ask(ShimType.GET_STATE_BY_RANGE, encode(protos.GetStateByRange, { startKey: "", endKey: "" }))).payload,
    );
    const first = queryresult.KV.decode(response.results[0]!.resultBytes!);
    assert.deepEqual([first.namespace, first.key, toUtf8(first.value)], ["cargo", "k000", "0"]);
    for (;;) {
      sizes.push([response.results.length, response.hasMore]);
      if (!response.hasMore) break;
      response = protos.QueryResponse.decode(
        (await ask(ShimType.QUERY_STATE_NEXT, encode(protos.QueryStateNext, { id: response.id }))).payload,
      );
    }
    assert.deepEqual(sizes, [
      [100, true],
      [100, true],
      [5, false],
    ]);
    assert.equal(log.at(-1), "close");
    const closed = await ask(ShimType.QUERY_STATE_CLOSE, encode(protos.QueryStateClose, { id: response.id }));
    assert.equal(shimTypeName(closed.type), "RESPONSE");
    const gone = await ask(ShimType.QUERY_STATE_NEXT, encode(protos.QueryStateNext, { id: response.id }));
    assert.match(toUtf8(gone.payload), /query iterator not found/);
  });

  it("ends a page by its size and says where the next begins", async () => {
    const { ask } = started({ a: "1", b: "2", c: "3", d: "4" });
    const metadata = encode(protos.QueryMetadata, { pageSize: 2, bookmark: "b" });
    const range = encode(protos.GetStateByRange, { startKey: "a", endKey: "", metadata });
    const page = protos.QueryResponse.decode((await ask(ShimType.GET_STATE_BY_RANGE, range)).payload);
    assert.equal(page.hasMore, false);
    assert.deepEqual(
      page.results.map((r) => queryresult.KV.decode(r.resultBytes!).key),
      ["b", "c"],
    );
    const about = protos.QueryResponseMetadata.decode(page.metadata);
    assert.deepEqual([about.fetchedRecordsCount, about.bookmark], [2, "d"]);
  });

  it("bounds what is held open", async () => {
    const { ask } = started({ a: "1" }, {}, { maxOpenQueries: 1, queryBatch: 0 });
    await ask(ShimType.GET_STATE_BY_RANGE, encode(protos.GetStateByRange, {}));
    const second = await ask(ShimType.GET_STATE_BY_RANGE, encode(protos.GetStateByRange, {}));
    assert.match(toUtf8(second.payload), /more than 1 queries are open/);
  });

  it("wraps the outcome of a called chaincode into a message", async () => {
    const response = encode(protos.Response, { status: 200, payload: fromUtf8("nested") });
    const invoke = async (target: string, input: Bytes) => {
      assert.equal(target, "other/second");
      assert.deepEqual(
        protos.ChaincodeInput.decode(input).args.map((a) => toUtf8(a)),
        ["f"],
      );
      return { type: ShimType.COMPLETED, payload: response, event: fromUtf8("") };
    };
    const { ask } = started({}, { invoke });
    const spec = encode(protos.ChaincodeSpec, {
      chaincodeId: { name: "other/second" },
      input: { args: [fromUtf8("f")] },
    });
    const answer = await ask(ShimType.INVOKE_CHAINCODE, spec);
    const nested = protos.ChaincodeMessage.decode(answer.payload);
    assert.equal(nested.type, ShimType.COMPLETED);
    assert.equal(toUtf8(protos.Response.decode(nested.payload).payload), "nested");
  });

  it("refuses a second execution of the same transaction, keeps others apart", async () => {
    const { registry, sent } = started();
    const { simulation } = mapSimulation();
    await assert.rejects(registry.execute("cargo:1", call(simulation)), /txid: tx1\(trade\) exists/);
    registry.execute("cargo:1", call(simulation, { channelId: "other" })).catch(() => undefined);
    assert.equal(sent.length, 2);
  });

  it("ends by time-out, and a late answer harms nobody", async () => {
    const { pass, outcome, connection, sent } = started();
    pass(30_000);
    await assert.rejects(outcome, { message: "timeout expired while executing transaction" });
    connection.receive(message(ShimType.COMPLETED, encode(protos.Response, { status: 200 })));
    sent.length = 0;
    connection.receive(message(ShimType.GET_STATE, encode(protos.GetState, { key: "a" })));
    assert.match(toUtf8(sent[0]!.payload), /GET_STATE failed: transaction ID: tx1: no ledger context/);
  });

  it("fails when the stream ends", async () => {
    const { outcome, connection, registry } = started();
    connection.closed();
    await assert.rejects(outcome, { message: "chaincode stream terminated" });
    await assert.rejects(registry.execute("cargo:1", call(mapSimulation().simulation)), /cargo:1 is not running/);
  });

  it("refuses an event above the bound", async () => {
    const { outcome, connection } = started({}, {}, { maxEventBytes: 100 });
    const chaincodeEvent = { eventName: "big", payload: Buffer.alloc(200) };
    connection.receive(
      encode(protos.ChaincodeMessage, { type: ShimType.COMPLETED, txid: "tx1", channelId: "trade", chaincodeEvent }),
    );
    await assert.rejects(outcome, /exceeds 100/);
  });
});
