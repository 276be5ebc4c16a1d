/**
 * The long run of cluster.test.ts: kills one orderer or one NATS server after another, as a seed says, and checks all
 * blocks at the end. Usage: node cluster-main.js [rounds] [seed] ["leader": kills the stream's leading server each time,
 * "retire": has it hand over first, as an administrator stops it]
 */
import { setTimeout as pause } from "node:timers/promises";
import { checkCluster } from "./cluster-checks.js";
import { ClusterLoad } from "./cluster-load.js";
import { startCluster } from "./cluster-testing.js";
import { findNatsServer } from "./server-binary.js";
import { TestStreams } from "./testing.js";

/** How long an election may take. */
const ELECTION_MS = 20_000;
const [rounds, seed] = [Number(process.argv[2] ?? 10), Number(process.argv[3] ?? Date.now() % 1_000_000)];
const retires = process.argv[4] === "retire";
const onlyLeaders = retires || process.argv[4] === "leader";
const program = findNatsServer(process.env.PATH ?? "");
if (program === undefined) throw new Error("no nats-server on this machine: run scripts/install-nats.sh");

console.log(`seed ${seed}, ${rounds} rounds`);
const dice = new TestStreams(seed);
const pick = (count: number) => Math.floor(dice.chance() * count);
const cluster = await startCluster(program);
try {
  await Promise.all([0, 1, 2].map((i) => cluster.startOrderer(i)));
  const load = new ClusterLoad(cluster, cluster.orgs[0]!.identity("client"));
  load.start(6);
  await pause(1_000);
  const pauses = new Map<string, number[]>();
  for (let round = 1; round <= rounds; round++) {
    await pause(pick(1_000));
    const leader = await cluster.leader();
    const victim = onlyLeaders && leader !== undefined ? leader : pick(3);
    const kind = !onlyLeaders && pick(2) === 0 ? "orderer" : victim === leader ? "leading server" : "following server";
    const watch = kind === "leading server" && !retires ? await cluster.watchWithout(victim) : undefined;
    const since = performance.now();
    if (kind === "orderer") await cluster.killOrderer(victim);
    else if (retires) await cluster.retireServer(victim);
    else await cluster.killServer(victim);
    await pause(3_000);
    while (load.resumed(since + 1_000)[1] === undefined && performance.now() < since + ELECTION_MS) await pause(100);
    const paused = load.longestPause(since);
    pauses.set(kind, [...(pauses.get(kind) ?? []), paused]);
    if (watch !== undefined) {
      const after = (at: number | undefined) => (at === undefined ? "never" : `${Math.round(at - since)} ms`);
      const { orderedAt } = watch.seen;
      const [first, last] = load.resumed(orderedAt ?? since);
      console.log(
        `  ordered again after ${after(orderedAt)}, the first client answered after ${after(first)}, the last after ${after(last)}`,
      );
      await watch.close();
    }
    console.log(
      `round ${round}: ${kind} ${victim} ${retires ? "stopped" : "killed"}, longest pause ${paused} ms, ${load.acknowledged.length} answers`,
    );
    if (kind === "orderer") await cluster.startOrderer(victim);
    else cluster.startServer(victim);
    // A server that is back has to catch up before the next may go.
    await pause(3_000);
  }
  await load.stop();
  const { blocks, messages } = await checkCluster(cluster, load);
  console.log(
    `${load.acknowledged.length} acknowledged, ${messages} ordered in ${blocks} blocks, the same at all orderers`,
  );
  for (const [kind, each] of pauses)
    console.log(
      `${kind} ${retires ? "stopped" : "killed"} ${each.length} times: ${each.sort((a, b) => a - b).join(", ")} ms`,
    );
} finally {
  await cluster.stop();
}
