/** What the pages point to is there. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { repositoryRoot } from "../support/paths.js";

const pages = [
  ...readdirSync(repositoryRoot).filter((name) => name.endsWith(".md")),
  ...readdirSync(path.join(repositoryRoot, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => path.join("docs", name)),
];

describe("links between pages", () => {
  for (const page of pages) {
    it(`of ${page} lead somewhere`, () => {
      const file = path.join(repositoryRoot, page);
      const links = [...readFileSync(file, "utf8").matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map((match) => match[1]!);
      const broken = links
        .filter((link) => !/^[a-z]+:/.test(link))
        .filter((link) => !existsSync(path.resolve(path.dirname(file), link)));
      assert.deepEqual(broken, []);
    });
  }
});
