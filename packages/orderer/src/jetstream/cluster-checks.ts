/** What must hold of several orderers' blocks, whatever was killed; for tests. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { type BlockParts, blockHeaderHash, splitBlock } from "@hansa/wire";
import { TestClient } from "../testing.js";
import type { ClusterLoad } from "./cluster-load.js";
import type { TestCluster } from "./cluster-testing.js";

export type Checked = { readonly blocks: number; readonly messages: number };

/** All orderers are up and hold the same blocks, with every acknowledged message. @throws AssertionError */
export async function checkCluster(cluster: TestCluster, load: ClusterLoad): Promise<Checked> {
  const peer = cluster.orgs[0]!.identity("peer");
  const read = async (i: number) => {
    const client = new TestClient(cluster.address(i) ?? "");
    try {
      const { blocks } = await client.deliver(peer, "trade", { oldest: {} }, { newest: {} });
      return blocks.map((block) => splitBlock(block));
    } finally {
      client.close();
    }
  };
  let chains: BlockParts[][] = [];
  // An orderer that missed messages looks for them after three seconds of silence, and waits for its turn on a busy machine.
  for (let i = 0; i < 300; i++) {
    chains = await Promise.all([0, 1, 2].map(read));
    if (new Set(chains.map(({ length }) => length)).size === 1) break;
    await pause(100);
  }
  const [first, ...others] = chains as [BlockParts[], ...BlockParts[][]];
  const heights = chains.map(({ length }) => length);
  assert.equal(new Set(heights).size, 1, `heights are ${heights.join(", ")}`);
  const fingerprint = ({ header, envelopes }: BlockParts) =>
    `${Buffer.from(blockHeaderHash(header)).toString("hex")} ${envelopes.map((each) => Buffer.from(each).toString("hex"))}`;
  first.forEach((block, number) => {
    const expected = fingerprint(block);
    for (const other of others) assert.equal(fingerprint(other[number]!), expected, `block ${number} differs`);
    const previous = number === 0 ? undefined : Buffer.from(blockHeaderHash(first[number - 1]!.header));
    if (previous !== undefined) assert.deepEqual(Buffer.from(block.header.previousHash), previous);
  });
  const times = new Map<string, number>();
  for (const { envelopes } of first.slice(1)) {
    for (const envelope of envelopes) {
      const name = /m\d+-\d+;/.exec(Buffer.from(envelope).toString("latin1"))?.[0] ?? "?";
      times.set(name, (times.get(name) ?? 0) + 1);
    }
  }
  for (const name of load.acknowledged) assert.ok(times.has(name), `${name} was acknowledged and is lost`);
  for (const [name, count] of times) {
    assert.ok(count <= (load.sent.get(name) ?? 0), `${name} stands ${count} times and was sent less often`);
  }
  return { blocks: first.length, messages: [...times.values()].reduce((sum, count) => sum + count, 0) };
}
