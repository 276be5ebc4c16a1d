/**
 * Bundles the hansa command with the workspace's code inside, so that it starts fast and can be published as one
 * package: packages/cli/bundle/. What comes from npm stays outside, as the package's own dependencies.
 */
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const cli = path.join(root, "packages/cli");
const out = path.join(cli, "bundle");

/** Needs the compiled packages. */
export async function bundle() {
  const require = createRequire(path.join(root, "package.json"));
  const esbuild = require("esbuild");
  const { dependencies } = JSON.parse(readFileSync(path.join(cli, "package.json"), "utf8"));
  rmSync(out, { recursive: true, force: true });
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: {
      hansa: path.join(cli, "dist/hansa.js"),
      index: path.join(cli, "dist/index.js"),
      "node-main": path.join(root, "packages/network/dist/node-main.js"),
    },
    outdir: out,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: false,
    legalComments: "none",
    logLevel: "warning",
    external: Object.keys(dependencies).flatMap((name) => [name, `${name}/*`]),
    // Code that was written for CommonJS asks for require at run time.
    banner: { js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' },
  });
  copyNetworks();
}

/** The example networks travel with the command, their contracts built. */
function copyNetworks() {
  const skipped = ["node_modules", ".tsbuildinfo"];
  cpSync(path.join(root, "network-configs"), path.join(out, "network-configs"), {
    recursive: true,
    filter: (source) => existsSync(source) && !skipped.some((name) => source.endsWith(name)),
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle();
