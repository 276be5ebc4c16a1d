/** The log of a node that runs in the foreground, in place of Fabric's peer or orderer. */
import { type LogLevel, LogLevels, leveledLogger } from "@hansa/operations";
import type { Logger } from "@hansa/primitives";
import type { Environment } from "./settings-file.js";

const NAMES: Readonly<Record<LogLevel, string>> = { debug: "DEBU", info: "INFO", warn: "WARN", error: "ERRO" };

/**
 * The levels that FABRIC_LOGGING_SPEC asks for ("info:gossip,msp=debug").
 * @throws HansaError BAD_LOG_SPEC
 */
export function logLevels(env: Environment): LogLevels {
  return new LogLevels(env.FABRIC_LOGGING_SPEC || "info");
}

/** Lines as Fabric's nodes write them: time, a running number, level, part, message, fields. */
export function nodeLogger(write: (line: string) => void, part: string, levels: LogLevels): Logger {
  let count = 0;
  return leveledLogger(
    (level, message, fields) => {
      count += 1;
      const time = new Date().toISOString().replace("T", " ").replace("Z", " UTC");
      let line = `${time} ${count.toString(16).padStart(4, "0")} ${NAMES[level]} [${part}] ${message}`;
      for (const [key, value] of Object.entries(fields)) if (value !== undefined) line += ` ${key}=${show(value)}`;
      write(`${line.replaceAll(/[\r\n]+/g, " ")}\n`);
    },
    levels,
    part,
  );
}

function show(value: string | number | bigint | boolean): string {
  const text = String(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
