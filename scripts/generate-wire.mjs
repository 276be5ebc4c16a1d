/**
 * Generates the message classes and service tables of packages/wire from /proto with protobufjs.
 * Runs only when a .proto file or this script is newer than what was generated.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const self = fileURLToPath(import.meta.url);
const root = path.resolve(path.dirname(self), "..");
const out = path.join(root, "packages/wire/generated");
const require = createRequire(path.join(root, "package.json"));

const GENERATED = ["messages", "services", "fields"].flatMap((name) => [`${name}.js`, `${name}.d.ts`]);

/** Folders that imports inside .proto files are relative to; google/ is named by its full path, as everywhere. */
const importRoots = ["proto/fabric", "proto/hansa", "proto"];
const sourceFolders = ["proto/fabric", "proto/google", "proto/hansa"];

function protoFiles() {
  return sourceFolders
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true })
        .map(String)
        .filter((file) => file.endsWith(".proto"))
        .sort()
        .map((file) => path.join(root, folder, file)),
    );
}

function run(tool, args) {
  const bin = path.join(path.dirname(require.resolve("protobufjs-cli/package.json")), "bin", tool);
  const result = spawnSync(process.execPath, [bin, ...args], { cwd: root, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${tool} failed:\n${result.stderr}${result.stdout}`);
}

function readDefinitions(sources, options) {
  const protobuf = require("protobufjs");
  const definitions = new protobuf.Root();
  const bundled = protobuf.Root.prototype.resolvePath;
  definitions.resolvePath = (origin, target) => {
    const local = importRoots.map((folder) => path.join(root, folder, target)).find(existsSync);
    return path.isAbsolute(target) ? target : (local ?? bundled.call(definitions, origin, target));
  };
  return definitions.loadSync(sources, options).resolveAll();
}

/** Every service of the sources as [simple name, service], with message types resolved. */
function readServices(sources) {
  const protobuf = require("protobufjs");
  const definitions = readDefinitions(sources);

  const services = new Map();
  const visit = (namespace) => {
    for (const item of namespace.nestedArray) {
      if (item instanceof protobuf.Service) {
        const other = services.get(item.name);
        if (other) throw new Error(`services ${other.fullName} and ${item.fullName} need different names`);
        services.set(item.name, item);
      } else if (item instanceof protobuf.Namespace) visit(item);
    }
  };
  visit(definitions);
  return [...services].sort(([a], [b]) => (a < b ? -1 : 1));
}

function serviceTables(sources) {
  const services = readServices(sources);
  const namespaces = new Set();
  const typeName = (type) => {
    const name = type.fullName.slice(1);
    namespaces.add(name.split(".")[0]);
    return name;
  };
  const table = (describe) =>
    services
      .map(([key, service]) => {
        const name = service.fullName.slice(1);
        const methods = service.methodsArray.map(
          (method) => `      ${describe.method(method, `/${name}/${method.name}`)}`,
        );
        return `  ${describe.service(key)} {\n    name: "${name}",\n    methods: {\n${methods.join("\n")}\n    },\n  }`;
      })
      .map((text) => text.replaceAll("    name:", describe.readonly("    name:")));
  const js = table({
    readonly: (text) => text,
    service: (key) => `${key}:`,
    method: (m, at) =>
      `${m.name}: { path: "${at}", requestType: ${typeName(m.resolvedRequestType)}, ` +
      `responseType: ${typeName(m.resolvedResponseType)}, ` +
      `requestStream: ${Boolean(m.requestStream)}, responseStream: ${Boolean(m.responseStream)} },`,
  });
  const dts = table({
    readonly: (text) => text,
    service: (key) => `readonly ${key}:`,
    method: (m, at) =>
      `readonly ${m.name}: { readonly path: "${at}"; readonly requestType: typeof ${typeName(m.resolvedRequestType)}; ` +
      `readonly responseType: typeof ${typeName(m.resolvedResponseType)}; ` +
      `readonly requestStream: ${Boolean(m.requestStream)}; readonly responseStream: ${Boolean(m.responseStream)} };`,
  });
  const from = `{ ${[...namespaces].sort().join(", ")} } from "./messages.js";\n\n`;
  return {
    js: `import ${from}export const services = {\n${js.join(",\n")},\n};\n`,
    dts: `import type ${from}export declare const services: {\n${dts.join(";\n")};\n};\n`
      .replaceAll(/^( +)(name: "[^"]+"),$/gm, "$1readonly $2;")
      .replaceAll(/^( +)methods: \{$/gm, "$1readonly methods: {")
      .replaceAll(/^( +)\},$/gm, "$1};"),
  };
}

/**
 * What JSON needs to know of Fabric's messages and the classes do not say: message → field → [property, type], where
 * the field has its name in the .proto file and the type reads "uint64", "repeated bytes", "map string common.Policy"
 * or "oneof msp.MSPRole"; and enum → value → number.
 */
function fieldTables(sources) {
  const protobuf = require("protobufjs");
  const messages = {};
  const enums = {};
  const typeOf = (field) => {
    const base = field.resolvedType === null ? field.type : field.resolvedType.fullName.slice(1);
    if (field instanceof protobuf.MapField) return `map ${field.keyType} ${base}`;
    if (field.repeated) return `repeated ${base}`;
    return field.partOf === null ? base : `oneof ${base}`;
  };
  // The definitions that come with protobufjs are not parsed, so their names stay as they are.
  const propertyOf = ({ name, parent }) =>
    parent.fullName.startsWith(".google.protobuf.") ? name : protobuf.util.camelCase(name);
  const visit = (namespace) => {
    for (const item of namespace.nestedArray) {
      const name = item.fullName.slice(1);
      if (item instanceof protobuf.Enum) enums[name] = item.values;
      if (item instanceof protobuf.Type)
        messages[name] = Object.fromEntries(
          item.fieldsArray.map((field) => [field.name, [propertyOf(field), typeOf(field)]]),
        );
      if (item instanceof protobuf.Namespace) visit(item);
    }
  };
  visit(readDefinitions(sources, { keepCase: true }));
  const js = `export const messages = ${JSON.stringify(messages)};\nexport const enums = ${JSON.stringify(enums)};\n`;
  const dts = [
    "export declare const messages: Readonly<Record<string, Readonly<Record<string, readonly [string, string]>>>>;",
    "export declare const enums: Readonly<Record<string, Readonly<Record<string, number>>>>;",
    "",
  ].join("\n");
  return { js: js.replaceAll("},", "},\n"), dts };
}

/** Returns true when files were written. */
export function generateWire() {
  const sources = protoFiles();
  const stamp = `${[self, ...sources].map((file) => `${file} ${statSync(file).mtimeMs}`).join("\n")}\n`;
  const stampFile = path.join(out, "sources.txt");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return false;

  const draft = path.join(out, `draft-${process.pid}`);
  mkdirSync(draft, { recursive: true });
  try {
    const commented = path.join(draft, "commented.js");
    const flags = ["create", "verify", "convert", "delimited", "typeurl", "service"].map((part) => `--no-${part}`);
    const paths = importRoots.flatMap((folder) => ["-p", path.join(root, folder)]);
    run("pbjs", ["-t", "static-module", "-w", "esm", ...flags, ...paths, "-o", commented, ...sources]);
    // Types come from the comments; what is loaded at run time is a quarter of the size without them.
    run("pbts", ["--no-comments", "-o", path.join(draft, "messages.d.ts"), commented]);
    const small = require("esbuild").transformSync(readFileSync(commented, "utf8"), {
      format: "esm",
      target: "es2022",
      minifyWhitespace: true,
      minifySyntax: true,
      lineLimit: 160,
      legalComments: "none",
    });
    writeFileSync(path.join(draft, "messages.js"), small.code);
    const tables = serviceTables(sources);
    writeFileSync(path.join(draft, "services.js"), tables.js);
    writeFileSync(path.join(draft, "services.d.ts"), tables.dts);
    const fields = fieldTables(sources.filter((file) => !file.includes("/proto/hansa/")));
    writeFileSync(path.join(draft, "fields.js"), fields.js);
    writeFileSync(path.join(draft, "fields.d.ts"), fields.dts);
    // A rename each, so that whoever loads them meanwhile never sees half a file.
    for (const file of GENERATED) renameSync(path.join(draft, file), path.join(out, file));
    writeFileSync(stampFile, stamp);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return true;
}

if (process.argv[1] === self) generateWire();
