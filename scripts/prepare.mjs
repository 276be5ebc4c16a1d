/**
 * Gets a clone ready to run, with nothing but Node and npm on the machine: installs what is missing and builds what
 * changed. Uses only Node's own modules, because nothing else may be there yet.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** Says in one sentence what is wrong with this Node, or nothing. */
export function nodeProblem() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return undefined;
  return `Node ${process.versions.node} is too old; Hansa needs 20.19 or later.`;
}

/** @returns milliseconds it took; 0 when everything was there */
export async function install() {
  const lock = createHash("sha256")
    .update(readFileSync(path.join(root, "pnpm-lock.yaml")))
    .digest("hex");
  const marker = path.join(root, "node_modules/.installed-lockfile");
  if (existsSync(marker) && readFileSync(marker, "utf8") === lock) return 0;
  const { packageManager } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const startedAt = performance.now();
  await run("npx", ["-y", packageManager, "install", "--frozen-lockfile"]);
  writeFileSync(marker, lock);
  return performance.now() - startedAt;
}

/** @returns milliseconds it took */
export async function build() {
  const startedAt = performance.now();
  await run(process.execPath, [path.join(root, "scripts/build.mjs")]);
  return performance.now() - startedAt;
}

/** Runs a command quietly; what it said comes with the error when it fails. */
export function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output.push(chunk));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${[program, ...args].join(" ")} failed:\n${Buffer.concat(output)}`));
    });
  });
}
