/** Ctrl-C at any moment of a network's first start: nothing runs afterwards, nothing is half made, the next start works. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import path from "node:path";
import { after, describe, it } from "node:test";
import { temporaryFolder } from "../support/folder.js";
import { hansa, hansaProgram } from "../support/hansa-command.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const NETWORK = "beer-supply-chain";
const networkFile = path.join(repositoryRoot, `network-configs/${NETWORK}.yaml`);
/** When Ctrl-C comes: this long at the most after the start has got so far, drawn anew at each run. */
const MOMENTS: readonly [progress: string, mostMs: number][] = [
  ["", 100],
  ["", 600],
  ["ports chosen", 300],
  ["authorities started", 400],
  ["channels joined", 50],
  ["channels joined", 800],
  ["deployed", 2],
  ["deployed", 100],
];

const { folder, remove } = temporaryFolder();
const data = path.join(folder, ".hansa");

type Interrupted = { readonly exit: number | NodeJS.Signals; readonly stderr: string };

/** @param progress what the start says before the time begins to run; the time runs at once where it is empty */
function upInterrupted(progress: string, afterMs: number): Promise<Interrupted> {
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env;
  const child = spawn(process.execPath, [hansaProgram, "up", networkFile], {
    cwd: folder,
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    if (stderr.includes(progress)) timer ??= setTimeout(() => child.kill("SIGINT"), afterMs);
  };
  look();
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
    look();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ exit: signal ?? code ?? -1, stderr });
    });
  });
}

/** Processes that were started in the folder or below it, by their ids. */
function processesOfFolder(): string[] {
  const linkOf = (pid: string) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`);
    } catch {
      return "";
    }
  };
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && linkOf(name).startsWith(folder));
}

const skip = process.platform !== "linux" && "processes are found by /proc";

describe("a first start that is interrupted", { skip }, () => {
  after(async () => {
    await hansa(folder, "down", "--wipe");
    remove();
  });

  it("leaves nothing, whenever Ctrl-C comes, and the next start works", async (context) => {
    let interrupted = 0;
    for (const [progress, mostMs] of MOMENTS) {
      const afterMs = Math.round(Math.random() * mostMs);
      const { exit, stderr } = await upInterrupted(progress, afterMs);
      const what = `Ctrl-C ${afterMs} ms after "${progress}": ended with ${exit}`;
      context.diagnostic(what);
      // Whoever is too late has a network that is up, and is told so.
      if (exit === 0) {
        assert.equal((await hansa(folder, "status")).exit, 0, what);
        assert.ok(processesOfFolder().length > 4, "a running network's processes are found by their folder");
        assert.equal((await hansa(folder, "down", "--wipe")).exit, 0, what);
      } else {
        interrupted += 1;
        // Before the program is loaded, the signal itself ends it.
        if (exit !== "SIGINT") {
          assert.equal(exit, 130, `${what}\n${stderr}`);
          assert.match(stderr, /interrupted; nothing is left running/, what);
        }
      }
      await until(`no process after: ${what}`, async () => (processesOfFolder().length === 0 ? true : undefined));
      const left = existsSync(data) ? readdirSync(data).filter((name) => name !== ".gitignore") : [];
      assert.deepEqual(left, [], what);
    }
    assert.ok(interrupted >= MOMENTS.length - 3, `only ${interrupted} starts were interrupted`);

    assert.equal((await hansa(folder, "up", networkFile)).exit, 0);
    assert.ok(processesOfFolder().length > 4, "a running network's processes are found by their folder");
    const order = ["PlaceOrder", "B-1", "Pils", "4", "8"];
    const placed = await hansa(folder, "invoke", "shipment", ...order, "--as", "Pub");
    assert.equal(placed.exit, 0, placed.stderr);
  });
});
