import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { JournalError } from "@hansa/journal";
import { silentLogger } from "@hansa/primitives";
import { nodeFiles } from "./files.js";
import { FileIntake } from "./journal-intake.js";

const root = mkdtempSync(path.join(tmpdir(), "hansa-intake-"));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

function newFolder(): string {
  const folder = path.join(root, `${folders++}`);
  mkdirSync(folder);
  return folder;
}

const strandId = "0000000000000000000001";
const open = (folder: string, turnBytes?: number) =>
  new FileIntake(folder, { strandId, files: nodeFiles, logger: silentLogger, ...(turnBytes && { turnBytes }) });
const entry = (name: string, height = 1) => ({ message: Buffer.from(name), height });
const namesIn = (intake: FileIntake) => intake.left.map(({ message }) => Buffer.from(message).toString());

describe("a strand's intake", () => {
  it("makes no file until it takes something in", async () => {
    const folder = newFolder();
    await open(folder).close();
    assert.deepEqual(readdirSync(folder), []);
  });

  it("keeps what was not settled, in order, with heights", async () => {
    const folder = newFolder();
    const intake = open(folder);
    await Promise.all([intake.append(entry("a", 4)), intake.append(entry("b", 4)), intake.append(entry("c", 5))]);
    intake.settle(1);
    await intake.close();
    // Settled entries may come back: their height says where to look for them.
    const again = open(folder);
    assert.deepEqual(namesIn(again), ["a", "b", "c"]);
    assert.deepEqual(
      again.left.map(({ height }) => height),
      [4, 4, 5],
    );
    await again.append(entry("d"));
    await again.close();
    const third = open(folder);
    assert.deepEqual(namesIn(third), ["a", "b", "c", "d"]);
    third.settle(4);
    await third.close();
    assert.deepEqual(readdirSync(folder), []);
  });

  it("stays small while messages are settled, however many come", async () => {
    const folder = newFolder();
    const intake = open(folder, 1_000);
    for (let i = 0; i < 300; i++) {
      await intake.append(entry(`message ${i}`));
      intake.settle(Math.max(0, i - 20));
    }
    const sizes = readdirSync(folder).map((file) => statSync(path.join(folder, file)).size);
    assert.ok(Math.max(...sizes) < 3_000, sizes.join());
    await intake.close();
    const left = namesIn(open(folder));
    assert.deepEqual(
      left.slice(-21),
      Array.from({ length: 21 }, (_, i) => `message ${279 + i}`),
    );
  });

  it("loses a torn end only", async () => {
    const folder = newFolder();
    const intake = open(folder);
    await intake.append(entry("whole"));
    await intake.append(entry("torn"));
    await intake.close();
    const file = path.join(folder, "intake.0");
    truncateSync(file, statSync(file).size - 2);
    assert.deepEqual(namesIn(open(folder)), ["whole"]);
    appendFileSync(file, "garbage that is no entry, longer than a head");
    assert.deepEqual(namesIn(open(folder)), ["whole"]);
  });

  it("stops when something damaged was acknowledged", async () => {
    for (const damaged of [30, 70]) {
      const folder = newFolder();
      const intake = open(folder);
      for (const name of ["first", "second", "third", "fourth"]) await intake.append(entry(name, 7));
      await intake.close();
      const file = path.join(folder, "intake.0");
      const bytes = readFileSync(file);
      bytes[damaged] = bytes.readUInt8(damaged) ^ 1;
      writeFileSync(file, bytes);
      assert.throws(
        () => open(folder),
        (error) =>
          error instanceof JournalError && error.code === "DAMAGED" && /intake\.0, byte \d+/.test(error.message),
      );
    }
  });

  it("stops when the older of its two files has lost its end", async () => {
    const folder = newFolder();
    const intake = open(folder, 100);
    for (let i = 0; i < 12; i++) await intake.append(entry(`message ${i}`));
    await intake.close();
    const file = path.join(folder, "intake.0");
    truncateSync(file, statSync(file).size - (26 + "message 0".length));
    assert.throws(() => open(folder), /messages \d+ to \d+ are missing/);
  });

  it("takes nothing after it is closed", async () => {
    const intake = open(newFolder());
    await intake.close();
    await assert.rejects(intake.append(entry("late")), /closed/);
  });
});
