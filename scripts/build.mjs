/** Builds everything: message classes first, then every package by its project references. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { generateWire } from "./generate-wire.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
generateWire();
const require = createRequire(path.join(root, "package.json"));
const tsc = path.join(path.dirname(require.resolve("typescript/package.json")), "bin/tsc");
const result = spawnSync(process.execPath, [tsc, "-b", ...process.argv.slice(2)], { cwd: root, stdio: "inherit" });
process.exit(result.status ?? 1);
