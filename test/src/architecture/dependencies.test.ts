/** What packages say they need: recorded in the lockfile, so that a fresh clone installs, and really used. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { repositoryRoot } from "../support/paths.js";

type Manifest = Partial<Record<"dependencies" | "devDependencies" | "optionalDependencies", Record<string, string>>>;
type Locked = Record<string, Record<string, { readonly specifier: string }>>;

const read = (file: string) => readFileSync(path.join(repositoryRoot, file), "utf8");
const { importers } = parse(read("pnpm-lock.yaml")) as { importers: Record<string, Locked> };
const workspace = parse(read("pnpm-workspace.yaml")) as { packages: string[] };

/** Folders of the workspace, relative to its root; patterns end in "*" or name a folder. */
const folders = [
  ".",
  ...workspace.packages.flatMap((pattern) =>
    pattern.endsWith("/*")
      ? readdirSync(path.join(repositoryRoot, path.dirname(pattern))).map((name) => `${path.dirname(pattern)}/${name}`)
      : [pattern],
  ),
].filter((folder) => existsSync(path.join(repositoryRoot, folder, "package.json")));

describe("dependencies", () => {
  it("are recorded in the lockfile as every package.json states them", () => {
    const stated: Record<string, Record<string, string>> = {};
    const recorded: Record<string, Record<string, string>> = {};
    for (const folder of folders) {
      const manifest = JSON.parse(read(`${folder}/package.json`)) as Manifest;
      stated[folder] = {
        ...manifest.devDependencies,
        ...manifest.optionalDependencies,
        ...manifest.dependencies,
      };
      recorded[folder] = Object.fromEntries(
        Object.values(importers[folder] ?? {}).flatMap((group) =>
          Object.entries(group).map(([name, { specifier }]) => [name, specifier]),
        ),
      );
    }
    assert.deepEqual(recorded, stated, "run: npx pnpm@10.34.9 install");
  });

  it("between packages of the workspace are used", () => {
    const unused = folders
      .filter((folder) => folder.startsWith("packages/"))
      .flatMap((folder) => {
        const { dependencies = {} } = JSON.parse(read(`${folder}/package.json`)) as Manifest;
        const sources = readdirSync(path.join(repositoryRoot, folder, "src"), { recursive: true, encoding: "utf8" })
          .filter((file) => file.endsWith(".ts"))
          .map((file) => read(`${folder}/src/${file}`));
        return Object.keys(dependencies)
          .filter((name) => name.startsWith("@hansa/"))
          .filter((name) => !sources.some((text) => text.includes(`"${name}"`) || text.includes(`"${name}/`)))
          .map((name) => `${folder} does not use ${name}`);
      });
    assert.deepEqual(unused, []);
  });
});
