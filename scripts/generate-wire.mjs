/**
 * Generates the message classes of packages/wire from /proto with protobufjs.
 * Runs only when a .proto file is newer than what was generated.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const out = path.join(root, "packages/wire/generated");
const require = createRequire(path.join(root, "package.json"));
const bin = path.join(path.dirname(require.resolve("protobufjs-cli/package.json")), "bin");

const protoFiles = (dir) =>
  readdirSync(dir, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".proto"))
    .sort();

function run(tool, args) {
  const result = spawnSync(process.execPath, [path.join(bin, tool), ...args], { cwd: root, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${tool} failed:\n${result.stderr}${result.stdout}`);
}

/** Returns true when files were written. */
export function generateWire() {
  const dirs = ["fabric", "hansa"].map((name) => path.join(root, "proto", name)).filter(existsSync);
  const sources = dirs.flatMap((dir) => protoFiles(dir).map((file) => path.join(dir, file)));
  const js = path.join(out, "messages.js");
  const dts = path.join(out, "messages.d.ts");
  const stamp = `${sources.map((file) => `${file} ${statSync(file).mtimeMs}`).join("\n")}\n`;
  const stampFile = path.join(out, "sources.txt");
  if (existsSync(dts) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return false;

  mkdirSync(out, { recursive: true });
  const lean = ["--no-create", "--no-verify", "--no-delimited", "--no-typeurl", "--no-service"];
  const paths = dirs.flatMap((dir) => ["-p", dir]);
  run("pbjs", ["-t", "static-module", "-w", "es6", ...lean, ...paths, "-o", js, ...sources]);
  run("pbts", ["--no-comments", "-o", dts, js]);
  writeFileSync(stampFile, stamp);
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generateWire();
