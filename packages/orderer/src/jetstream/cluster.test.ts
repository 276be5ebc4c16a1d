/** Three orderers and three NATS servers, all real processes, some of them killed. The long run: cluster-main.ts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { checkCluster } from "./cluster-checks.js";
import { ClusterLoad } from "./cluster-load.js";
import { startCluster } from "./cluster-testing.js";
import { findNatsServer } from "./server-binary.js";

const program = findNatsServer(process.env.PATH ?? "");
const skip = program === undefined ? "no nats-server on this machine: run scripts/install-nats.sh" : false;

describe("a cluster of orderers and NATS servers", { skip }, () => {
  it("goes on within 2 s when an orderer or a follower of the stream is killed, and loses nothing", async () => {
    const cluster = await startCluster(program as string);
    try {
      await Promise.all([0, 1, 2].map((i) => cluster.startOrderer(i)));
      const load = new ClusterLoad(cluster, cluster.orgs[0]!.identity("client"));
      load.start(4);
      await pause(500);
      let since = performance.now();
      await cluster.killOrderer(1);
      await pause(2_500);
      const withoutOrderer = load.longestPause(since);
      await cluster.startOrderer(1);

      const leader = await cluster.leader();
      assert.ok(leader !== undefined);
      since = performance.now();
      await cluster.killServer((leader + 1) % 3);
      await pause(2_500);
      const withoutServer = load.longestPause(since);
      cluster.startServer((leader + 1) % 3);
      await load.stop();
      const { messages } = await checkCluster(cluster, load);
      assert.ok(messages > 20, `only ${messages} messages were ordered`);
      assert.ok(withoutOrderer < 2_000, `without an orderer clients waited for ${withoutOrderer} ms`);
      assert.ok(withoutServer < 3_000, `without a server clients waited for ${withoutServer} ms`);
    } finally {
      await cluster.stop();
    }
  });
});
