import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { EXITS, exitCodesPage, exitOf } from "./exit-codes.js";

const page = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../docs/reference/exit-codes.md");

describe("exit codes", () => {
  it("are distinct, and so are the causes they stand for", () => {
    const numbers = EXITS.map(({ exit }) => exit);
    assert.equal(new Set(numbers).size, numbers.length);
    const codes = EXITS.flatMap(({ codes }) => [...codes] as string[]);
    assert.equal(new Set(codes).size, codes.length);
    assert.ok(numbers.every((exit) => exit >= 0 && exit < 256));
  });

  it("are what the reference page says", () => {
    assert.equal(readFileSync(page, "utf8"), exitCodesPage());
  });

  it("give 1 for what nobody foresaw", () => {
    assert.equal(exitOf("SOMETHING_NEW"), 1);
    assert.equal(exitOf("PORT_IN_USE"), 7);
  });
});
