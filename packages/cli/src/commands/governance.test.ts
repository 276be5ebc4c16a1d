import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { main } from "../main.js";

describe("hansa governance log", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "hansa-governance-"));
  const governance = path.join(folder, "coffee", "governance");
  mkdirSync(governance, { recursive: true });
  writeFileSync(path.join(folder, "coffee", "state.json"), "{}");
  after(() => rmSync(folder, { recursive: true }));

  async function log(copy: Buffer, ...options: string[]): Promise<{ exit: number; written: string }> {
    writeFileSync(path.join(governance, "strand"), copy);
    const lines: string[] = [];
    const sink = { write: (text: string) => lines.push(text) > 0 };
    const io = { stdout: sink, stderr: sink, env: {}, cwd: folder };
    const argv = ["governance", "log", "--dir", folder, ...options];
    const exit = await main(argv, io as unknown as Parameters<typeof main>[1], new AbortController().signal);
    return { exit, written: lines.join("") };
  }

  /** A block as the copy holds it: its length, the first bytes of its hash, and the block. */
  function framed(body: Buffer): Buffer {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    return Buffer.concat([length, createHash("sha256").update(body).digest().subarray(0, 4), body]);
  }

  it("does not take for whole what cannot be read to its end", async () => {
    for (const options of [["--verify"], []]) {
      const { exit, written } = await log(Buffer.from("no block at all"), ...options);
      assert.equal(exit, 9, written);
      assert.match(written, /coffee does not hold at block 0: from byte 0 on, 15 bytes were changed, or not written/);
    }
  });

  it("says which block is none", async () => {
    const { exit, written } = await log(framed(Buffer.from([0xff])), "--verify");
    assert.equal(exit, 9, written);
    assert.match(written, /coffee does not hold at block 0: .*not a valid .*StrandBlock/);
    assert.match(written, /delete \S+\/governance\/strand and start the network/);
  });

  it("knows a network that is not founded yet", async () => {
    const { written } = await log(Buffer.alloc(0), "--verify");
    assert.match(written, /is not founded yet/);
  });
});
