import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BoundedLog } from "./bounded-log.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "hansa-log-"));
});
after(() => rm(folder, { recursive: true, force: true }));

describe("the log of a contract", () => {
  it("takes so much in a second and says what it left out", async () => {
    let now = 0;
    const path = join(folder, "rate.log");
    const log = await BoundedLog.open(path, { maxBytes: 1_000_000, maxBytesPerSecond: 1_000 }, () => now);
    let taken = 0;
    for (let at = 0; at < 100; at++) if (log.write(Buffer.alloc(100, "x"))) taken += 1;
    assert.equal(taken, 10);
    now = 1_000;
    assert.equal(log.write(Buffer.from("calm again\n")), true);
    await log.close();
    const text = await readFile(path, "utf8");
    assert.match(
      text,
      /^x{1000}\n\[9000 bytes of output left out: more than the log takes in a second\]\ncalm again\n$/,
    );
  });

  it("keeps one file of the greatest size beside the one that is written", async () => {
    const path = join(folder, "size.log");
    const log = await BoundedLog.open(path, { maxBytes: 10_000, maxBytesPerSecond: 1_000_000 });
    for (let at = 0; at < 40; at++) {
      log.write(Buffer.alloc(1_000, "y"));
      await sleep(2);
    }
    await log.close();
    assert((await stat(path)).size <= 11_000);
    assert((await stat(`${path}.1`)).size <= 11_000);
    assert((await stat(`${path}.1`)).size >= 10_000);
  });
});
