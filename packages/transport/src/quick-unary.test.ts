/** Unary calls as they come off the wire, odd ones included: raw HTTP/2 against a server. */
import assert from "node:assert/strict";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { GrpcStatus, RpcStatus } from "./status.js";
import { Echo, serve } from "./testing/echo.js";

type Answer = { headers: IncomingHttpHeaders; trailers: IncomingHttpHeaders; body: Buffer };

const LIMIT = 1_000;
const gone: string[] = [];
let session: ReturnType<typeof connect>;

before(async () => {
  const { address } = await serve(
    {
      Once: async (message, context) => {
        const text = Buffer.from(message).toString();
        if (text === "fail") throw new RpcStatus(GrpcStatus.ABORTED, "half a \ud83c, 100 % ünwanted");
        if (text === "ends") context.signal.addEventListener("abort", () => gone.push("ends"));
        if (text.startsWith("wait") || text === "ends") await sleep(300);
        return message;
      },
    },
    { maxMessageBytes: LIMIT },
  );
  session = connect(`http://${address}`);
});
after(() => session.close());

function frame(message: string | Buffer, size = message.length, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(size, 1);
  return Buffer.concat([head, Buffer.from(message)]);
}

function request(extra: Record<string, string> = {}) {
  const { path } = Echo.methods.Once;
  return session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", ...extra });
}

async function call(parts: readonly Buffer[], extra: Record<string, string> = {}): Promise<Answer> {
  const stream = request(extra);
  const answer: Answer = { headers: {}, trailers: {}, body: Buffer.alloc(0) };
  stream.on("response", (headers) => Object.assign(answer, { headers }));
  stream.on("trailers", (trailers) => Object.assign(answer, { trailers }));
  stream.on("data", (chunk: Buffer) => Object.assign(answer, { body: Buffer.concat([answer.body, chunk]) }));
  const closed = new Promise<void>((resolve, reject) => stream.on("close", resolve).on("error", reject));
  for (const part of parts) {
    stream.write(part);
    if (parts.length > 1) await sleep(2);
  }
  stream.end();
  await closed;
  return answer;
}

const statusOf = ({ headers, trailers }: Answer) => Number(trailers["grpc-status"] ?? headers["grpc-status"]);

describe("a unary call on the wire", () => {
  it("is answered with headers, one message and trailers", async () => {
    const answer = await call([frame("beer")]);
    assert.equal(answer.headers[":status"], 200);
    assert.match(String(answer.headers["content-type"]), /^application\/grpc/);
    assert.deepEqual(answer.body, frame("beer"));
    assert.equal(answer.trailers["grpc-status"], "0");
  });

  it("may come byte by byte, or empty", async () => {
    const bytes = [...frame("beer")].map((byte) => Buffer.of(byte));
    assert.deepEqual((await call(bytes)).body, frame("beer"));
    assert.deepEqual((await call([frame("")])).body, frame(""));
  });

  it("must hold one whole message and no more", async () => {
    for (const wrong of [[], [Buffer.alloc(3)], [frame("half", 8)], [frame("one"), frame("two")]]) {
      assert.equal(statusOf(await call(wrong)), GrpcStatus.UNIMPLEMENTED);
    }
  });

  it("that announces too much is refused before it has come", async () => {
    const stream = request();
    const headers = await new Promise<IncomingHttpHeaders>((resolve) => {
      stream.on("response", resolve);
      stream.write(frame("", LIMIT + 1));
    });
    assert.equal(Number(headers["grpc-status"]), GrpcStatus.RESOURCE_EXHAUSTED);
    stream.close();
  });

  it("carries any text in its status", async () => {
    const answer = await call([frame("fail")]);
    assert.equal(statusOf(answer), GrpcStatus.ABORTED);
    assert.equal(decodeURI(String(answer.headers["grpc-message"])), "half a \ufffd, 100 % ünwanted");
  });

  it("ends at its deadline", async () => {
    const answer = await call([frame("wait")], { "grpc-timeout": "20m" });
    assert.equal(statusOf(answer), GrpcStatus.DEADLINE_EXCEEDED);
    assert.equal(statusOf(await call([frame("wait")], { "grpc-timeout": "5S" })), GrpcStatus.OK);
  });

  it("tells its handler when the client goes", async () => {
    const stream = request();
    stream.on("error", () => {});
    stream.end(frame("ends"));
    await sleep(50);
    stream.close(8);
    await sleep(50);
    assert.deepEqual(gone, ["ends"]);
  });

  it("is left to grpc-js when it is compressed, or odd", async () => {
    const packed = gzipSync("beer");
    const answer = await call([frame(packed, packed.length, 1)], { "grpc-encoding": "gzip" });
    assert.deepEqual(answer.body, frame("beer"));
    assert.equal((await call([frame("beer")], { "content-type": "text/plain" })).headers[":status"], 415);
    assert.equal(statusOf(await call([frame("beer")], { "grpc-timeout": "soon" })), GrpcStatus.INTERNAL);
  });
});
