import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { satisfies } from "./version-range.js";

describe("version ranges", () => {
  const cases: [version: string, range: string, expected: boolean][] = [
    ["2.5.8", "~2.5", true],
    ["2.5.8", "~2.5.0", true],
    ["2.5.8", "^2.2.0", true],
    ["2.5.8", "2.5.8", true],
    ["2.5.8", "2.x", true],
    ["2.5.8", "*", true],
    ["2.5.8", ">=2.4.0 <3", true],
    ["2.5.8", ">= 2.4.0", true],
    ["2.5.8", "1.x || ^2.5.5", true],
    ["2.5.8", "2.4.0 - 2.5", true],
    ["2.5.8", "~2.4", false],
    ["2.5.8", "^2.6.0", false],
    ["2.5.8", "^1.4.0", false],
    ["2.5.8", "<2.5.8", false],
    ["2.5.8", ">2.5", false],
    ["0.2.3", "^0.2.1", true],
    ["0.3.0", "^0.2.1", false],
    ["2.5.8", "latest", false],
    ["2.5.8", "file:../shim", false],
    ["2.5.8", "git+https://example.org/x.git", false],
    ["2.5.8-beta.1", "~2.5", false],
  ];
  for (const [version, range, expected] of cases) {
    it(`${version} is ${expected ? "" : "not "}in ${range}`, () => assert.equal(satisfies(version, range), expected));
  }
});
