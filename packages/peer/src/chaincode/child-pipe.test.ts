import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import fc from "fast-check";
import { framed, PIPE_DESCRIPTOR, registerBy } from "./child-pipe.js";

/** One end of a pipe whose other end is in the test's hands: what it wrote, and how to give it bytes to read. */
function end() {
  const written: Buffer[] = [];
  const pipe = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk);
      done();
    },
  });
  return { pipe, written, give: (bytes: Buffer | null) => pipe.push(bytes) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function through(messages: readonly Uint8Array[], cutAfter: readonly number[]): Promise<Uint8Array[]> {
  const sender = end();
  const send = framed(sender.pipe, 1_000, { onMessage: () => {}, onEnd: () => {} });
  for (const message of messages) send(message);
  await turn();
  const bytes = Buffer.concat(sender.written);
  assert.ok(sender.written.length <= 1, "one turn, one write");
  const received: Uint8Array[] = [];
  const receiver = end();
  framed(receiver.pipe, 1_000, { onMessage: (message) => received.push(Uint8Array.from(message)), onEnd: () => {} });
  let at = 0;
  for (const size of [...cutAfter, bytes.length]) {
    if (at >= bytes.length) break;
    receiver.give(bytes.subarray(at, at + size));
    at += size;
    await turn();
  }
  await turn();
  return received;
}

describe("frames on a pipe", () => {
  it("arrive whole and in order, however the bytes are cut", async () => {
    const message = fc.uint8Array({ maxLength: 300 });
    const cut = fc.integer({ min: 1, max: 200 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { maxLength: 8 }),
        fc.array(cut, { maxLength: 20 }),
        async (messages, cuts) => {
          const received = await through(messages, cuts);
          assert.deepEqual(received.map(String), messages.map(String));
        },
      ),
      { numRuns: 50 },
    );
  });

  it("above the limit end the pipe, once, and nothing behind them is read", async () => {
    const { pipe, give } = end();
    const ends: (string | undefined)[] = [];
    const received: number[] = [];
    framed(pipe, 10, {
      onMessage: (message) => received.push(message.length),
      onEnd: (reason) => ends.push(reason),
    });
    give(Buffer.from([0, 0, 0, 1, 7, 0, 0, 0, 11, 1, 2, 3, 0, 0, 0, 1, 7]));
    await turn();
    await turn();
    await turn();
    assert.deepEqual(received, [1]);
    assert.deepEqual(ends, ["a message of 11 bytes exceeds 10"]);
    assert.ok(pipe.destroyed);
  });

  it("are not written once the other end is gone", async () => {
    const { pipe, give } = end();
    let ends = 0;
    const send = framed(pipe, 10, { onMessage: () => {}, onEnd: () => ends++ });
    give(null);
    await once(pipe, "close");
    send(Uint8Array.of(1));
    await turn();
    assert.equal(ends, 1);
  });
});

it("a chaincode process registers over the pipe that it inherits, and by gRPC when it registers again", async () => {
  const program = `
    class Message { constructor(bytes) { this.bytes = bytes; } serializeBinary() { return this.bytes; }
      static deserializeBinary(bytes) { return new Message(Buffer.from(bytes)); } }
    class ChaincodeSupportClient { register() { return "by gRPC"; } }
    const framed = ${framed};
    const registerBy = ${registerBy};
    const open = () => new (require("node:net").Socket)({ fd: ${PIPE_DESCRIPTOR}, readable: true, writable: true });
    registerBy({ peer: { ChaincodeMessage: Message, ChaincodeSupportClient } }, open, 1000, framed);
    const stream = new ChaincodeSupportClient().register();
    stream.on("data", (message) => stream.write(new Message(Buffer.concat([Buffer.from("heard "), message.bytes]))));
    stream.on("end", () => console.log(new ChaincodeSupportClient().register()));
    stream.write(new Message(Buffer.from("hello")));`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit", "pipe"] });
  const heard: string[] = [];
  const pipe = child.stdio[PIPE_DESCRIPTOR] as Duplex;
  const send = framed(pipe, 1_000, {
    onMessage: (message) => {
      heard.push(Buffer.from(message).toString());
      if (heard.length === 1) send(Buffer.from("you"));
      else pipe.end();
    },
    onEnd: () => {},
  });
  let output = "";
  child.stdout?.on("data", (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, "close");
  assert.deepEqual(heard, ["hello", "heard you"]);
  assert.equal(output.trim(), "by gRPC");
  assert.equal(code, 0);
});
