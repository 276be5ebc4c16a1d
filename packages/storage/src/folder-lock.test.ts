import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { FolderLock } from "./folder-lock.js";

const root = mkdtempSync(path.join(tmpdir(), "hansa-lock-"));
after(() => rmSync(root, { recursive: true, force: true }));
const newFolder = () => mkdtempSync(path.join(root, "folder-"));

describe("the lock of a folder", () => {
  it("is one opener's at a time", () => {
    const folder = newFolder();
    const lock = FolderLock.acquire(folder);
    assert.throws(() => FolderLock.acquire(folder), { code: "STORE_IN_USE" });
    lock.release();
    FolderLock.acquire(folder).release();
    assert.equal(existsSync(path.join(folder, "LOCK")), false);
  });

  it("is respected while the process that it names lives", { skip: !existsSync("/proc/self/stat") }, async () => {
    const folder = newFolder();
    // A shell that never waits for its child: once killed, the child stays in the process table.
    const shell = spawn("sh", ["-c", "sleep 60 & echo $!; exec sleep 61"], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const [line] = (await once(shell.stdout, "data")) as [Buffer];
      const pid = Number(line.toString());
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      const begin = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
      writeFileSync(path.join(folder, "LOCK"), `${pid} ${begin}\n`);
      assert.throws(() => FolderLock.acquire(folder), { code: "STORE_IN_USE" });
      process.kill(pid, "SIGKILL");
      const isEnded = () => /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
      while (!isEnded()) await new Promise((resolve) => setTimeout(resolve, 5));
      FolderLock.acquire(folder).release();
    } finally {
      shell.kill("SIGKILL");
    }
  });

  it("is taken over from a process that is gone, and from another that got its number", () => {
    for (const holder of ["4194303 1\n", "1 another-beginning\n", "", "no number\n"]) {
      const folder = newFolder();
      writeFileSync(path.join(folder, "LOCK"), holder);
      FolderLock.acquire(folder).release();
    }
  });
});
