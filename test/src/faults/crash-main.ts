/**
 * A run of kills: node test/dist/faults/crash-main.js [--long] [--seed 1] [--kills 50] [--minutes 30]. Prints what it does.
 *
 * The long mode kills orderer and peers of three members at least 300 times, and looks at everything that is new after
 * each strike: every acknowledged transaction and act exactly once, equal blocks and commit hashes on every peer, chains
 * and digests that go on from where they were. All is read once more from the beginning at the end.
 */
import { parseArgs } from "node:util";
import { temporaryFolder } from "../support/folder.js";
import { CrashRun, VICTIMS, type Victim } from "./crash.js";
import { Seeded } from "./seeded.js";

const { values } = parseArgs({
  options: {
    long: { type: "boolean", default: false },
    seed: { type: "string" },
    kills: { type: "string" },
    minutes: { type: "string" },
  },
});
/** What is mostly killed is what keeps things: orderer and peers. */
const LONG_VICTIMS: readonly Victim[] = [
  ...Array<Victim>(4).fill("orderer"),
  ...Array<Victim>(4).fill("peer"),
  ...Array<Victim>(6).fill("both"),
  ...Array<Victim>(10).fill("all"),
  ...VICTIMS,
];
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const wanted = Number(values.kills ?? (values.long ? 300 : 50));
let endAt = values.minutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + Number(values.minutes) * 60_000;
const { folder, remove } = temporaryFolder();
console.log(`seed ${seed}, ${wanted} kills`);
const startedAt = Date.now();
const say = (line: string) => console.log(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${line}`);
const run = new CrashRun(folder, seed, say, values.long ? ["Alpha", "Beta", "Gamma"] : undefined);
const choice = new Seeded(seed + 1);
let strikes = 0;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    say(`${signal}: the last strike`);
    endAt = 0;
  });
}
const killed = () => (values.long ? run.nodesKilled : strikes);
await run.start();
try {
  while (killed() < wanted && Date.now() < endAt) {
    const victim = choice.pick(values.long ? LONG_VICTIMS : VICTIMS);
    strikes++;
    if (victim === "orderer") say(`transactions went through again after ${await run.ordererPause()} ms`);
    else await run.strike(victim);
    const { transactions, blocks, acts, consistent, witnessed } = await run.inspect();
    say(
      `strike ${strikes}, ${run.nodesKilled} orderers and peers killed: ${transactions} transactions in ${blocks} blocks, ${acts} governance blocks, ${consistent} consistent digests, ${witnessed} witnessed`,
    );
  }
  const { transactions, blocks, failures } = await run.check();
  console.log(`${strikes} strikes, ${run.nodesKilled} orderers and peers killed, seed ${seed}`);
  console.log(`${transactions} acknowledged transactions in ${blocks} blocks: all there, once, everywhere`);
  const pauses = run.ordererPausesMs.toSorted((a, b) => a - b);
  const at = (share: number) => pauses[Math.min(pauses.length - 1, Math.floor(pauses.length * share))];
  if (pauses.length > 0) {
    const words = `median ${at(0.5)} ms, 95 % within ${at(0.95)} ms, longest ${pauses.at(-1)} ms`;
    console.log(`${pauses.length} kills of the orderer alone until transactions commit again: ${words}`);
  }
  for (const [failure, count] of failures) console.log(`  ${count} × ${failure}`);
} catch (error) {
  process.exitCode = 1;
  console.error(`seed ${seed}, strike ${strikes}:`, error);
} finally {
  await run.stop();
}
if (process.exitCode === undefined) remove();
else console.error(`what is left is in ${folder}`);
