import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { protos } from "@hansa/wire";
import { ShimType, shimTypeName } from "./shim-message.js";
import { call, mapSimulation, message, register, setup } from "./testing/conversations.js";

const names = (sent: readonly protos.ChaincodeMessage[]) => sent.map((each) => shimTypeName(each.type));

describe("registration of a chaincode", () => {
  it("answers REGISTERED, then READY with what batches it takes", () => {
    const { registry, stream, sent } = setup();
    registry.connect(stream).receive(register("cargo:1"));
    assert.deepEqual(names(sent), ["REGISTERED", "READY"]);
    const parameters = protos.ChaincodeAdditionalParams.decode(sent[1]!.payload);
    assert.deepEqual(
      { ...parameters },
      { useWriteBatch: true, maxSizeWriteBatch: 1000, useGetMultipleKeys: true, maxSizeGetMultipleKeys: 1000 },
    );
    assert.deepEqual(registry.readyIds, ["cargo:1"]);
  });

  it("ends at once when another package id is announced, and tells who waits", async () => {
    const { registry, stream, sent } = setup();
    const waiting = registry.whenReady("cargo:1", 300_000);
    registry.connect(stream, "cargo:1").receive(register("cargo:2"));
    await assert.rejects(waiting, /announced package id "cargo:2", but "cargo:1" was expected/);
    assert.deepEqual(names(sent), ["ERROR"]);
    assert.match(String(stream.closed), /"cargo:1" was expected/);
    assert.deepEqual(registry.readyIds, []);
  });

  it("refuses unknown, second and nameless processes", () => {
    for (const [name, expected] of [
      ["stranger:1", /not installed/],
      ["cargo:1", /duplicate chaincodeID: cargo:1/],
      ["", /chaincodeID name is empty/],
    ] as const) {
      const { registry, stream } = setup();
      registry.connect({ send: () => {}, close: () => {} }).receive(register("cargo:1"));
      registry.connect(stream).receive(register(name));
      assert.match(String(stream.closed), expected);
    }
  });

  it("ends the stream on anything that is no message, and on messages out of place", () => {
    for (const bytes of [
      Buffer.from([0xff, 0xff]),
      Buffer.from([0x1a, 0x7f]),
      message(ShimType.GET_STATE),
      message(99),
    ]) {
      const { registry, stream } = setup();
      registry.connect(stream).receive(bytes);
      assert(stream.closed, bytes.toString());
    }
  });

  it("gives up waiting in time", async () => {
    const { registry, pass } = setup();
    const waiting = registry.whenReady("cargo:1", 500);
    pass(501);
    await assert.rejects(waiting, /cargo:1 is not running/);
    const explained = registry.whenReady("cargo:1", 500, () => new Error("it ended with 1"));
    pass(501);
    await assert.rejects(explained, { message: "it ended with 1" });
  });
});

describe("a chaincode that does not answer", () => {
  it("is stuck when two calls run out of time without a word in between", async () => {
    const { registry, stream, pass, stuck } = setup();
    const connection = registry.connect(stream);
    connection.receive(register("cargo:1"));
    const timeOut = async (txId: string) => {
      const outcome = registry.execute("cargo:1", call(mapSimulation().simulation, { txId }));
      outcome.catch(() => undefined);
      pass(30_001);
      await assert.rejects(outcome, /timeout expired while executing transaction/);
    };
    await timeOut("tx1");
    connection.receive(message(ShimType.KEEPALIVE));
    await timeOut("tx2");
    assert.deepEqual(stuck, []);
    await timeOut("tx3");
    assert.deepEqual(stuck, ["cargo:1"]);
  });
});
