import { randomBytes } from "node:crypto";
import type { Bytes } from "./bytes.js";
import type { UnixMs } from "./units.js";

/** The only way to the time of day. */
export interface Clock {
  now(): UnixMs;
}

export const systemClock: Clock = { now: () => Date.now() as UnixMs };

/** The only way to chance. */
export interface Random {
  bytes(length: number): Bytes;
}

export const systemRandom: Random = { bytes: (length) => randomBytes(length) };

export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** A log line is a fixed message plus flat fields with units in their names. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

const nothing = () => {};

export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};

/**
 * Says that nobody waits any more: the part of AbortSignal that waiting needs. Every AbortSignal is one; making one of
 * those for each call costs as much as parsing the call.
 */
export interface CancelSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}
