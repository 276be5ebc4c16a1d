import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HansaError, silentLogger } from "@hansa/primitives";
import { RpcServer } from "./server.js";
import { GrpcStatus, packAny, plainReason, RpcStatus } from "./status.js";
import { bytes, dial, Echo, refused, serve } from "./testing/echo.js";

describe("unary calls", () => {
  it("carry the same bytes both ways", async () => {
    const client = dial((await serve({ Once: (request) => request })).address);
    const megabyte = Buffer.alloc(1 << 20, 7);
    assert.deepEqual(Buffer.from(await client.unary(Echo.methods.Once, megabyte)), megabyte);
  });

  it("carry a status, its text and its details", async () => {
    const detail = packAny("test.Detail", bytes("why"));
    const { address } = await serve({
      Once: () => {
        throw new RpcStatus(GrpcStatus.ABORTED, "no: é", [detail]);
      },
    });
    await assert.rejects(dial(address).unary(Echo.methods.Once, bytes("")), (error: unknown) => {
      assert.ok(error instanceof RpcStatus);
      assert.equal(error.code, GrpcStatus.ABORTED);
      assert.deepEqual(error.details.map(Buffer.from), [Buffer.from(detail)]);
      return true;
    });
  });

  it("hide an unforeseen failure behind INTERNAL", async () => {
    const client = dial((await serve({ Once: () => Promise.reject(new Error("secret path")) })).address);
    await assert.rejects(client.unary(Echo.methods.Once, bytes("")), (error: unknown) => {
      assert.ok(error instanceof RpcStatus && error.code === GrpcStatus.INTERNAL);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });

  it("answer UNIMPLEMENTED where there is no handler", async () => {
    const client = dial((await serve({})).address);
    await assert.rejects(client.unary(Echo.methods.Once, bytes("")), refused(GrpcStatus.UNIMPLEMENTED));
  });

  it("end by deadline and by the caller's signal", async () => {
    const client = dial((await serve({ Once: () => new Promise(() => {}) })).address);
    const controller = new AbortController();
    const aborted = client.unary(Echo.methods.Once, bytes(""), { signal: controller.signal });
    const late = client.unary(Echo.methods.Once, bytes(""), { timeoutMs: 50 });
    await assert.rejects(late, refused(GrpcStatus.DEADLINE_EXCEEDED));
    controller.abort();
    await assert.rejects(aborted, refused(GrpcStatus.CANCELLED));
  });

  it("are refused above the limit, and admitted again below it", async () => {
    let release = () => {};
    const held = new Promise<Uint8Array>((resolve) => {
      release = () => resolve(bytes("done"));
    });
    const client = dial((await serve({ Once: () => held }, { service: { maxConcurrentCalls: 1 } })).address);
    const first = client.unary(Echo.methods.Once, bytes(""));
    await assert.rejects(client.unary(Echo.methods.Once, bytes("")), refused(GrpcStatus.UNKNOWN, /limit \(1\)/));
    release();
    await first;
    await client.unary(Echo.methods.Once, bytes(""));
  });
});

describe("streams", () => {
  it("send many answers to one request, with backpressure", async () => {
    const chunk = Buffer.alloc(256 * 1024, 1);
    const count = 40;
    const { address } = await serve({
      Many: async (_request, _context, send) => {
        for (let n = 0; n < count; n++) await send(chunk);
      },
    });
    const client = dial(address);
    let received = 0;
    for await (const message of client.serverStream(Echo.methods.Many, bytes("")).incoming) received += message.length;
    assert.equal(received, count * chunk.length);
  });

  it("go both ways, iterated or subscribed to", async () => {
    const { address } = await serve({
      Talk: async (incoming, _context, send) => {
        for await (const message of incoming) await send(Buffer.concat([bytes("re:"), message]));
      },
    });
    const client = dial(address);
    const call = client.bidi(Echo.methods.Talk);
    const heard: string[] = [];
    const over = new Promise<Error | undefined>((resolve) => {
      call.incoming.subscribe((message) => heard.push(Buffer.from(message).toString()), resolve);
    });
    call.send(bytes("a"));
    call.send(bytes("b"));
    call.end();
    assert.equal(await over, undefined);
    assert.deepEqual(heard, ["re:a", "re:b"]);
  });

  it("tell the server when the client goes away", async () => {
    let gone = () => {};
    const cancelled = new Promise<void>((resolve) => {
      gone = resolve;
    });
    const { address } = await serve({
      Talk: (_incoming, context, send) => {
        context.signal.addEventListener("abort", gone);
        send(bytes("hello"));
        return new Promise(() => {});
      },
    });
    const client = dial(address);
    const call = client.bidi(Echo.methods.Talk);
    for await (const _first of call.incoming) break;
    call.close();
    await cancelled;
  });

  it("end with the status that the handler threw", async () => {
    const { address } = await serve({
      Talk: async () => {
        throw new RpcStatus(GrpcStatus.NOT_FOUND, "nothing here");
      },
    });
    const client = dial(address);
    const read = async () => {
      for await (const _ of client.bidi(Echo.methods.Talk).incoming);
    };
    await assert.rejects(read(), refused(GrpcStatus.NOT_FOUND, /nothing here/));
  });
});

describe("listening", () => {
  it("names the address that is taken", async () => {
    const { address } = await serve({});
    const second = new RpcServer({ logger: silentLogger });
    await assert.rejects(second.listen(address), (error: unknown) => {
      assert.ok(error instanceof HansaError);
      assert.equal(error.code, "PORT_IN_USE");
      assert.ok(error.message.includes(address));
      return true;
    });
  });

  it("reports a server that is not there as UNAVAILABLE", async () => {
    await assert.rejects(dial("127.0.0.1:1").waitReady(300), refused(GrpcStatus.UNAVAILABLE));
    await assert.rejects(
      dial("127.0.0.1:1").waitReady(300),
      /no connection to 127\.0\.0\.1:1 within 300 ms: connect ECONNREFUSED 127\.0\.0\.1:1$/,
    );
  });
});

describe("what the gRPC library says of a call without an answer", () => {
  it("is told without its developers' notes", () => {
    const late = "Deadline exceeded after 5.002s,name resolution: 0.009s,metadata filters: 0.001s,Waiting for LB pick";
    assert.equal(plainReason(late), "Deadline exceeded after 5.002s");
    const refused = "No connection established. Last error: Error: read ECONNRESET. Resolution note: ";
    assert.equal(plainReason(refused), "no connection: read ECONNRESET");
    assert.equal(plainReason("the chaincode said no"), "the chaincode said no");
  });
});
