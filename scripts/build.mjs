/** Builds everything: message classes first, then every package by its project references, then the hansa command. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";
import { generateWire } from "./generate-wire.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** @returns whether everything compiled; what did not is on stderr */
export async function build(options = []) {
  generateWire();
  const require = createRequire(path.join(root, "package.json"));
  const tsc = path.join(path.dirname(require.resolve("typescript/package.json")), "bin/tsc");
  const result = spawnSync(process.execPath, [tsc, "-b", ...options], { cwd: root, stdio: "inherit" });
  if (result.status !== 0) return false;
  await bundle();
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = (await build(process.argv.slice(2))) ? 0 : 1;
