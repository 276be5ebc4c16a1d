import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { it } from "node:test";
import { asFileFailure } from "./file-failure.js";

it("tells what the system refuses about a file, and leaves other errors alone", () => {
  assert.throws(
    () => mkdirSync("/dev/null/below"),
    (error) => {
      const failure = asFileFailure(error);
      assert.equal(failure?.code, "FILE_ACCESS");
      assert.match(
        failure.message,
        /^\/dev\/null\/below cannot be read or written: a part of its path is no folder\.$/,
      );
      return true;
    },
  );
  const full = asFileFailure(Object.assign(new Error("ENOSPC: write"), { code: "ENOSPC" }));
  assert.equal(full?.message, "A file cannot be written: the disk is full.");
  assert.equal(asFileFailure(new TypeError("x is undefined")), undefined);
  assert.equal(asFileFailure(Object.assign(new Error("refused"), { code: "ECONNREFUSED" })), undefined);
});
