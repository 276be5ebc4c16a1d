import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Ledger } from "@hansa/ledger";
import { blockHeaderHash } from "@hansa/wire";
import { FileBlockStore } from "./blocks-file.js";
import { LevelStateStore } from "./state-level.js";
import { TRANSACTIONS } from "./testing/crash-sample.js";

const CHILD = fileURLToPath(new URL("./testing/crash-child.js", import.meta.url));

/** Runs the child until it has committed `count` blocks or more, kills it, and returns the last number it told. */
function commitAndKill(folder: string, count: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, folder], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    let first: number | undefined;
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      const last = Number(output.trimEnd().split("\n").at(-1));
      first ??= Number(output.split("\n")[0]);
      if (last - first >= count) child.kill("SIGKILL");
    });
    child.on("close", (_, signal) => {
      if (signal !== "SIGKILL") reject(new Error(`the child ended by itself: ${errors}`));
      // A line that was cut off tells nothing.
      else resolve(Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1)));
    });
  });
}

describe("a ledger that is killed while it commits", () => {
  it("has every block it told of, and a state that fits its blocks", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "hansa-crash-"));
    try {
      for (const count of [1, 7, 40, 150]) {
        const told = await commitAndKill(folder, count);
        const blocks = await FileBlockStore.open(path.join(folder, "blocks"));
        const state = await LevelStateStore.open(path.join(folder, "state"));
        const ledger = await Ledger.open({ channelId: "crash", blocks, state });
        assert.ok(ledger.height > told, `height ${ledger.height} after block ${told} was told`);
        const last = ledger.height - 1;
        assert.equal(state.savepoint(), last);
        assert.deepEqual(
          ledger.state.get("goods", "count")?.value.toString(),
          Buffer.from(String(ledger.height)).toString(),
        );
        for (let number = 0; number <= last; number++) {
          const block = await ledger.block(number);
          assert.ok(block !== undefined);
          assert.equal(blocks.findByHash(blockHeaderHash(block.header)), number);
          for (let txIndex = 0; txIndex < TRANSACTIONS; txIndex++) {
            assert.deepEqual(ledger.state.get("goods", `k${number}.${txIndex}`)?.version, {
              blockNumber: number,
              txIndex,
            });
          }
        }
        const versions = await state.history("goods", "count").next(ledger.height + 1);
        assert.equal(versions.length, ledger.height);
        await ledger.close();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
