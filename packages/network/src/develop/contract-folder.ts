/** What a contract's folder says about how it is built and started. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { type StartCommand, startCommand } from "@hansa/peer/contracts";
import { HansaError, messageOf } from "@hansa/primitives";

export type ContractFolder = {
  readonly root: string;
  /** Path below the root, with "/" between parts. */
  readonly main: string;
  readonly start: StartCommand;
  readonly build: BuildWay;
};

/** How sources become what is run. */
export type BuildWay =
  /** They are run as they are. */
  | { readonly kind: "none" }
  /** The contract's own TypeScript compiler, which stays and compiles what changes. */
  | { readonly kind: "tsc"; readonly program: string; readonly args: readonly string[] }
  /** Its build script, run again for each change. */
  | { readonly kind: "script" };

type Manifest = {
  readonly main?: unknown;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
};

/** @throws HansaError CONTRACT_NOT_FOUND, CONTRACT_BUILD */
export async function readContractFolder(root: string): Promise<ContractFolder> {
  const manifest = await readManifest(root);
  const main = typeof manifest.main === "string" ? manifest.main.replace(/^\.\//, "") : "index.js";
  const scripts = manifest.scripts ?? {};
  const start = startCommand({ main, scripts, dependencies: manifest.dependencies ?? {} });
  return { root, main, start, build: buildWay(root, scripts) };
}

/**
 * Modules that package.json names and that are not found from the folder or those above it. What is only needed to
 * build counts where nothing was installed yet; otherwise somebody decided what is.
 * @throws HansaError CONTRACT_NOT_FOUND, CONTRACT_BUILD
 */
export async function missingModules(root: string): Promise<string[]> {
  const { dependencies = {}, scripts, ...manifest } = await readManifest(root);
  const isNew = scripts?.build !== undefined && !existsSync(path.join(root, "node_modules"));
  const devDependencies = isNew ? manifest.devDependencies : {};
  const places = createRequire(path.join(root, "package.json")).resolve.paths("any") ?? [];
  return Object.keys({ ...dependencies, ...devDependencies }).filter(
    (name) => !places.some((folder) => existsSync(path.join(folder, name, "package.json"))),
  );
}

async function readManifest(root: string): Promise<Manifest> {
  const file = path.join(root, "package.json");
  const text = await readFile(file, "utf8").catch(() => {
    const found = existsSync(root) ? `${root} has no package.json, so it is no Node contract.` : undefined;
    throw new HansaError("CONTRACT_NOT_FOUND", found ?? `There is no contract at ${root}.`, {
      nextStep: "Give the folder of a Node contract, or begin one with: hansa contract new <folder>",
    });
  });
  try {
    return JSON.parse(text) as Manifest;
  } catch (cause) {
    throw new HansaError("CONTRACT_BUILD", `${file} cannot be read: ${messageOf(cause)}.`, {
      cause,
      nextStep: "Correct it.",
    });
  }
}

function buildWay(root: string, scripts: Readonly<Record<string, string>>): BuildWay {
  const script = scripts.build?.trim();
  if (script === undefined) return { kind: "none" };
  const [first, ...args] = script.split(/\s+/);
  // Anything beside one plain call of the compiler is left to npm.
  const isPlain = first === "tsc" && args.every((word) => /^[\w@%+=:,./-]+$/.test(word)) && !scripts.prebuild;
  const program = isPlain && !scripts.postbuild ? compilerOf(root) : undefined;
  return program === undefined ? { kind: "script" } : { kind: "tsc", program, args };
}

/** The file that the contract's TypeScript is run by. */
function compilerOf(root: string): string | undefined {
  const require = createRequire(path.join(root, "package.json"));
  try {
    const manifest = require.resolve("typescript/package.json");
    const { bin } = require(manifest) as { bin?: { tsc?: string } };
    return bin?.tsc === undefined ? undefined : path.resolve(path.dirname(manifest), bin.tsc);
  } catch {
    return undefined;
  }
}
