import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger } from "@hansa/primitives";
import { GrpcStatus, RpcServer, RpcStatus } from "@hansa/transport";
import { services } from "@hansa/wire";
import { connectPeer, type PeerConnection } from "./peer-connection.js";
import { endorsementStream } from "./services/endorsement-stream.js";

/** Answers with what it was given; "no" is refused, "slow" takes its time. */
async function endorse(signedProposal: Uint8Array): Promise<Uint8Array> {
  const text = Buffer.from(signedProposal).toString();
  if (text === "slow") await sleep(300);
  if (text === "no") throw new RpcStatus(GrpcStatus.UNKNOWN, "access denied");
  return Buffer.from(`endorsed ${text}`);
}

describe("endorsing at another peer", () => {
  let server: RpcServer;
  let address: string;
  let client: PeerConnection;
  const start = async (at: string, withStreams = true) => {
    server = new RpcServer({ logger: silentLogger });
    if (withStreams) server.addService(services.Endorsements, { Stream: endorsementStream(endorse, 3) });
    server.addService(services.Endorser, { ProcessProposal: endorse });
    address = (await server.listen(at)).address;
  };
  const ask = async (text: string, timeoutMs = 2_000) =>
    Buffer.from(await client.processProposal(Buffer.from(text), { timeoutMs })).toString();

  before(async () => {
    await start("127.0.0.1:0");
    client = connectPeer(address, undefined);
  });
  after(async () => {
    client.close();
    await server.stop({ graceMs: 0 });
  });

  it("answers each request, whatever the order", async () => {
    assert.deepEqual(await Promise.all([ask("slow"), ask("a"), ask("b")]), [
      "endorsed slow",
      "endorsed a",
      "endorsed b",
    ]);
  });

  it("passes refusals on, and ends what takes too long", async () => {
    await assert.rejects(ask("no"), { code: GrpcStatus.UNKNOWN, message: "access denied" });
    await assert.rejects(ask("slow", 20), { code: GrpcStatus.DEADLINE_EXCEEDED });
    const signal = AbortSignal.timeout(10);
    await assert.rejects(client.processProposal(Buffer.from("slow"), { timeoutMs: 2_000, signal }), {
      code: GrpcStatus.CANCELLED,
    });
    await sleep(350);
    assert.equal(await ask("a"), "endorsed a");
  });

  it("refuses more at once than the peer allows", async () => {
    const outcomes = await Promise.allSettled(["slow", "slow", "slow", "a"].map((text) => ask(text)));
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["fulfilled", "fulfilled", "fulfilled", "rejected"],
    );
  });

  it("fails what is open when the peer goes, and works again when it is back", async () => {
    const open = ask("slow");
    const failed = assert.rejects(open, { code: GrpcStatus.UNAVAILABLE });
    await sleep(50);
    await server.stop({ graceMs: 0 });
    await failed;
    // Nobody is there, and the pauses between attempts to connect grow.
    for (let tries = 0; tries < 3; tries++)
      await assert.rejects(ask("a"), { code: GrpcStatus.UNAVAILABLE, message: /ECONNREFUSED/ });
    await start(address);
    // The first call after that finds it: it waits for the next attempt.
    assert.equal(await ask("a"), "endorsed a");
  });

  it("asks a peer without the stream by calls of their own", async () => {
    await server.stop({ graceMs: 0 });
    await start("127.0.0.1:0", false);
    const other = connectPeer(address, undefined);
    // A server takes no proposal that is no protobuf message; these have one field.
    const answers = await Promise.all(
      ["\n\u0001a", "\n\u0001b"].map((text) => other.processProposal(Buffer.from(text), { timeoutMs: 2_000 })),
    );
    assert.deepEqual(answers.map(String), ["endorsed \n\u0001a", "endorsed \n\u0001b"]);
    other.close();
  });
});
