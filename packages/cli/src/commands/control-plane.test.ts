import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { main } from "../main.js";

describe("hansa control-plane up", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "hansa-plane-"));
  after(() => rmSync(folder, { recursive: true }));

  const cases: readonly [options: string[], said: RegExp][] = [
    [["--port", "65536"], /--port is 65536; expected 0 to 65535\./],
    [["--region", ""], /--region is ""; expected for instance us-east-1\./],
    [["--region", "us east"], /--region is "us east"/],
    [["--events", ""], /--events is ""; expected a file, or an http address\./],
    [["--events", "ftp://example.com"], /expected a file, or an http address/],
    [["--events", "http://"], /expected a file, or an http address/],
    [["--events", "."], /expected a file, and it is a folder/],
    [["--events", "nowhere/events"], /there is no folder \S+nowhere\./],
    [["--delay", "soon"], /The duration is "soon"/],
    [["--quotas", "maybe"], /--quotas is "maybe"; expected on or off\./],
  ];
  for (const [options, said] of cases)
    it(`does not take ${options.join(" ")}`, async () => {
      const lines: string[] = [];
      const sink = { write: (text: string) => lines.push(text) > 0 };
      const io = { stdout: sink, stderr: sink, env: {}, cwd: folder };
      const argv = ["control-plane", "up", ...options];
      const exit = await main(argv, io as unknown as Parameters<typeof main>[1], new AbortController().signal);
      assert.equal(exit, 2, lines.join(""));
      assert.match(lines.join(""), said);
      assert.ok(!existsSync(path.join(folder, ".hansa")), "nothing was begun");
    });
});
