import { type LogControl, type LogLevel, LogLevels, leveledLogger } from "@hansa/operations";
import type { LogFields, Logger } from "@hansa/primitives";

/** A logger whose levels can be changed while it is in use. */
export type NodeLogger = Logger & { readonly levels: LogControl };

/**
 * One line per entry: time, level, message, then `name=value`. Values with spaces are quoted as JSON.
 * @param part what the logger is called where levels are set, until a child is called otherwise
 */
export function textLogger(write: (line: string) => void, part = "hansa"): NodeLogger {
  const levels = new LogLevels();
  const writeEntry = (level: LogLevel, message: string, fields: LogFields) => {
    let line = `${new Date().toISOString()} ${level.padEnd(5)} ${oneLine(message)}`;
    for (const [key, value] of Object.entries(fields)) if (value !== undefined) line += ` ${key}=${show(value)}`;
    write(`${line}\n`);
  };
  return { ...leveledLogger(writeEntry, levels, part), levels };
}

function show(value: string | number | bigint | boolean): string {
  const text = String(value);
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text);
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, " ");
}
