/** Three orderers and three NATS servers, all real processes, some of them killed. The long run: cluster-main.ts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { messageOf, silentLogger } from "@hansa/primitives";
import { testTls } from "../testing.js";
import { checkCluster } from "./cluster-checks.js";
import { ClusterLoad } from "./cluster-load.js";
import { startCluster } from "./cluster-testing.js";
import { NatsStreams } from "./nats.js";
import { findNatsServer } from "./server-binary.js";

import type { JetStreamSettings } from "./settings.js";
import { newNatsUser } from "./users.js";

const program = findNatsServer(process.env.PATH ?? "");
const skip = program === undefined ? "no nats-server on this machine: run scripts/install-nats.sh" : false;

describe("a cluster of orderers and NATS servers", { skip }, () => {
  it("goes on when an orderer or a follower of the stream is killed, and loses nothing", async () => {
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

      // On a busy machine the servers may be electing one just now.
      let leader = await cluster.leader();
      for (let i = 0; i < 100 && leader === undefined; i++) {
        await pause(200);
        leader = await cluster.leader();
      }
      assert.ok(leader !== undefined);
      since = performance.now();
      await cluster.killServer((leader + 1) % 3);
      await pause(2_500);
      const withoutServer = load.longestPause(since);
      cluster.startServer((leader + 1) % 3);
      await load.stop();
      const { messages } = await checkCluster(cluster, load);
      assert.ok(messages > 20, `only ${messages} messages were ordered`);
      // Promised are 2 s, on a machine that is not busy with other tests.
      assert.ok(withoutOrderer < 8_000, `without an orderer clients waited for ${withoutOrderer} ms`);
      assert.ok(withoutServer < 15_000, `without a server clients waited for ${withoutServer} ms`);
    } finally {
      await cluster.stop();
    }
  });

  it("has its streams again when the NATS servers come back without their disks", async () => {
    const cluster = await startCluster(program as string, 1);
    try {
      await Promise.all([0, 1, 2].map((i) => cluster.startOrderer(i)));
      const load = new ClusterLoad(cluster, cluster.orgs[0]!.identity("client"));
      load.start(3);
      while (load.acknowledged.length < 30) await pause(20);
      await cluster.killServer(0);
      cluster.wipeServer(0);
      cluster.startServer(0);
      const enough = load.acknowledged.length + 30;
      while (load.acknowledged.length < enough) await pause(20);
      await load.stop();
      const { messages } = await checkCluster(cluster, load);
      assert.ok(messages >= 60);
    } finally {
      await cluster.stop();
    }
  });

  it("lets nobody in without a certificate of its authority and the key of a user", async () => {
    const cluster = await startCluster(program as string, 1);
    const { settings } = cluster;
    const { tls } = settings;
    const stranger = newNatsUser().seed;
    const open = async (given: JetStreamSettings) => {
      const streams = new NatsStreams(given, "test", silentLogger);
      try {
        const { last } = await (await streams.open("0000000000000000000000", "trade")).bounds();
        return `reads up to ${last}`;
      } catch (error) {
        return messageOf(error);
      } finally {
        await streams.close();
      }
    };
    try {
      let known = "";
      for (let i = 0; i < 100 && !known.startsWith("reads"); i++) {
        known = await open(settings);
        await pause(50);
      }
      assert.equal(known, "reads up to 0");
      assert.match(await open({ ...settings, credentials: { nkeySeed: stranger } }), /authorization violation/i);
      const { credentials: _, ...nameless } = settings;
      assert.match(await open(nameless), /authorization violation/i);
      const withoutCertificate = await open({ ...settings, tls: { caPem: tls?.caPem ?? "" } });
      assert.match(withoutCertificate, /certificate|closed|reset|handshake|timeout/i);
      assert.match(
        await open({ ...settings, tls: { ...tls, caPem: testTls().caPem } }),
        /self.signed|verify|certificate/i,
      );
    } finally {
      await cluster.stop();
    }
  });
});
