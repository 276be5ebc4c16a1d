import type { Foreground } from "@hansa/network";
import { messageOf } from "@hansa/primitives";
import type { Call } from "../command.js";

const STOP_LIMIT_MS = 10_000;

/**
 * For a command that is a node: the process is the node's, and ends with it, by SIGTERM or Ctrl-C.
 * @param title what `ps` shows
 */
export function foregroundOf({ io, interrupted }: Call, title: string): Foreground {
  const write = (text: string) => void io.stderr.write(text);
  const stop = new AbortController();
  const end = () => {
    // A stop that hangs must not keep whoever waits for the process.
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    stop.abort();
  };
  process.title = title;
  process.once("SIGTERM", end);
  interrupted.addEventListener("abort", end, { once: true });
  const fail = (error: unknown) => {
    write(`${title} failed: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`);
    process.exit(2);
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  return { env: io.env, cwd: io.cwd, write, interrupted: stop.signal };
}
