import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { HansaError } from "@hansa/primitives";
import { makeFolder } from "@hansa/storage";
import { isAlive, startOf } from "../nodes/alive.js";
import type { Layout } from "../plan/layout.js";

/**
 * Takes a network's data folder for this process, so that two starts never mix. The lock lies beside the folder: a first
 * start that fails removes the folder. A lock whose process is gone counts for nothing.
 * @returns how to give it back
 * @throws HansaError IN_USE
 */
export async function lockFolder(layout: Layout): Promise<() => Promise<void>> {
  const file = `${layout.root}.lock`;
  const isNew = await makeFolder(path.dirname(file));
  // Private keys lie below; they are not to end up in somebody's repository.
  if (isNew) await writeFile(path.join(path.dirname(file), ".gitignore"), "*\n");
  for (let attempt = 1; ; attempt++) {
    try {
      await writeFile(file, `${process.pid} ${startOf(process.pid) ?? ""}`, { flag: "wx" });
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const [number, start] = (await readFile(file, "utf8").catch(() => "")).split(" ");
    const pid = Number(number);
    if (pid > 0 && isAlive(pid) && (startOf(pid) ?? "") === start) throw inUse(layout, pid);
    // Whoever wrote it may be between creating the file and writing its number; give it a moment once.
    if (pid === 0 && attempt === 1) await new Promise((done) => setTimeout(done, 100));
    else if (attempt <= 3) await rm(file, { force: true });
    else throw inUse(layout, pid);
  }
}

function inUse(layout: Layout, pid: number): HansaError {
  const who = pid === process.pid ? "this process" : `process ${pid}`;
  return new HansaError("IN_USE", `The network in ${layout.root} is being started or run by ${who}.`, {
    nextStep: "Wait for it, or stop it with: hansa down",
  });
}
