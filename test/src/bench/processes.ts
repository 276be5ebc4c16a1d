/** What the operating system says of this process and its descendants. Linux only: it reads /proc. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";

const CLOCK_TICKS_PER_SECOND = 100;

export type ProcessUse = {
  readonly pid: number;
  readonly name: string;
  readonly cpuMs: number;
  readonly rssMb: number;
  /** With what it shares with others, node's own code above all, counted once among them. */
  readonly pssMb: number;
};

type Entry = { pid: number; parent: number; cpuMs: number };

function readEntry(pid: number): Entry | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { pid, parent: Number(fields[1]), cpuMs: (ticks * 1000) / CLOCK_TICKS_PER_SECOND };
  } catch {
    return undefined;
  }
}

function memoryOf(pid: number): { rssMb: number; pssMb: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const mb = (line: RegExp) => Math.round(Number(line.exec(text)?.[1] ?? 0) / 1024);
  return { rssMb: mb(/^Rss:\s+(\d+) kB/m), pssMb: mb(/^Pss:\s+(\d+) kB/m) };
}

/** These processes, or this one, and everything below them, named by `nameOf` or by their command lines. */
export function processTree(
  nameOf: (pid: number) => string | undefined,
  roots: readonly number[] = [process.pid],
): ProcessUse[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readEntry(Number(name)))
    .filter((entry): entry is Entry => entry !== undefined);
  const wanted = new Set(roots);
  for (let grew = true; grew; ) {
    grew = false;
    for (const { pid, parent } of all) {
      if (wanted.has(pid) || !wanted.has(parent)) continue;
      wanted.add(pid);
      grew = true;
    }
  }
  return all
    .filter(({ pid }) => wanted.has(pid))
    .flatMap(({ pid, cpuMs }) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        // Chaincode processes name themselves "chaincode <label>", and that is then all of their command line.
        const fallback = command[0]?.startsWith("chaincode ") ? command[0] : path.basename(command[1] ?? "");
        return [{ pid, name: nameOf(pid) ?? fallback, cpuMs, ...memoryOf(pid) }];
      } catch {
        return [];
      }
    });
}

export function folderBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => {
      try {
        const stat = statSync(path.join(folder, name));
        return stat.isFile() ? stat.size : 0;
      } catch {
        return 0;
      }
    })
    .reduce((sum, size) => sum + size, 0);
}
