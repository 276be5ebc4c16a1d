import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, it } from "node:test";
import { HansaError } from "@hansa/primitives";
import { startDetachedProcess } from "./detached.js";

const folder = mkdtempSync(path.join(tmpdir(), "hansa-detached-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Reports how it was called and what it was ordered, and ends. */
const PROGRAM = `
process.once("message", (order) => {
  process.send({ type: "up", report: { order, verb: process.argv[2], flags: process.execArgv } }, () => process.disconnect());
});
process.send({ type: "waiting" });
`;

it("a detached process gets its arguments for Node, its word and its order", async () => {
  const entry = path.join(folder, "program.mjs");
  writeFileSync(entry, PROGRAM);
  const report = await startDetachedProcess<never, unknown>({
    entry,
    verb: "serve",
    runtimeFlags: ["--max-semi-space-size=8"],
    logFile: path.join(folder, "log"),
    order: { name: "trade" },
    interruption: "interrupted",
    died: (how) => new HansaError("NODE_FAILED", `it ended with ${how}`),
  });
  assert.deepEqual(report, { order: { name: "trade" }, verb: "serve", flags: ["--max-semi-space-size=8"] });
});
