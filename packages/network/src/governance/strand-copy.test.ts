import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { readStrandCopy, readWholeStrandCopy, StrandCopy } from "./strand-copy.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-copy-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const blocks = ["first", "second", "third"].map((text) => Buffer.from(text.repeat(40)));

function filled(name: string): string {
  const file = path.join(folder, name, "strand");
  const copy = StrandCopy.open(file);
  for (const block of blocks) copy.append(block);
  copy.close();
  return file;
}

async function texts(file: string): Promise<string[]> {
  return (await readStrandCopy(file)).map((bytes) => Buffer.from(bytes).toString());
}

describe("a copy of the governance strand", () => {
  it("gives back what was appended, to its writer and to others, and to nobody else's eyes", async () => {
    const file = filled("whole");
    assert.deepEqual(await texts(file), blocks.map(String));
    const copy = StrandCopy.open(file);
    assert.equal(copy.size, 3);
    assert.equal(Buffer.from(copy.block(1)).toString(), String(blocks[1]));
    assert.throws(() => copy.block(3), RangeError);
    copy.close();
    assert.equal(statSync(file).mode & 0o077, 0);
    assert.deepEqual(await readStrandCopy(path.join(folder, "nowhere")), []);
  });

  it("forgets a block that was cut off at any byte, and goes on after the last whole one", async () => {
    const size = statSync(filled("cut")).size;
    const last = blocks[2]!.length + 8;
    for (let lost = 1; lost <= last; lost += 17) {
      const file = filled("cut");
      truncateSync(file, size - lost);
      assert.deepEqual(await texts(file), blocks.slice(0, 2).map(String));
      const copy = StrandCopy.open(file);
      copy.append(blocks[2]!);
      copy.close();
      assert.deepEqual(await texts(file), blocks.map(String));
      rmSync(file);
    }
  });

  it("forgets a block whose bytes changed, and what follows it", async () => {
    const file = filled("damaged");
    const bytes = readFileSync(file);
    bytes[blocks[0]!.length + 30]! ^= 1;
    writeFileSync(file, bytes);
    assert.deepEqual(await texts(file), [String(blocks[0])]);
    const byte = blocks[0]!.length + 8;
    assert.deepEqual((await readWholeStrandCopy(file)).unread, { byte, bytes: bytes.length - byte });
  });

  it("says that it was not read to its end, whichever byte changed and wherever it was cut off", async () => {
    const file = filled("changed");
    const whole = readFileSync(file);
    assert.equal((await readWholeStrandCopy(file)).unread, undefined);
    assert.equal((await readWholeStrandCopy(path.join(folder, "nowhere"))).unread, undefined);
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 1 << (at % 8);
      writeFileSync(file, changed);
      assert.notEqual((await readWholeStrandCopy(file)).unread, undefined, `byte ${at}`);
    }
    writeFileSync(file, whole.subarray(0, -1));
    assert.notEqual((await readWholeStrandCopy(file)).unread, undefined);
  });

  it("can be begun anew", async () => {
    const file = filled("cleared");
    const copy = StrandCopy.open(file);
    copy.clear();
    copy.append(blocks[2]!);
    copy.close();
    assert.deepEqual(await texts(file), [String(blocks[2])]);
  });
});
