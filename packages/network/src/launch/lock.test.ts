import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { makeFolder } from "@hansa/storage";
import { Layout } from "../plan/layout.js";
import { lockFolder } from "./lock.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-lock-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("the lock on a network's folder", () => {
  const layout = new Layout(path.join(folder, "trade"));

  it("is held by one at a time", async () => {
    const release = await lockFolder(layout);
    await assert.rejects(lockFolder(layout), { code: "IN_USE", message: /is being started or run by this process/ });
    await release();
    await (await lockFolder(layout))();
    assert.equal(existsSync(`${layout.root}.lock`), false);
  });

  it("keeps what lies below out of git, in a folder that it makes itself", async () => {
    assert.equal(existsSync(path.join(folder, ".gitignore")), false);
    await (await lockFolder(new Layout(path.join(folder, ".hansa/trade"))))();
    assert.equal(readFileSync(path.join(folder, ".hansa/.gitignore"), "utf8"), "*\n");
  });

  it("counts for nothing when its process is gone, or is another one by now", async () => {
    for (const text of ["999999999 1", `${process.pid} 1`, "", "nonsense"]) {
      writeFileSync(`${layout.root}.lock`, text);
      await (await lockFolder(layout))();
    }
  });
});

describe("a folder that a user named", () => {
  it("is made with those above it, and is told from one that was there", async () => {
    const deep = path.join(folder, "a", "b", "c");
    assert.equal(await makeFolder(deep), true);
    assert.equal(await makeFolder(deep), false);
    assert.ok(statSync(deep).isDirectory());
    writeFileSync(path.join(deep, "file"), "");
    await assert.rejects(makeFolder(path.join(deep, "file")), { code: "EEXIST" });
    await assert.rejects(makeFolder(path.join(deep, "file", "below")), { code: "ENOTDIR" });
  });

  const skip = process.platform !== "linux" && "only Linux has /proc";
  it("is refused at once where the system makes none", { skip }, async () => {
    const refusal = { code: "FILE_ACCESS", message: "No folder can be made in /proc." };
    await assert.rejects(makeFolder("/proc/hansa"), refusal);
    await assert.rejects(makeFolder("/proc/hansa/trade/nodes"), refusal);
    await assert.rejects(lockFolder(new Layout("/proc/hansa/trade")), refusal);
  });
});
