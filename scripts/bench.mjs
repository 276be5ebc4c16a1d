/** Builds, then runs the bench; what follows `--` goes to it. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const node = (args, stdio) => {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio });
  if (status !== 0) process.exit(status ?? 1);
};
node(["scripts/build.mjs"], ["ignore", process.stderr, process.stderr]);
// Inline networks run in the bench's own process: with the arguments for Node that `hansa up` would give it.
const { INLINE_FLAGS } = await import("../packages/network/dist/nodes/runtime-flags.js");
node([...INLINE_FLAGS, "test/dist/bench/main.js", ...process.argv.slice(2)], "inherit");
