/** What a server and a client endure: pressure, big messages, odd peers, stops and restarts. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectHttp2, constants } from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger } from "@hansa/primitives";
import { RpcServer } from "./server.js";
import { GrpcStatus, RpcStatus } from "./status.js";
import { bytes, dial, Echo, refused, serve } from "./testing/echo.js";

const never = () => new Promise<never>(() => {});

describe("pressure", () => {
  it("stops the sender while the receiver is busy with a message", async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let received = 0;
    const { address } = await serve({
      Talk: (incoming) =>
        new Promise((resolve, reject) => {
          const take = async () => {
            received++;
            await gate;
          };
          incoming.subscribe(take, (error) => (error ? reject(error) : resolve()));
        }),
    });
    const call = dial(address).bidi(Echo.methods.Talk);
    const over = new Promise<Error | undefined>((resolve) => call.incoming.subscribe(() => {}, resolve));
    const chunk = Buffer.alloc(64 * 1024);
    let sent = 0;
    while (sent < 1_000) {
      const room = call.send(chunk);
      sent++;
      if (room && (await Promise.race([room.then(() => "room"), sleep(200, "full")])) === "full") break;
    }
    assert.ok(sent < 1_000, "the sender was never held up");
    assert.equal(received, 1);
    open();
    call.end();
    assert.equal(await over, undefined);
    assert.equal(received, sent);
  });

  for (const [size, most] of [
    [1024 * 1024, 3],
    [8 * 1024, 60],
  ] as const) {
    it(`holds few messages of ${size} bytes for a client that never reads`, async () => {
      let sent = 0;
      let isOver = false;
      const { address } = await serve({
        Many: async (_request, context, send) => {
          while (!context.signal.aborted && sent < 1_000) {
            await send(Buffer.alloc(size, sent));
            sent++;
          }
          isOver = true;
        },
      });
      const session = connectHttp2(`http://${address}`);
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: "POST",
        [constants.HTTP2_HEADER_PATH]: Echo.methods.Many.path,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
        [constants.HTTP2_HEADER_TE]: "trailers",
      });
      stream.on("error", () => {});
      stream.pause();
      stream.end(Buffer.alloc(5));
      while (sent === 0 && size < 64 * 1024) await sleep(5);
      await sleep(200);
      assert.ok(sent <= most, `${sent} messages were taken for a client that reads none`);
      assert.equal(isOver, false);
      stream.close(constants.NGHTTP2_CANCEL);
      session.destroy();
      for (let attempt = 0; !isOver; attempt++) {
        assert.ok(attempt < 200, "the sender still waits for a client that is gone");
        await sleep(10);
      }
    });
  }

  it("takes thousands of messages from a sender that does not wait, without piling up listeners", async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on("warning", warn);
    const { address } = await serve({
      Talk: (incoming, _context, send) =>
        new Promise((resolve) =>
          incoming.subscribe(
            (message) => void send(message),
            () => resolve(),
          ),
        ),
    });
    const call = dial(address).bidi(Echo.methods.Talk);
    let heard = 0;
    const over = new Promise<Error | undefined>((resolve) => call.incoming.subscribe(() => heard++, resolve));
    for (let n = 0; n < 5_000; n++) call.send(bytes(`message ${n}`));
    call.end();
    assert.equal(await over, undefined);
    assert.equal(heard, 5_000);
    await sleep(0);
    process.off("warning", warn);
    assert.deepEqual(warnings, []);
  });

  it("answers hundreds of calls at once on one connection", async () => {
    const { address } = await serve({ Once: async (message) => sleep(5, message) });
    const client = dial(address);
    const answers = await Promise.all(
      Array.from({ length: 400 }, (_, n) => client.unary(Echo.methods.Once, bytes(String(n)))),
    );
    assert.deepEqual(
      answers.map(String),
      Array.from({ length: 400 }, (_, n) => String(n)),
    );
  });

  it("refuses streams above the limit, and admits again when one ends", async () => {
    const { address } = await serve(
      {
        Talk: async (incoming, _context, send) => {
          for await (const message of incoming) await send(message);
        },
      },
      { service: { maxConcurrentCalls: 1 } },
    );
    const client = dial(address);
    const talk = async () => {
      const call = client.bidi(Echo.methods.Talk);
      call.send(bytes("a"));
      for await (const _ of call.incoming) return call;
      return call;
    };
    const first = await talk();
    await assert.rejects(
      talk(),
      refused(GrpcStatus.UNKNOWN, /^too many requests for \/test\.Echo, exceeding concurrency limit \(1\)$/),
    );
    first.close();
    for (let attempt = 0; ; attempt++) {
      try {
        (await talk()).close();
        break;
      } catch (error) {
        assert.ok(attempt < 50, String(error));
        await sleep(10);
      }
    }
  });
});

describe("messages", () => {
  it("of 20 MB pass, both ways", async () => {
    const { address } = await serve({ Once: (message) => message });
    const big = Buffer.alloc(20 << 20, 3);
    assert.ok(big.equals(await dial(address).unary(Echo.methods.Once, big)));
  });

  it("above the server's limit are refused as RESOURCE_EXHAUSTED, in calls and in streams", async () => {
    const { address } = await serve(
      {
        Once: (message) => message,
        Talk: async (incoming, _context, send) => {
          for await (const message of incoming) await send(message);
        },
      },
      { maxMessageBytes: 1_000 },
    );
    const client = dial(address);
    const big = Buffer.alloc(2_000);
    await assert.rejects(
      client.unary(Echo.methods.Once, big),
      refused(GrpcStatus.RESOURCE_EXHAUSTED, /^grpc: received message larger than max \(2000 vs\. 1000\)$/),
    );
    const call = client.bidi(Echo.methods.Talk);
    call.send(big);
    const read = async () => {
      for await (const _ of call.incoming);
    };
    await assert.rejects(read(), refused(GrpcStatus.RESOURCE_EXHAUSTED));
    assert.equal((await client.unary(Echo.methods.Once, bytes("still"))).toString(), "still");
  });
});

describe("peers", () => {
  it("may ping as often as they like", async () => {
    const { address } = await serve({ Once: (message) => message });
    const session = connectHttp2(`http://${address}`);
    let goaway: number | undefined;
    session.on("goaway", (code) => {
      goaway = code;
    });
    await once(session, "connect");
    for (let n = 0; n < 100; n++) {
      await new Promise<void>((resolve, reject) => {
        session.ping((error) => (error ? reject(error) : resolve()));
      });
    }
    assert.equal(goaway, undefined);
    assert.equal(session.closed, false);
    session.close();
  });

  it("that send frames which are no message get a status, and others are still served", async () => {
    const { address, port } = await serve({ Once: (message) => message, Talk: never });
    const session = connectHttp2(`http://${address}`);
    for (const garbage of [Buffer.alloc(50, 0xff), Buffer.from("00000000ff01", "hex"), Buffer.alloc(3)]) {
      for (const path of [Echo.methods.Once.path, Echo.methods.Talk.path]) {
        const stream = session.request({
          [constants.HTTP2_HEADER_METHOD]: "POST",
          [constants.HTTP2_HEADER_PATH]: path,
          [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
          [constants.HTTP2_HEADER_TE]: "trailers",
        });
        stream.on("error", () => {});
        stream.end(garbage);
        await Promise.race([new Promise((resolve) => stream.on("close", resolve).resume()), sleep(100)]);
        stream.close();
      }
    }
    session.destroy();
    await new Promise<void>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.end("GET / HTTP/1.1\r\n\r\n"));
      socket.on("error", () => {});
      socket.on("close", () => resolve()).resume();
    });
    assert.equal((await dial(address).unary(Echo.methods.Once, bytes("still"))).toString(), "still");
  });

  it("that leave end the server's iteration of what they sent", async () => {
    let left: (how: string) => void = () => {};
    const over = new Promise<string>((resolve) => {
      left = resolve;
    });
    const { address } = await serve({
      Talk: async (incoming, context, send) => {
        await send(bytes("hello"));
        for await (const _ of incoming);
        if (!context.signal.aborted) await once(context.signal, "abort");
        left("iteration over, signal aborted");
      },
    });
    const call = dial(address).bidi(Echo.methods.Talk);
    for await (const _ of call.incoming) break;
    call.close();
    assert.equal(await over, "iteration over, signal aborted");
  });

  it("hear of the deadline that their client set", async () => {
    let deadline: number | undefined;
    const { address } = await serve({
      Once: (message, context) => {
        deadline = context.deadlineMs;
        return message;
      },
    });
    const client = dial(address);
    await client.unary(Echo.methods.Once, bytes(""));
    assert.equal(deadline, undefined);
    await client.unary(Echo.methods.Once, bytes(""), { timeoutMs: 5_000 });
    assert.ok(deadline !== undefined && Math.abs(deadline - Date.now() - 5_000) < 2_000);
  });
});

describe("stopping", () => {
  /** A handler that takes its time; `begun` resolves when it is first called. */
  const slowly = (ms: number) => {
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const answer = (message: Uint8Array) => {
      begin();
      return sleep(ms, message);
    };
    return { answer, begun };
  };

  it("lets a call under way finish, and takes no more", async () => {
    const { answer, begun } = slowly(100);
    const { server, address } = await serve({ Once: answer });
    const client = dial(address);
    const last = client.unary(Echo.methods.Once, bytes("last"));
    await begun;
    const stopped = server.stop({ graceMs: 2_000 });
    assert.equal((await last).toString(), "last");
    await stopped;
    await server.stop();
    await assert.rejects(client.unary(Echo.methods.Once, bytes(""), { timeoutMs: 300 }));
  });

  it("ends streams as soon as no call is under way", async () => {
    const { answer, begun } = slowly(100);
    const { server, address } = await serve({ Once: answer, Talk: never });
    const client = dial(address);
    const call = client.bidi(Echo.methods.Talk);
    const order: string[] = [];
    const over = new Promise<Error | undefined>((resolve) => call.incoming.subscribe(() => {}, resolve));
    call.send(bytes("a"));
    const last = client.unary(Echo.methods.Once, bytes("last")).then(() => order.push("call"));
    await begun;
    const stopped = server.stop({ graceMs: 5_000 }).then(() => order.push("stopped"));
    const error = await over;
    order.push("stream");
    assert.ok(error instanceof RpcStatus && error.code === GrpcStatus.UNAVAILABLE);
    await Promise.all([last, stopped]);
    assert.deepEqual([...order].sort(), ["call", "stopped", "stream"]);
    assert.equal(order.at(-1), "stopped");
  });

  it("ends clients' streams of Fabric's services at once, as a connection that drops would", async () => {
    const { answer, begun } = slowly(100);
    const ChaincodeEvents = {
      path: "/gateway.Gateway/ChaincodeEvents",
      requestStream: false,
      responseStream: true,
    } as const;
    const server = new RpcServer({ logger: silentLogger });
    server.addService(Echo, { Once: answer });
    server.addService({ name: "gateway.Gateway", methods: { ChaincodeEvents } }, { ChaincodeEvents: never });
    const { address } = await server.listen("127.0.0.1:0");
    const client = dial(address);
    const order: string[] = [];
    const over = new Promise<Error | undefined>((resolve) =>
      client.serverStream(ChaincodeEvents, bytes("")).incoming.subscribe(() => {}, resolve),
    ).finally(() => order.push("stream"));
    const last = client.unary(Echo.methods.Once, bytes("last")).finally(() => order.push("call"));
    await begun;
    const stopped = server.stop({ graceMs: 2_000 });
    assert.ok(refused(GrpcStatus.UNAVAILABLE, /^the server is stopping$/)(await over));
    assert.equal((await last).toString(), "last");
    assert.deepEqual(order, ["stream", "call"]);
    await stopped;
  });

  it("fails calls with UNAVAILABLE whatever the stop makes them fail with", async () => {
    let fail = (_reason: Error) => {};
    const failing = new Promise<Uint8Array>((_resolve, reject) => {
      fail = reject;
    });
    const { server, address } = await serve({ Once: () => failing });
    const call = assert.rejects(
      dial(address).unary(Echo.methods.Once, bytes("")),
      refused(GrpcStatus.UNAVAILABLE, /^the server is stopping$/),
    );
    await sleep(50);
    const stopped = server.stop({ graceMs: 2_000 });
    fail(new RpcStatus(GrpcStatus.ABORTED, "channel trade is closing"));
    await Promise.all([call, stopped]);
  });

  it("ends what hangs on a socket of the file system, too", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "transport-"));
    const { server, address } = await serve({ Once: never }, { at: `unix:${path.join(folder, "socket")}` });
    const hanging = assert.rejects(dial(address).unary(Echo.methods.Once, bytes("")), RpcStatus);
    await sleep(50);
    const before = Date.now();
    await server.stop({ graceMs: 50 });
    assert.ok(Date.now() - before < 1_500);
    await hanging;
    await rm(folder, { recursive: true });
  });

  it("ends calls that do not finish in time", async () => {
    const { server, address } = await serve({ Once: never });
    const hanging = assert.rejects(dial(address).unary(Echo.methods.Once, bytes("")), RpcStatus);
    await sleep(50);
    const before = Date.now();
    await server.stop({ graceMs: 50 });
    assert.ok(Date.now() - before < 1_500);
    await hanging;
  });

  it("is noticed by clients, which come back when the server does", async () => {
    const handlers = { Once: (message: Uint8Array) => message };
    const { server, address } = await serve(handlers);
    const client = dial(address);
    await client.unary(Echo.methods.Once, bytes("before"));
    await server.stop({ graceMs: 0 });
    await assert.rejects(client.unary(Echo.methods.Once, bytes("while")), refused(GrpcStatus.UNAVAILABLE));
    await serve(handlers, { at: address });
    await client.waitReady(3_000);
    assert.equal((await client.unary(Echo.methods.Once, bytes("after"))).toString(), "after");
  });
});
