/** Node modules that come with the peer and that chaincode packages may use without installing anything. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export type ShippedModule = { readonly version: string; readonly directory: string };

export type ShippedModules = ReadonlyMap<string, ShippedModule>;

const NAMES = [
  "fabric-shim",
  "fabric-contract-api",
  "fabric-shim-api",
  "json-stringify-deterministic",
  "sort-keys-recursive",
];

/** Looks up what is really installed beside the caller; modules that are not there are left out. */
export function findShippedModules(from: string = import.meta.url): ShippedModules {
  const found = new Map<string, ShippedModule>();
  const requires = [createRequire(from)];
  for (const name of NAMES) {
    for (const require of requires) {
      const module = locate(require, name);
      if (module === undefined) continue;
      found.set(name, module);
      // fabric-shim brings its own exact fabric-contract-api; the pair must stay a pair.
      if (name === "fabric-shim") requires.unshift(createRequire(join(module.directory, "package.json")));
      break;
    }
  }
  return found;
}

function locate(require: NodeJS.Require, name: string): ShippedModule | undefined {
  for (const folder of require.resolve.paths(name) ?? []) {
    const directory = join(folder, name);
    try {
      const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as { version?: unknown };
      if (typeof manifest.version !== "string") continue;
      return { version: manifest.version, directory: dirname(require.resolve(join(directory, "package.json"))) };
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
