/**
 * Generates the message classes of packages/wire from /proto with protobufjs.
 * Runs only when a .proto file is newer than what was generated.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
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

/** Every gRPC service of the .proto files: path and direction of each method, as a typed constant. */
function serviceTable(dirs, sources) {
  const protobuf = require("protobufjs");
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    [target, ...dirs.map((dir) => path.join(dir, target))].find((file) => existsSync(file)) ?? target;
  root.loadSync(sources);
  const services = {};
  const visit = (namespace) => {
    for (const nested of namespace.nestedArray ?? []) {
      if (nested instanceof protobuf.Service) {
        const name = nested.fullName.slice(1);
        const methods = nested.methodsArray.map((method) => [
          method.name,
          {
            path: `/${name}/${method.name}`,
            requestType: method.requestType,
            responseType: method.responseType,
            requestStream: Boolean(method.requestStream),
            responseStream: Boolean(method.responseStream),
          },
        ]);
        services[nested.name] = { name, methods: Object.fromEntries(methods) };
      } else {
        visit(nested);
      }
    }
  };
  visit(root);
  const text = JSON.stringify(services, null, 2);
  return { js: `export const services = ${text};\n`, dts: `export declare const services: ${text};\n` };
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
  const lean = ["--no-convert", "--no-create", "--no-verify", "--no-delimited", "--no-typeurl", "--no-service"];
  const paths = dirs.flatMap((dir) => ["-p", dir]);
  // The types are read from comments, which the shipped module does without: it loads in half the time.
  const generate = (file, extra) =>
    run("pbjs", ["-t", "static-module", "-w", "es6", ...lean, ...extra, ...paths, "-o", file, ...sources]);
  const commented = path.join(out, "commented.js");
  generate(commented, []);
  run("pbts", ["--no-comments", "-o", dts, commented]);
  rmSync(commented);
  generate(js, ["--no-comments"]);
  const table = serviceTable(dirs, sources);
  writeFileSync(path.join(out, "services.js"), table.js);
  writeFileSync(path.join(out, "services.d.ts"), table.dts);
  writeFileSync(stampFile, stamp);
  return true;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generateWire();
