/** Runs how-to pages as written: every `sh` block in order, every `js` block as a test file of its own. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, it } from "node:test";
import { natsServerIsMissing } from "../faults/nats.js";
import { temporaryFolder } from "../support/folder.js";
import { hansa, runProgram } from "../support/hansa-command.js";
import { repositoryRoot } from "../support/paths.js";

const pages = path.join(repositoryRoot, "docs/how-to");

function blocks(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map((match) => match[1]!);
}

/** A folder in which the repository's networks and its `hansa` are found, as a reader of the page would have them. */
async function readersFolder(): Promise<string> {
  const { folder, remove } = temporaryFolder();
  after(async () => {
    await stopEverything(folder);
    remove();
  });
  await symlink(path.join(repositoryRoot, "network-configs"), path.join(folder, "network-configs"));
  await mkdir(path.join(folder, "node_modules/.bin"), { recursive: true });
  await symlink(path.join(repositoryRoot, "packages/cli"), path.join(folder, "node_modules/hansa"));
  await symlink(path.join(repositoryRoot, "packages/cli/bin/hansa.mjs"), path.join(folder, "node_modules/.bin/hansa"));
  await writeFile(path.join(folder, "package.json"), '{ "type": "module" }\n');
  await linkModules(folder);
  return folder;
}

/** What npm would install for a contract in TypeScript, from the shipped one. */
async function linkModules(folder: string): Promise<void> {
  const installed = path.join(repositoryRoot, "network-configs/contracts/shipment/node_modules");
  await mkdir(path.join(folder, "node_modules/@types"));
  for (const name of ["typescript", "fabric-contract-api", "fabric-shim", "@types/node"])
    await symlink(await realpath(path.join(installed, name)), path.join(folder, "node_modules", name));
  await symlink("../typescript/bin/tsc", path.join(folder, "node_modules/.bin/tsc"));
}

/** Whatever a page left running, or a page that failed in the middle. */
async function stopEverything(folder: string): Promise<void> {
  await hansa(folder, "control-plane", "down");
  const home = path.join(folder, ".hansa");
  const names = existsSync(home) ? await readdir(home) : [];
  const networks = names.filter((name) => existsSync(path.join(home, name, "network.json")));
  await Promise.all(networks.map((name) => hansa(folder, "down", "--wipe", "--network", name)));
}

/** The file names of all pages. */
export function howToPages(): Promise<string[]> {
  return readdir(pages);
}

export async function testPages(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const page = await readFile(path.join(pages, name), "utf8");
    const shell = blocks(page, "sh");
    if (shell.length > 0) {
      const needs = shell.join("").includes("--engine jetstream") ? natsServerIsMissing : {};
      it(`${name}: the shell does what the page says`, needs, async () => {
        const folder = await readersFolder();
        const script = `set -e\n${shell.join("\n")}`;
        const outcome = await runProgram("bash", ["-c", script], folder);
        assert.equal(outcome.exit, 0, `${outcome.stdout}\n${outcome.stderr}`);
      });
    }
    for (const [at, program] of blocks(page, "js").entries()) {
      it(`${name}: program ${at + 1} passes`, async () => {
        const folder = await readersFolder();
        await writeFile(path.join(folder, "page.test.js"), program);
        const outcome = await runProgram(process.execPath, ["--test", "page.test.js"], folder);
        assert.equal(outcome.exit, 0, `${outcome.stdout}\n${outcome.stderr}`);
      });
    }
  }
}
