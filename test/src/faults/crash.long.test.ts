/** One kill of each kind. For a long run: npm run test:crash. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { temporaryFolder } from "../support/folder.js";
import { CrashRun, VICTIMS } from "./crash.js";

const SEED = Number(process.env.HANSA_SEED ?? 7_411);

describe(`kill -9 under load, seed ${SEED}`, () => {
  const { folder, remove } = temporaryFolder();
  const run = new CrashRun(folder, SEED, () => {});
  before(() => run.start());
  after(async () => {
    await run.stop();
    remove();
  });

  for (const victim of VICTIMS)
    it(`heals when a ${victim} ends`, async () => {
      await run.strike(victim);
      await run.inspect();
    });

  it("has every acknowledged transaction once on every peer, with equal hashes, and a journal that verifies", async () => {
    const { transactions } = await run.check();
    assert(transactions >= 2 * 3 * VICTIMS.length, `only ${transactions} transactions`);
  });
});
