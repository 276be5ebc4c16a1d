/** A contract's own process, as ChaincodeChild sees what it started. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import type { Duplex } from "node:stream";
import type { StartedChild } from "./child.js";
import { type FrameEvents, framed, MAX_FRAME_BYTES, PIPE_DESCRIPTOR } from "./child-pipe.js";

/** A program and all that its environment holds. */
export type ChildCommand = {
  readonly program: string;
  readonly args: readonly string[];
  /** Its working folder; the peer's own when absent. */
  readonly directory?: string;
  readonly environment: Readonly<Record<string, string>>;
  /** A process that holds more memory is ended, where the system tells how much it holds; no limit when absent. */
  readonly maxMemoryMb?: number;
};

const WATCH_MEMORY_MS = 1_000;
const PAGE_BYTES = 4_096;

/** @throws what spawn throws for a program that cannot be started at all */
export function startProcess({ program, args, directory, environment, maxMemoryMb }: ChildCommand): StartedChild {
  const child = spawn(program, args, {
    ...(directory === undefined ? {} : { cwd: directory }),
    env: environment,
    // The fourth is the chaincode's stream, see child-pipe.ts.
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    detached: true,
  });
  // Writing is never tried, yet closing the pipe of a dead process reports an error of its own.
  child.stdin?.on("error", () => {});
  let reason: string | undefined;
  const watch =
    maxMemoryMb === undefined
      ? undefined
      : watchMemory(child, maxMemoryMb, (why) => {
          reason = why;
          signal(child, "SIGKILL");
        });
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("close", (code, signalName) => resolve(reason ?? `exited with ${code ?? signalName}`));
  });
  void ended.then(() => clearInterval(watch));
  const pipe = child.stdio[PIPE_DESCRIPTOR] as Duplex | undefined;
  return {
    pid: child.pid,
    outputs: [child.stdout, child.stderr].filter((stream) => stream !== null),
    carry: (events: FrameEvents) => {
      if (!pipe) return { send: () => {}, close: () => {} };
      return { send: framed(pipe, MAX_FRAME_BYTES, events), close: () => pipe.destroy() };
    },
    terminate: () => {
      signal(child, "SIGTERM");
      child.stdin?.destroy();
    },
    kill: () => signal(child, "SIGKILL"),
    ended,
  };
}

/** The whole group, so that what npm or a shell started ends as well. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // It ended by itself in the meantime.
  }
}

/** Looks at what the process holds, by Linux's /proc; elsewhere only V8's own limit holds. */
function watchMemory(child: ChildProcess, maxMb: number, onExceeded: (reason: string) => void): NodeJS.Timeout {
  const timer = setInterval(() => {
    readFile(`/proc/${child.pid}/statm`, "latin1").then(
      (text) => {
        const heldMb = (Number(text.split(" ")[1]) * PAGE_BYTES) / 2 ** 20;
        if (heldMb <= maxMb) return;
        clearInterval(timer);
        onExceeded(`was ended: it held ${Math.round(heldMb)} MB of memory, more than ${maxMb}`);
      },
      () => clearInterval(timer),
    );
  }, WATCH_MEMORY_MS);
  return timer.unref();
}
