import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { type LogFile, RotatedLog, readEnd, readOn } from "./rotated-log.js";

const root = mkdtempSync(path.join(os.tmpdir(), "hansa-rotated-"));
after(() => rmSync(root, { recursive: true, force: true }));

let log: LogFile;
let runs = 0;
beforeEach(() => {
  log = { file: path.join(mkdtempSync(path.join(root, `${++runs}-`)), "node.log"), maxBytes: 1_000, kept: 2 };
});
const line = (number: number) => `${String(number).padStart(8, "0")} é\n`;
const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => line(from + i)).join("");

describe("a node's log", () => {
  it("stays bounded, in size and in files, and loses only what is oldest", () => {
    const written = RotatedLog.open(log);
    for (let number = 0; number < 1_000; number++) written.write(line(number));
    written.close();
    written.write("after the end\n");
    const names = readdirSync(path.dirname(log.file)).sort();
    assert.deepEqual(names, ["node.log", "node.log.1", "node.log.2"]);
    const files = ["node.log.2", "node.log.1", "node.log"].map((name) => path.join(path.dirname(log.file), name));
    for (const file of files) assert.ok(statSync(file).size < log.maxBytes + line(0).length);
    const kept = files.map((file) => readFileSync(file, "utf8")).join("");
    assert.ok(kept.length > log.maxBytes);
    assert.equal(kept, lines(1_000 - kept.length / line(0).length, 1_000));
  });

  it("turns at once when it is opened full", () => {
    writeFileSync(log.file, lines(0, 500));
    RotatedLog.open(log).close();
    assert.equal(readFileSync(log.file, "utf8"), "");
    assert.equal(readFileSync(`${log.file}.1`, "utf8"), lines(0, 500));
  });

  it("is a process's output to its end, however often it turned", () => {
    const program = `
      import { openSync, writeSync } from "node:fs";
      import { spawnSync } from "node:child_process";
      const { RotatedLog } = await import(process.argv[1]);
      const log = new RotatedLog(1, JSON.parse(process.argv[2]));
      for (let n = 0; n < 300; n++) log.write("x".repeat(9) + "\\n");
      writeSync(2, "the runtime's last words\\n");
    `;
    const module = new URL("./rotated-log.js", import.meta.url).href;
    const shell = `exec "$0" --input-type=module -e "$1" -- "$2" "$3" >>"$4" 2>&1`;
    execFileSync("/bin/sh", ["-c", shell, process.execPath, program, module, JSON.stringify(log), log.file]);
    assert.match(readFileSync(log.file, "utf8"), /^(x{9}\n)*the runtime's last words\n$/);
    assert.ok(statSync(log.file).size < 2 * log.maxBytes);
  });
});

describe("a reader of a log", () => {
  const readAll = (from: number) => {
    let [offset, text] = [from, ""];
    for (;;) {
      const read = readOn(log.file, offset);
      offset = read.offset;
      if (read.bytes.length === 0) return { offset, text };
      text += read.bytes.toString("utf8");
    }
  };

  it("misses nothing while it turns", () => {
    const written = RotatedLog.open(log);
    let seen = "";
    let offset = 0;
    for (let number = 0; number < 400; number++) {
      written.write(line(number));
      if (number % 7 !== 0) continue;
      const read = readAll(offset);
      seen += read.text;
      offset = read.offset;
    }
    seen += readAll(offset).text;
    written.close();
    assert.equal(seen, lines(0, 400));
  });

  it("misses nothing where a file is set aside by its name", () => {
    writeFileSync(log.file, lines(0, 10));
    const { offset } = readAll(0);
    appendFileSync(log.file, lines(10, 20));
    renameSync(log.file, `${log.file}.1`);
    assert.deepEqual(readAll(offset), { offset, text: "" }, "there is no new file yet");
    writeFileSync(log.file, lines(20, 22));
    assert.equal(readAll(offset).text, lines(10, 22));
  });

  it("reads a long file a piece at a time", () => {
    writeFileSync(log.file, lines(0, 300_000));
    assert.equal(readAll(0).text, lines(0, 300_000));
  });

  it("begins with the end, also of the file before", () => {
    assert.deepEqual(readEnd(log.file, 100), { bytes: Buffer.alloc(0), offset: 0 });
    writeFileSync(`${log.file}.1`, lines(0, 50));
    writeFileSync(log.file, lines(50, 52));
    const { bytes, offset } = readEnd(log.file, 5 * Buffer.byteLength(line(0)));
    assert.equal(bytes.toString("utf8"), lines(47, 52));
    assert.equal(offset, statSync(log.file).size);
  });
});
