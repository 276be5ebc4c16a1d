/** A node that runs in the foreground, in place of Fabric's peer or orderer: its log, and how it ends. */
import type { LogFields, Logger } from "@hansa/primitives";
import { HansaError } from "@hansa/primitives";
import type { RunningRole } from "../nodes/role.js";
import type { Environment } from "./settings-file.js";

const LEVELS = { debug: 0, info: 1, warn: 2, error: 3 } as const;
type Level = keyof typeof LEVELS;
const NAMES: Readonly<Record<Level, string>> = { debug: "DEBU", info: "INFO", warn: "WARN", error: "ERRO" };
const SPEC_LEVELS: Readonly<Record<string, Level>> = {
  debug: "debug",
  info: "info",
  warn: "warn",
  warning: "warn",
  error: "error",
  dpanic: "error",
  panic: "error",
  fatal: "error",
};

/**
 * The level of FABRIC_LOGGING_SPEC ("info:gossip,msp=debug"): the one that names no part, since the parts are Fabric's.
 * @throws HansaError NODE_FILES for a level that there is none of
 */
export function logLevelOf(env: Environment): Level {
  let level: Level = "info";
  for (const field of (env.FABRIC_LOGGING_SPEC ?? "").split(":").filter((each) => each !== "")) {
    const [names, named, ...more] = field.split("=");
    const found = SPEC_LEVELS[(named ?? names ?? "").toLowerCase()];
    if (found === undefined || more.length > 0)
      throw new HansaError("NODE_FILES", `FABRIC_LOGGING_SPEC: invalid logging specification '${field}'`, {
        nextStep: "Use levels debug, info, warn, error: for example FABRIC_LOGGING_SPEC=info:gossip=warn",
      });
    if (named === undefined) level = found;
  }
  return level;
}

/** Lines as Fabric's nodes write them: time, a running number, level, part, message, fields. */
export function nodeLogger(write: (line: string) => void, part: string, level: Level): Logger {
  let count = 0;
  const child = (fields: LogFields): Logger => {
    const at = (name: Level) => (message: string, own?: LogFields) => {
      if (LEVELS[name] < LEVELS[level]) return;
      count += 1;
      const time = new Date().toISOString().replace("T", " ").replace("Z", " UTC");
      let line = `${time} ${count.toString(16).padStart(4, "0")} ${NAMES[name]} [${part}] ${message}`;
      for (const [key, value] of Object.entries({ ...fields, ...own }))
        if (value !== undefined) line += ` ${key}=${show(value)}`;
      write(`${line.replaceAll(/[\r\n]+/g, " ")}\n`);
    };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      child: (more) => child({ ...fields, ...more }),
    };
  };
  return child({});
}

function show(value: string | number | bigint | boolean): string {
  const text = String(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

/**
 * Serves until the process is told to end, by SIGTERM or Ctrl-C, and stops cleanly.
 * @param interrupted Ctrl-C, which the command line listens to itself
 */
export async function serveUntilStopped(running: RunningRole, logger: Logger, interrupted: AbortSignal): Promise<void> {
  const reason = await new Promise<string>((resolve) => {
    process.once("SIGTERM", () => resolve("Received signal: 15 (terminated)"));
    if (interrupted.aborted) resolve("Received signal: 2 (interrupt)");
    interrupted.addEventListener("abort", () => resolve("Received signal: 2 (interrupt)"), { once: true });
  });
  logger.info(reason);
  // A stop that hangs must not keep whoever waits for the process.
  setTimeout(() => process.exit(1), 10_000).unref();
  await running.stop();
}
