import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type HansaError, silentLogger } from "@hansa/primitives";
import fc from "fast-check";
import type { Tables } from "./changes.js";
import { FileLog } from "./file-log.js";
import { Store } from "./store.js";

const set = (key: string, value: number) => ({ table: "t", key, value });

describe("the control plane's store", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "hansa-store-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const open = () => Store.open(folder, silentLogger);
  const logFile = () =>
    path.join(
      folder,
      readdirSync(folder)
        .filter((name) => name.startsWith("changes-"))
        .sort()
        .at(-1)!,
    );
  const contentOf = (store: Store) => Object.fromEntries(store.entries("t"));

  it("finds again what was written", async () => {
    const store = open();
    await store.write(set("a", 1), set("b", 2));
    await store.write({ table: "t", key: "a" });
    await store.close();
    const again = open();
    assert.deepEqual(contentOf(again), { b: 2 });
    await again.close();
  });

  it("lets in one at a time", async () => {
    const store = open();
    assert.throws(open, (error: HansaError) => error.code === "STORE_IN_USE");
    await store.close();
    await open().close();
  });

  it("is readable by its owner only", async () => {
    const store = open();
    await store.write(set("a", 1));
    assert.equal(statSync(logFile()).mode & 0o777, 0o600);
    await store.close();
  });

  it("keeps a prefix of the changes wherever the file is torn", async () => {
    const store = open();
    for (let i = 0; i < 20; i++) await store.write(set(`k${i}`, i), set("last", i));
    await store.close();
    const file = logFile();
    const whole = readFileSync(file);
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: whole.length }),
        fc.constantFrom("", "\0\0\0\0\0", "garbage without an end"),
        async (length, tail) => {
          writeFileSync(file, whole.subarray(0, length));
          appendFileSync(file, tail);
          const tables: Tables = new Map();
          const log = FileLog.open(folder, tables, silentLogger);
          const rows = Object.fromEntries(tables.get("t") ?? []);
          const count = whole.subarray(0, length).toString("latin1").split("\n").length - 1;
          const expected: Record<string, number> = {};
          for (let i = 0; i < count; i++) Object.assign(expected, { [`k${i}`]: i, last: i });
          assert.deepEqual(rows, expected);
          await log.close();
        },
      ),
      { numRuns: 150 },
    );
  });

  it("writes on after a torn tail was cut", async () => {
    const store = open();
    await store.write(set("a", 1));
    await store.write(set("b", 2));
    await store.close();
    truncateSync(logFile(), statSync(logFile()).size - 3);
    const again = open();
    await again.write(set("c", 3));
    await again.close();
    const third = open();
    assert.deepEqual(contentOf(third), { a: 1, c: 3 });
    await third.close();
  });

  it("does not take damage in the middle for a torn tail", async () => {
    const store = open();
    for (let i = 0; i < 3; i++) await store.write(set(`k${i}`, i));
    await store.close();
    const bytes = readFileSync(logFile());
    bytes[12] = bytes[12]! ^ 1;
    writeFileSync(logFile(), bytes);
    assert.throws(open, (error: HansaError) => error.code === "STORE_CORRUPT" && /line 1/.test(error.message));
  });

  it("begins a new log when the old one has grown, and keeps everything", async () => {
    const tables: Tables = new Map([["t", new Map()]]);
    const log = FileLog.open(folder, tables, silentLogger, 500);
    for (let i = 0; i < 100; i++) {
      tables.get("t")?.set(`k${i % 7}`, i);
      await log.append([set(`k${i % 7}`, i)]);
    }
    await log.close();
    const names = readdirSync(folder);
    assert.equal(names.filter((name) => name.startsWith("changes-")).length, 1, names.join());
    assert.equal(names.filter((name) => name.startsWith("snapshot-")).length, 1, names.join());
    const again = open();
    assert.deepEqual(contentOf(again), { k0: 98, k1: 99, k2: 93, k3: 94, k4: 95, k5: 96, k6: 97 });
    await again.close();
  });

  it("has what it confirmed when the process is killed at any moment", async () => {
    const program = `
      import { Store } from ${JSON.stringify(new URL("./store.js", import.meta.url).href)};
      const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
      const store = Store.open(${JSON.stringify(folder)}, quiet);
      for (let i = 0; ; i++) {
        await store.write({ table: "t", key: "n", value: i });
        process.stdout.write(i + "\\n");
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let told = "";
    for await (const chunk of child.stdout) {
      told += String(chunk);
      if (told.split("\n").length > 50) break;
    }
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    const confirmed = Number(told.trimEnd().split("\n").at(-1));
    const store = open();
    assert.ok((contentOf(store).n as number) >= confirmed, `has ${contentOf(store).n}, confirmed ${confirmed}`);
    await store.close();
  });

  it("keeps passwords in files of their own until they are forgotten", async () => {
    const store = open();
    store.secrets.keep("m-A", "Passw0rd");
    assert.equal(statSync(path.join(folder, "passwords", "m-A")).mode & 0o777, 0o600);
    assert.deepEqual(store.secrets.memberIds(), ["m-A"]);
    store.secrets.forget("m-A");
    assert.equal(store.secrets.find("m-A"), undefined);
    await store.close();
  });
});
