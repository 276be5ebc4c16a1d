/**
 * Turns the code of a package into something that can be started, once per package.
 *
 *   <builds>/<hash>/src/…          the unpacked code with its node_modules
 *   <builds>/<hash>/build.json     written last: a folder without it is unfinished and made anew
 *
 * Installing from a registry takes seconds and needs a network; nearly every contract depends on fabric-shim and
 * fabric-contract-api alone. So when modules that ship with the peer satisfy all dependencies, they are linked instead.
 * Links are renewed at each start, because the peer itself may have been reinstalled elsewhere.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { HansaError, messageOf, toUtf8 } from "@hansa/primitives";
import { type ArchiveEntry, readArchive, safeEntryPath } from "./archive.js";
import { CommandError, runCommand } from "./command.js";
import type { ShippedModules } from "./shipped-modules.js";
import { satisfies } from "./version-range.js";

export type NodeBuild = {
  readonly kind: "node";
  /** Folder of package.json: the working directory of the process. */
  readonly directory: string;
  readonly start: StartCommand;
};

/** What a package's `npm start` comes to. `node` saves npm's own process, which costs 50 MB and 0.3 s. */
export type StartCommand =
  | { readonly kind: "shim"; readonly args: readonly string[] }
  | { readonly kind: "node"; readonly args: readonly string[] }
  | { readonly kind: "npm" };

export type ServiceBuild = { readonly kind: "service"; readonly connection: unknown };

export type Build = NodeBuild | ServiceBuild;

export type BuildOptions = {
  readonly directory: string;
  readonly shipped: ShippedModules;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
};

export class BuildError extends HansaError {
  override readonly name = "BuildError";
}

export const CODE_LIMITS = { maxBytes: 256 * 1024 * 1024, maxEntries: 100_000 };
const NODE_TYPES = new Set(["node", "javascript", "typescript"]);
const SERVICE_TYPES = new Set(["ccaas", "external", "remote"]);

export type PackageJson = {
  readonly main: string | undefined;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
};

type BuildRecord = { readonly linked: readonly string[] };

/**
 * @param type metadata.json's type
 * @param code the bytes of code.tar.gz
 * @throws BuildError, ArchiveError
 */
export async function buildChaincode(
  hash: string,
  type: string,
  code: Uint8Array,
  options: BuildOptions,
): Promise<Build> {
  if (NODE_TYPES.has(type)) return buildNode(hash, code, options);
  const entries = await readArchive(code, CODE_LIMITS);
  const connection = entries.find((entry) => safeEntryPath(entry.path) === "connection.json");
  if (connection !== undefined) return { kind: "service", connection: parseConnection(connection.content) };
  if (SERVICE_TYPES.has(type)) {
    throw new BuildError("CONNECTION_MISSING", "connection.json not found in source folder", {
      nextStep: "Put connection.json with the server's address at the top of code.tar.gz.",
    });
  }
  throw new BuildError("CHAINCODE_TYPE_UNKNOWN", `chaincode type '${type}' cannot be built here`, {
    nextStep: "Run it as a service: package type ccaas with a connection.json. Node packages are built by the peer.",
  });
}

function parseConnection(content: Uint8Array): unknown {
  try {
    return JSON.parse(toUtf8(content));
  } catch (cause) {
    throw new BuildError("CONNECTION_MALFORMED", `malformed chaincode info at 'connection.json': ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Builds under way by their folder: packages with different labels may hold the same code. */
const underWay = new Map<string, Promise<unknown>>();

async function buildNode(hash: string, code: Uint8Array, options: BuildOptions): Promise<NodeBuild> {
  const target = join(options.directory, hash);
  const before = underWay.get(target) ?? Promise.resolve();
  const build = before.then(() => buildAlone(hash, target, code, options));
  const settled = build.catch(() => {});
  underWay.set(target, settled);
  void settled.then(() => {
    if (underWay.get(target) === settled) underWay.delete(target);
  });
  return build;
}

async function buildAlone(hash: string, target: string, code: Uint8Array, options: BuildOptions): Promise<NodeBuild> {
  const done = await readRecord(target);
  if (done === undefined) {
    const unfinished = join(options.directory, `.${hash}.unfinished`);
    await rm(unfinished, { recursive: true, force: true });
    await rm(target, { recursive: true, force: true });
    try {
      await unpack(await readArchive(code, CODE_LIMITS), unfinished);
      const record = await prepare(join(unfinished, "src"), options);
      await writeFile(join(unfinished, "build.json"), JSON.stringify(record));
      await rename(unfinished, target);
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true });
      throw error;
    }
  } else if (done.linked.length > 0) {
    await link(join(target, "src"), done.linked, options.shipped);
  }
  const directory = join(target, "src");
  return { kind: "node", directory, start: startCommand(await readPackageJson(directory)) };
}

async function readRecord(target: string): Promise<BuildRecord | undefined> {
  try {
    const value = JSON.parse(await readFile(join(target, "build.json"), "utf8")) as BuildRecord;
    return Array.isArray(value.linked) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Writes the files of an archive below a folder. @throws ArchiveError for a path that leads out of it */
export async function unpack(entries: readonly ArchiveEntry[], directory: string): Promise<void> {
  const made = new Set<string>();
  for (const entry of entries) {
    const path = join(directory, safeEntryPath(entry.path));
    const folder = dirname(path);
    if (!made.has(folder)) {
      await mkdir(folder, { recursive: true });
      made.add(folder);
    }
    await writeFile(path, entry.content, { mode: entry.executable ? 0o755 : 0o644 });
  }
}

async function prepare(directory: string, options: BuildOptions): Promise<BuildRecord> {
  const manifest = await readPackageJson(directory);
  startCommand(manifest);
  if (isBuilt(directory, manifest)) {
    const names = Object.keys(manifest.dependencies);
    if (names.every((name) => existsSync(join(directory, "node_modules", name, "package.json")))) {
      return { linked: [] };
    }
    const linkable = linkableModules(manifest, options.shipped);
    if (linkable !== undefined && !existsSync(join(directory, "node_modules"))) {
      await link(directory, linkable, options.shipped);
      return { linked: linkable };
    }
    await npm(directory, [...installArguments(directory), "--omit=dev"], options);
    return { linked: [] };
  }
  // Sources only: building needs the dev dependencies, running does not.
  await npm(directory, [...installArguments(directory), "--include=dev"], options);
  await npm(directory, ["run", "build"], options);
  if (!isBuilt(directory, manifest)) {
    throw new BuildError("CHAINCODE_BUILD_FAILED", `"npm run build" did not make ${manifest.main}`);
  }
  await npm(directory, ["prune", "--omit=dev"], options);
  return { linked: [] };
}

/** A package whose main file is absent but which can make it is built from its sources. */
function isBuilt(directory: string, manifest: PackageJson): boolean {
  if (manifest.main === undefined || manifest.scripts.build === undefined) return true;
  const main = join(directory, manifest.main);
  return existsSync(main) || existsSync(`${main}.js`) || existsSync(join(main, "index.js"));
}

function installArguments(directory: string): string[] {
  const hasLock =
    existsSync(join(directory, "package-lock.json")) || existsSync(join(directory, "npm-shrinkwrap.json"));
  return [hasLock ? "ci" : "install", "--no-audit", "--no-fund", "--loglevel=error"];
}

async function npm(directory: string, args: readonly string[], options: BuildOptions): Promise<void> {
  try {
    await runCommand("npm", args, { cwd: directory, timeoutMs: options.timeoutMs, signal: options.signal });
  } catch (cause) {
    const output = cause instanceof CommandError ? cause.output : "";
    throw new BuildError("CHAINCODE_BUILD_FAILED", `${messageOf(cause)}${output === "" ? "" : `:\n${output}`}`, {
      cause,
      nextStep: "Run the same command in the contract's own folder and mend what it reports.",
    });
  }
}

function linkableModules(manifest: PackageJson, shipped: ShippedModules): string[] | undefined {
  const names: string[] = [];
  for (const [name, range] of Object.entries(manifest.dependencies)) {
    const module = shipped.get(name);
    if (module === undefined || !satisfies(module.version, range)) return undefined;
    names.push(name);
  }
  return names;
}

async function link(directory: string, names: readonly string[], shipped: ShippedModules): Promise<void> {
  for (const name of names) {
    const module = shipped.get(name);
    if (module === undefined) throw new BuildError("MODULE_MISSING", `the peer no longer ships module ${name}`);
    const path = join(directory, "node_modules", name);
    await mkdir(dirname(path), { recursive: true });
    await rm(path, { recursive: true, force: true });
    await symlink(module.directory, path, "dir");
  }
}

async function readPackageJson(directory: string): Promise<PackageJson> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(directory, "package.json"), "utf8"));
  } catch (cause) {
    const found = existsSync(join(directory, "package.json")) ? "is no JSON" : "is missing";
    throw new BuildError("PACKAGE_JSON_INVALID", `src/package.json of the chaincode ${found}`, {
      cause,
      nextStep: "Package the folder that holds package.json.",
    });
  }
  const fields = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  return {
    main: typeof fields.main === "string" ? fields.main : undefined,
    scripts: textFields(fields.scripts),
    dependencies: textFields(fields.dependencies),
  };
}

function textFields(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  const found: Record<string, string> = {};
  for (const [name, field] of Object.entries(value)) if (typeof field === "string") found[name] = field;
  return found;
}

/** @throws BuildError START_SCRIPT_MISSING */
export function startCommand(manifest: PackageJson): StartCommand {
  const script = manifest.scripts.start?.trim();
  if (script === undefined) {
    throw new BuildError("START_SCRIPT_MISSING", "package.json of the chaincode has no start script", {
      nextStep: 'Add "scripts": { "start": "fabric-chaincode-node start" }.',
    });
  }
  if (manifest.scripts.prestart !== undefined) return { kind: "npm" };
  const words = script.replace(/^set -x\s*&&\s*/, "").split(/\s+/);
  // Quotes, variables, pipes and the like need a shell.
  if (!words.every((word) => /^[\w@%+=:,./-]+$/.test(word))) return { kind: "npm" };
  if (words[0] === "fabric-chaincode-node" && words[1] === "start") return { kind: "shim", args: words.slice(2) };
  if (words[0] === "node" && words.length > 1) return { kind: "node", args: words.slice(1) };
  return { kind: "npm" };
}

/**
 * The command line tool of the fabric-shim that a built package uses.
 * @param others a folder of modules to look into where the package itself has none
 */
export function shimProgram(directory: string, others?: string): string {
  try {
    const paths = [directory, ...(others === undefined ? [] : [others])];
    const manifest = createRequire(join(directory, "package.json")).resolve("fabric-shim/package.json", { paths });
    return join(dirname(manifest), "cli.js");
  } catch (cause) {
    throw new BuildError("SHIM_MISSING", "the chaincode does not depend on fabric-shim", {
      cause,
      nextStep: "Add fabric-shim to the dependencies in its package.json.",
    });
  }
}
