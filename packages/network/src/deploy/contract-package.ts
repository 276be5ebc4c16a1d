import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, stat, utimes } from "node:fs/promises";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { HansaError, messageOf, sha256Hex } from "@hansa/primitives";
import { missingModules } from "../develop/contract-folder.js";
import { CONNECTION_FILE, serviceFiles } from "./service-package.js";
import { readTar, type TarFile, writeTar } from "./tar.js";

/** A chaincode package as Fabric's lifecycle installs it. `id` is its label and the hash of its bytes. */
export type ContractPackage = { readonly id: string; readonly label: string; readonly bytes: Uint8Array };

/** Never part of a package: they are made anew or belong to tools. */
const LEFT_OUT = new Set(["node_modules", ".git", ".hansa", ".DS_Store", "coverage"]);
const MAX_PACKAGE_BYTES = 90 * 1024 * 1024;
const MAX_FILES = 20_000;
const MAX_PROBLEMS = 12;

/**
 * Packages a contract's folder, building it first when its main file is missing or older than its sources; a folder with
 * connection.json as a service; or reads a package that exists. The same files give the same package, hence the same id,
 * on every machine.
 * @param report told of errors that did not keep the compiler from writing its output
 * @throws HansaError CONTRACT_NOT_FOUND when there is nothing at the path, CONTRACT_BUILD when it does not build
 */
export async function packageContract(
  source: string,
  name: string,
  version: string,
  report: (step: string) => void = () => {},
): Promise<ContractPackage> {
  const found = await stat(source).catch(() => undefined);
  if (found === undefined)
    throw new HansaError("CONTRACT_NOT_FOUND", `There is no contract at ${source}.`, {
      nextStep: "Give the contract's folder, or a chaincode package (.tgz or .tar.gz).",
    });
  if (found.isFile()) return readPackage(source);
  const isService = existsSync(path.join(source, CONNECTION_FILE));
  if (!isService) await buildContract(source, report);
  const collected = await collect(source);
  if (!isService && collected.every((file) => file.name !== "src/package.json"))
    throw new HansaError("CONTRACT_BUILD", `${source} has no package.json, so it is no Node contract.`, {
      nextStep: `Give a folder with package.json. In other languages, run the contract as a service: put ${CONNECTION_FILE} with its server's address into the folder.`,
    });
  const files = isService ? await serviceFiles(source, collected) : collected;
  const label = `${name}_${version}`.replaceAll(/[^A-Za-z0-9_.+-]/g, "_");
  const metadata = JSON.stringify({ path: "", type: isService ? "ccaas" : "node", label });
  const bytes = compress([
    { name: "metadata.json", content: Buffer.from(metadata) },
    { name: "code.tar.gz", content: compress(files) },
  ]);
  if (bytes.length > MAX_PACKAGE_BYTES)
    throw new HansaError(
      "CONTRACT_BUILD",
      `The package of ${source} has ${bytes.length} bytes; the most is ${MAX_PACKAGE_BYTES}.`,
      {
        nextStep: "Move what the contract does not need out of its folder.",
      },
    );
  return { id: `${label}:${sha256Hex(bytes)}`, label, bytes };
}

async function readPackage(file: string): Promise<ContractPackage> {
  const bytes = await readFile(file);
  try {
    const metadata = readTar(gunzipSync(bytes, { maxOutputLength: 4 * MAX_PACKAGE_BYTES })).find(
      (entry) => entry.name === "metadata.json",
    );
    if (metadata === undefined) throw new Error("it holds no metadata.json");
    const { label } = JSON.parse(Buffer.from(metadata.content).toString("utf8")) as { label?: unknown };
    if (typeof label !== "string" || label === "") throw new Error("its metadata.json has no label");
    return { id: `${label}:${sha256Hex(bytes)}`, label, bytes };
  } catch (cause) {
    throw new HansaError("CONTRACT_BUILD", `${file} is not a chaincode package: ${messageOf(cause)}.`, {
      cause,
      nextStep: "Make one with: peer lifecycle chaincode package, or give the contract's folder instead.",
    });
  }
}

/** Level 6 and a fixed header, so that equal files are equal packages. */
function compress(files: readonly TarFile[]): Uint8Array {
  const bytes = gzipSync(writeTar(files), { level: 6 });
  bytes[9] = 255;
  return bytes;
}

/** Files as Fabric's own packaging of Node contracts names them: code under src/, index definitions at the top. */
async function collect(root: string): Promise<TarFile[]> {
  const names: string[] = [];
  const walk = async (folder: string) => {
    for (const entry of await readdir(path.join(root, folder), { withFileTypes: true })) {
      if (LEFT_OUT.has(entry.name) || entry.name.endsWith(".tsbuildinfo")) continue;
      const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) await walk(name);
      else if (entry.isFile()) names.push(name);
      if (names.length > MAX_FILES)
        throw new HansaError("CONTRACT_BUILD", `${root} has more than ${MAX_FILES} files.`, {
          nextStep: "Give the contract's own folder, without unrelated files.",
        });
    }
  };
  await walk("");
  names.sort((a, b) => (a < b ? -1 : 1));
  return Promise.all(
    names.map(async (name) => ({
      name: name.startsWith("META-INF/") ? name : `src/${name}`,
      content: await readFile(path.join(root, name)),
    })),
  );
}

/**
 * Builds with the contract's own script, where its main file is missing or a source is newer. TypeScript's compiler
 * writes its output even where it finds errors, unless told otherwise; Fabric's scripts deploy that, and so is it here.
 */
async function buildContract(root: string, report: (step: string) => void): Promise<void> {
  const manifest = await readManifest(root);
  if (manifest?.scripts?.build === undefined || manifest.main === undefined) return;
  const main = path.join(root, manifest.main);
  // Compilers leave a file alone whose content stays the same, so the newest file beside it says when it was built.
  if (existsSync(main) && (await newestIn(path.join(root, "src"))) <= (await newestIn(path.dirname(main)))) return;
  if (!existsSync(path.join(root, "node_modules")) && (await missingModules(root)).length > 0) {
    const locked = ["package-lock.json", "npm-shrinkwrap.json"].some((file) => existsSync(path.join(root, file)));
    const install = [locked ? "ci" : "install", "--no-audit", "--no-fund", "--loglevel=error"];
    const problems = await run(root, install);
    if (problems !== undefined) throw doesNotBuild(root, install, problems);
  }
  const startedAt = Date.now();
  const build = ["run", "build"];
  const problems = await run(root, build);
  if (problems === undefined) return;
  const written = await writtenSince(path.dirname(main), startedAt);
  // An incremental compiler leaves alone what stays the same, which may be the main file.
  if (compilesOnly(manifest.scripts) && written.length > 0 && existsSync(main)) {
    const shown = problems.slice(0, MAX_PROBLEMS).map((line) => `  ${line}`);
    report(`the compiler wrote its output, but finds errors:\n${shown.join("\n")}`);
    return;
  }
  // What a failed build leaves must not pass for a finished one the next time.
  await Promise.all(written.map((file) => utimes(file, 0, 0)));
  throw doesNotBuild(root, build, problems);
}

/** Whether the build is the compiler's work alone, so that nothing is missing when it ends with errors. */
function compilesOnly({ build, prebuild, postbuild }: Record<string, string>): boolean {
  return /^tsc(\s[^&|;]*)?$/.test(build ?? "") && prebuild === undefined && postbuild === undefined;
}

async function writtenSince(folder: string, sinceMs: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".tsbuildinfo"))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter(
      (file) =>
        !path
          .relative(folder, file)
          .split(path.sep)
          .some((part) => part === "src" || LEFT_OUT.has(part)),
    );
  const times = await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs));
  return files.filter((_, index) => times[index]! >= sinceMs);
}

async function readManifest(root: string): Promise<{ main?: string; scripts?: Record<string, string> } | undefined> {
  const file = path.join(root, "package.json");
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(await readFile(file, "utf8")) as { main?: string; scripts?: Record<string, string> };
  } catch (cause) {
    throw new HansaError("CONTRACT_BUILD", `${file} cannot be read: ${messageOf(cause)}.`, {
      cause,
      nextStep: "Correct it.",
    });
  }
}

async function newestIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const times = await Promise.all(
    entries.map(async (entry) => {
      const place = path.join(folder, entry.name);
      if (entry.isDirectory()) return LEFT_OUT.has(entry.name) ? 0 : newestIn(place);
      return (await stat(place)).mtimeMs;
    }),
  );
  return Math.max(0, ...times);
}

/** @returns what npm said when it failed, undefined when it did not */
async function run(cwd: string, args: readonly string[]): Promise<readonly string[] | undefined> {
  const output: string[] = [];
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn("npm", args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => output.push(chunk.toString("utf8")));
    child.once("error", reject);
    child.once("close", resolve);
  }).catch((cause: Error) => {
    throw new HansaError("CONTRACT_BUILD", `npm could not be started to build ${cwd}: ${cause.message}.`, { cause });
  });
  if (code === 0) return undefined;
  return output
    .join("")
    .trim()
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(>|npm (warn|notice) )/.test(line));
}

function doesNotBuild(root: string, args: readonly string[], problems: readonly string[]): HansaError {
  const shown = problems.slice(0, MAX_PROBLEMS).join("\n");
  return new HansaError("CONTRACT_BUILD", `The contract in ${root} does not build:\n${shown}`, {
    nextStep: `Correct it and try: npm ${args.join(" ")}`,
  });
}
