import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { silentLogger } from "@hansa/primitives";
import { GrpcStatus, RpcClient, RpcServer, RpcStatus } from "@hansa/transport";
import { decode, encode, orderer, protos, readEnvelope, Status, services, toNumber } from "@hansa/wire";
import { committed } from "./committed.js";
import { testMember } from "./testing/world.js";

const { BLOCK_UNTIL_READY } = orderer.SeekInfo.SeekBehavior;

describe("a peer that is to commit a block", () => {
  it("is waited for until it answers, and no longer than was said", async () => {
    const asked: string[] = [];
    let commit: () => void = () => {};
    const committing = new Promise<void>((resolve) => {
      commit = resolve;
    });
    const server = new RpcServer({ logger: silentLogger });
    server.addService(services.Deliver, {
      DeliverFiltered: async (incoming, { signal }, send) => {
        for await (const bytes of incoming) {
          const { channelHeader, data } = readEnvelope(bytes);
          const { start, stop, behavior } = decode(orderer.SeekInfo, data, "orderer.SeekInfo");
          assert.equal(behavior, BLOCK_UNTIL_READY);
          const numbers = [start, stop].map((position) => toNumber(position?.specified?.number ?? -1));
          asked.push(`${channelHeader.channelId} ${numbers}`);
          if (channelHeader.channelId === "unknown")
            return send(encode(protos.DeliverResponse, { status: Status.NOT_FOUND }));
          if (channelHeader.channelId === "silent")
            return new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
          await committing;
          await send(encode(protos.DeliverResponse, { filteredBlock: { number: 7 } }));
        }
      },
    });
    const { address } = await server.listen("127.0.0.1:0");
    const peer = { name: "peer0", rpc: new RpcClient(address) };
    const { identity } = testMember("Ana");
    const ask = (channelId: string, timeoutMs: number) =>
      committed(peer, identity, { channelId, blockNumber: 7 }, timeoutMs);

    let isDone = false;
    const waiting = ask("trade", 10_000).then(() => {
      isDone = true;
    });
    await ask("unknown", 10_000);
    await assert.rejects(
      ask("silent", 50),
      (error) => error instanceof RpcStatus && error.code === GrpcStatus.DEADLINE_EXCEEDED,
    );
    assert.equal(isDone, false);
    commit();
    await waiting;
    assert.deepEqual(asked, ["trade 7,7", "unknown 7,7", "silent 7,7"]);
    peer.rpc.close();
    await server.stop({ graceMs: 0 });
  });
});
