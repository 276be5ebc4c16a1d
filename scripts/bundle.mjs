/**
 * Bundles the hansa command with the workspace's code inside, so that it starts fast and can be published as one
 * package: packages/cli/bundle/. What comes from npm stays outside, as the package's own dependencies.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const cli = path.join(root, "packages/cli");
const out = path.join(cli, "bundle");

/** Needs the compiled packages. Does nothing when no compiled file is newer than the last bundle. */
export async function bundle() {
  const newest = Math.max(...inputs().map((file) => statSync(file).mtimeMs));
  const stamp = path.join(out, ".made-from");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === String(newest)) return;
  const require = createRequire(path.join(root, "package.json"));
  const esbuild = require("esbuild");
  const { dependencies } = JSON.parse(readFileSync(path.join(cli, "package.json"), "utf8"));
  // Made beside the old one and then put in its place, so that a command started meanwhile finds all its parts.
  const draft = `${out}.${process.pid}`;
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: {
      hansa: path.join(cli, "dist/hansa.js"),
      index: path.join(cli, "dist/index.js"),
      "node-main": path.join(root, "packages/network/dist/node-main.js"),
    },
    outdir: draft,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: false,
    // Names stay, for stacks in logs; a third less text is parsed and kept by each process.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    logLevel: "warning",
    external: Object.keys(dependencies).flatMap((name) => [name, `${name}/*`]),
    // Code that was written for CommonJS asks for require at run time.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
  });
  // Receipts are verified anywhere: one file for node and browsers alike, which needs nothing else.
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: [path.join(root, "packages/journal/dist/verify/index.js")],
    outfile: path.join(draft, "verify.js"),
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "warning",
  });
  copyNetworks(draft);
  copyTypes(draft);
  writeFileSync(path.join(draft, ".made-from"), String(newest));
  const old = `${out}.old.${process.pid}`;
  if (existsSync(out)) renameSync(out, old);
  renameSync(draft, out);
  rmSync(old, { recursive: true, force: true });
}

/** Everything that ends up in the bundle, and this script. */
function inputs() {
  const files = (folder, wanted) =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && wanted(entry.name))
          .map((entry) => path.join(entry.parentPath, entry.name))
      : [];
  const packages = readdirSync(path.join(root, "packages")).map((name) => path.join(root, "packages", name));
  const contracts = path.join(root, "network-configs/contracts");
  return [
    ...packages.flatMap((folder) =>
      files(path.join(folder, "dist"), (name) => !name.includes(".test.") && !name.startsWith(".")),
    ),
    ...packages.map((folder) => path.join(folder, "package.json")),
    ...readdirSync(contracts).flatMap((name) => files(path.join(contracts, name, "dist"), () => true)),
    ...readdirSync(path.join(root, "network-configs"))
      .filter((name) => name.endsWith(".yaml"))
      .map((name) => path.join(root, "network-configs", name)),
    fileURLToPath(import.meta.url),
  ];
}

/** The example networks travel with the command, their contracts built. */
function copyNetworks(out) {
  const skipped = ["node_modules", ".tsbuildinfo"];
  cpSync(path.join(root, "network-configs"), path.join(out, "network-configs"), {
    recursive: true,
    preserveTimestamps: true,
    filter: (source) => existsSync(source) && !skipped.some((name) => source.endsWith(name)),
  });
}

/**
 * Declarations of every workspace package, beside each other under types/, with imports between them made relative:
 * whoever installs the command gets the library's types without the workspace.
 */
function copyTypes(out) {
  const packages = readdirSync(path.join(root, "packages")).map((folder) => {
    const manifest = JSON.parse(readFileSync(path.join(root, "packages", folder, "package.json"), "utf8"));
    return { folder, name: manifest.name, exports: manifest.exports ?? {} };
  });
  const target = (specifier) => {
    for (const { folder, name, exports } of packages) {
      if (specifier !== name && !specifier.startsWith(`${name}/`)) continue;
      const entry = exports[specifier === name ? "." : `.${specifier.slice(name.length)}`];
      const file = name === "hansa" ? "index.d.ts" : path.posix.relative("dist", entry?.types ?? "");
      return path.posix.join(name === "hansa" ? "hansa" : folder, file.replace(/\.d\.ts$/, ".js"));
    }
    return undefined;
  };
  for (const { folder, name } of packages) {
    const from = path.join(root, "packages", folder, "dist");
    if (!existsSync(from)) continue;
    if (folder === "wire") copyGenerated(out);
    const into = name === "hansa" ? "hansa" : folder;
    for (const file of readdirSync(from, { recursive: true }).map(String)) {
      if (!file.endsWith(".d.ts") || file.endsWith(".test.d.ts")) continue;
      const place = path.posix.join(into, file.split(path.sep).join("/"));
      const text = readFileSync(path.join(from, file), "utf8").replaceAll(
        /(from |import\()"([^"]+)"/g,
        (whole, verb, specifier) => {
          const to = target(specifier);
          if (to === undefined) return whole;
          const relative = path.posix.relative(path.posix.dirname(place), to);
          return `${verb}"${relative.startsWith(".") ? relative : `./${relative}`}"`;
        },
      );
      const copy = path.join(out, "types", place);
      mkdirSync(path.dirname(copy), { recursive: true });
      writeFileSync(copy, text);
    }
  }
}

/** What is generated lies outside dist/, beside the packages' folders once copied. */
function copyGenerated(out) {
  const from = path.join(root, "packages/wire/generated");
  cpSync(from, path.join(out, "types/generated"), {
    recursive: true,
    filter: (source) => source === from || source.endsWith(".d.ts"),
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle();
