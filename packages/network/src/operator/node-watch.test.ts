import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, hansa, toLong } from "@hansa/wire";
import { NodeWatch } from "./node-watch.js";

function told(revision: number, state: string): Uint8Array {
  const node = { nodeId: "nd-A", kind: "peer", memberId: "m-A", state, address: "127.0.0.1:1", host: "a" };
  return encode(hansa.operation.NodesResponse, { nodes: [node], revision: toLong(revision) });
}

const states = (watch: NodeWatch) => watch.nodes?.map(({ state }) => state);

test("what nodes do is known for as long as their supervisor is heard", async () => {
  let now = 10_000;
  const watch = new NodeWatch(() => now);
  assert.equal(states(watch), undefined);
  let end: (value: IteratorResult<Uint8Array>) => void = () => {};
  const messages = [told(1, "running")];
  const stream: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const value = messages.shift();
        if (value !== undefined) return Promise.resolve({ value, done: false });
        return new Promise((resolve) => {
          end = resolve;
        });
      },
    }),
  };
  const followed = watch.follow(stream);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(states(watch), ["running"]);
  now += 2_999;
  assert.deepEqual(states(watch), ["running"]);
  now += 1;
  assert.equal(states(watch), undefined, "not heard for three beats");
  watch.hear(told(1, "running"));
  assert.deepEqual(states(watch), ["running"]);
  end({ value: undefined, done: true });
  await followed;
  assert.equal(states(watch), undefined, "the supervisor is gone");
});

test("an answer that was overtaken changes nothing", () => {
  const watch = new NodeWatch();
  watch.hear(told(7, "restarting"));
  assert.equal(watch.hear(told(6, "running"))[0]?.state, "running");
  assert.deepEqual(states(watch), ["restarting"]);
  watch.hear(told(8, "running"));
  assert.deepEqual(states(watch), ["running"]);
});
