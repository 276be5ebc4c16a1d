/** A long run of kills: node test/dist/faults/crash-main.js [--seed 1] [--kills 50]. Prints what it does. */
import { parseArgs } from "node:util";
import { temporaryFolder } from "../support/folder.js";
import { CrashRun, VICTIMS } from "./crash.js";
import { Seeded } from "./seeded.js";

const { values } = parseArgs({ options: { seed: { type: "string" }, kills: { type: "string" } } });
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const kills = Number(values.kills ?? 50);
const { folder, remove } = temporaryFolder();
console.log(`seed ${seed}, ${kills} kills`);
const run = new CrashRun(folder, seed, (line) => console.log(line));
const choice = new Seeded(seed + 1);
await run.start();
try {
  for (let kill = 1; kill <= kills; kill++) await run.strike(choice.pick(VICTIMS));
  const { transactions, blocks, failures } = await run.check();
  console.log(`${transactions} acknowledged transactions in ${blocks} blocks: all there, once, everywhere`);
  for (const [failure, count] of failures) console.log(`  ${count} × ${failure}`);
} catch (error) {
  process.exitCode = 1;
  console.error(`seed ${seed}:`, error);
} finally {
  await run.stop();
}
if (process.exitCode === undefined) remove();
else console.error(`what is left is in ${folder}`);
