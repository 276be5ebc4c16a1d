/**
 * Keeps a folder for one opener at a time. The file LOCK names the process; a process that died leaves it behind, and
 * the next opener takes it over. A process is told from a later one with its number by when it began, where the system
 * says so (Linux).
 */
import { readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { HansaError } from "@hansa/primitives";

const held = new Set<string>();

export class FolderLock {
  readonly #folder: string;
  readonly #file: string;

  private constructor(folder: string, file: string) {
    this.#folder = folder;
    this.#file = file;
  }

  /** @throws HansaError STORE_IN_USE */
  static acquire(folder: string): FolderLock {
    const real = realpathSync(folder);
    const file = path.join(real, "LOCK");
    if (held.has(real)) throw inUse(folder, process.pid);
    const mine = `${process.pid} ${beginOf(process.pid)}\n`;
    for (let attempt = 0; ; attempt++) {
      try {
        writeFileSync(file, mine, { flag: "wx", mode: 0o600 });
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        const holder = holderOf(file);
        if (holder !== undefined || attempt > 0) throw inUse(folder, holder ?? 0);
        rmSync(file, { force: true });
      }
    }
    held.add(real);
    return new FolderLock(real, file);
  }

  release(): void {
    held.delete(this.#folder);
    rmSync(this.#file, { force: true });
  }
}

/** The other living process that the file names, if there is one. */
function holderOf(file: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  const [pidText = "", begin = ""] = text.trimEnd().split(" ");
  const pid = Number(pidText);
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid || !isAlive(pid)) return undefined;
  return begin !== beginOf(pid) ? undefined : pid;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Field 22 of /proc/PID/stat: clock ticks from boot to the process's start. Empty where there is no such file. */
function beginOf(pid: number): string {
  const [state = "", ...rest] = statOf(pid);
  // One that has ended and waits for its parent to notice holds nothing any more.
  return state === "Z" || state === "X" ? "ended" : (rest[18] ?? "");
}

/** Fields of /proc/PID/stat from the third, the process's state, on. */
function statOf(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

function inUse(folder: string, pid: number): HansaError {
  return new HansaError("STORE_IN_USE", `${folder} is open in process ${pid}`, {
    nextStep: "Stop the other process, or give this one another folder.",
  });
}
