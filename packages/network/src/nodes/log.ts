import type { LogFields, Logger } from "@hansa/primitives";

const LEVELS = { debug: 0, info: 1, warn: 2, error: 3 } as const;

export type LogLevel = keyof typeof LEVELS;

/** One line per entry: time, level, message, then `name=value`. Values with spaces are quoted as JSON. */
export function textLogger(write: (line: string) => void, level: LogLevel = "info", fields: LogFields = {}): Logger {
  const at = (name: LogLevel) => (message: string, own?: LogFields) => {
    if (LEVELS[name] < LEVELS[level]) return;
    let line = `${new Date().toISOString()} ${name.padEnd(5)} ${oneLine(message)}`;
    for (const [key, value] of Object.entries({ ...fields, ...own }))
      if (value !== undefined) line += ` ${key}=${show(value)}`;
    write(`${line}\n`);
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (more) => textLogger(write, level, { ...fields, ...more }),
  };
}

function show(value: string | number | bigint | boolean): string {
  const text = String(value);
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text);
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, " ");
}
