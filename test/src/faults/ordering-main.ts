/** A long run of kills of a network with three orderers: node test/dist/faults/ordering-main.js [--seed 1] [--kills 20] */
import { parseArgs } from "node:util";
import { temporaryFolder } from "../support/folder.js";
import { OrderingRun } from "./ordering-run.js";
import { Seeded } from "./seeded.js";

const { values } = parseArgs({ options: { seed: { type: "string" }, kills: { type: "string" } } });
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const kills = Number(values.kills ?? 20);
const { folder, remove } = temporaryFolder();
console.log(`seed ${seed}, ${kills} kills`);
const choice = new Seeded(seed);
const run = new OrderingRun(folder, "{ engine: jetstream, orderers: 3 }");
try {
  await run.start();
  const pauses = new Map<string, number[]>();
  for (let i = 1; i <= kills; i++) {
    const kind = choice.pick(["orderer", "nats"]);
    const id = choice.pick(run.nodes(kind));
    const pausedMs = await run.strike(id, 3_000);
    pauses.set(kind, [...(pauses.get(kind) ?? []), pausedMs]);
    console.log(`kill ${i}: ${id}, longest pause ${pausedMs} ms`);
  }
  const { transactions, blocks, failures } = await run.check();
  console.log(`${transactions} acknowledged transactions in ${blocks} blocks: all there, once, everywhere`);
  for (const [kind, each] of pauses) console.log(`  ${kind}: ${each.sort((a, b) => a - b).join(", ")} ms`);
  for (const [failure, count] of failures) console.log(`  ${count} × ${failure}`);
  await run.stop();
  remove();
} catch (error) {
  process.exitCode = 1;
  console.error(`seed ${seed}: what is left is in ${folder}`, error);
  await run.stop();
}
