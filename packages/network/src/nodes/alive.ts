import { readFileSync } from "node:fs";

/** A process that ended and that nobody has asked about yet (a zombie) takes signals, but is not alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return statOf(pid)?.[0] !== "Z";
}

/**
 * What tells a process from a later one with the same number: when it started, in ticks since the machine did.
 * Undefined where the system does not say.
 */
export function startOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

/** Fields of /proc/<pid>/stat from the state on; the name before them may hold anything. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
