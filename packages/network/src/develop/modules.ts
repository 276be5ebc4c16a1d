/** Sees to the modules that a contract in development needs. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, symlink } from "node:fs/promises";
import path from "node:path";
import { findShippedModules, satisfies } from "@hansa/peer/contracts";
import { HansaError } from "@hansa/primitives";
import { eachLine, killGroup } from "./builder.js";
import { missingModules } from "./contract-folder.js";

/**
 * Nothing, where the folder finds all that its package.json names. A contract in plain JavaScript that needs only what
 * comes with the peer is given that without touching its folder; for all others npm installs.
 * @param scratch a folder to put links into
 * @returns a folder of modules to look into besides; undefined when none is needed
 * @throws HansaError CONTRACT_BUILD
 */
export async function provideModules(
  root: string,
  scratch: string,
  report: (step: string) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  const missing = await missingModules(root);
  if (missing.length === 0) return undefined;
  const manifest = JSON.parse(await readFile(path.join(root, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
    scripts?: Record<string, string>;
  };
  const shipped = findShippedModules();
  const { dependencies = {} } = manifest;
  const isShipped = (name: string) => {
    const module = shipped.get(name);
    return module !== undefined && dependencies[name] !== undefined && satisfies(module.version, dependencies[name]);
  };
  if (manifest.scripts?.build === undefined && missing.filter((name) => dependencies[name]).every(isShipped)) {
    const folder = path.join(scratch, "node_modules");
    await mkdir(folder, { recursive: true });
    for (const [name, { directory }] of shipped) {
      const link = path.join(folder, name);
      if (!existsSync(link)) await symlink(directory, link, "dir");
    }
    return folder;
  }
  report(`installing ${missing.length} modules that package.json names`);
  await npmInstall(root, signal);
  return undefined;
}

async function npmInstall(root: string, signal: AbortSignal): Promise<void> {
  const locked = ["package-lock.json", "npm-shrinkwrap.json"].some((file) => existsSync(path.join(root, file)));
  const args = [locked ? "ci" : "install", "--no-audit", "--no-fund", "--loglevel=error"];
  const lines: string[] = [];
  const code = await new Promise<number | null>((resolve, reject) => {
    const npm = spawn("npm", args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const abort = () => killGroup(npm);
    signal.addEventListener("abort", abort, { once: true });
    eachLine(npm, (line) => {
      if (lines.length < 12 && line.trim() !== "" && !/^npm (warn|notice) /i.test(line)) lines.push(line);
    });
    npm.once("error", reject);
    npm.once("close", resolve);
  }).catch((cause: Error) => {
    throw new HansaError("CONTRACT_BUILD", `npm could not be started in ${root}: ${cause.message}.`, { cause });
  });
  if (code === 0) return;
  throw new HansaError("CONTRACT_BUILD", `The modules of ${root} cannot be installed:\n${lines.join("\n")}`, {
    nextStep: `Correct it and try: npm ${args[0]}`,
  });
}
