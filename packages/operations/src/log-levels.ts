/**
 * Which log lines are written: Fabric's logging specification, `[<logger>[,<logger>...]=]<level>[:...]`.
 *
 * A logger's level is that of the longest part of its dotted name which the specification has; a name with a dot at its
 * end speaks of exactly that logger. Counts what was asked and what was written, by level.
 * Source: hyperledger/fabric-lib-go, common/flogging/loggerlevels.go and levels.go; texts alike.
 */
import { HansaError, type LogFields, type Logger } from "@hansa/primitives";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** What /logspec needs of a node's log. */
export interface LogControl {
  /** The specification in force, in its normal form. */
  spec(): string;
  /** @throws HansaError BAD_LOG_SPEC with Fabric's text; nothing is changed then */
  activate(spec: string): void;
  /** How many entries came to each level that some logger has open, and how many of those were written. */
  readonly counts: Readonly<Record<LogLevel, { readonly checked: number; readonly written: number }>>;
}

/** Fabric's levels; our loggers use four of them. */
const RANKS = { payload: -2, debug: -1, info: 0, warn: 1, error: 2, dpanic: 3, panic: 4, fatal: 5 } as const;
type Rank = number;

const LEVEL_NAMES = new Map<string, Rank>(
  Object.entries({ ...RANKS, warning: RANKS.warn, notice: RANKS.info, critical: RANKS.error }).flatMap(
    ([name, rank]) => [
      [name, rank],
      [name.toUpperCase(), rank],
    ],
  ),
);
const RANK_NAMES = new Map<Rank, string>(Object.entries(RANKS).map(([name, rank]) => [rank, name]));
RANK_NAMES.set(RANKS.payload, "Level(-2)");

const LOGGER_NAME = /^[A-Za-z0-9_#:-]+(\.[A-Za-z0-9_#:-]+)*$/;
/** Nobody writes a longer one, and each is kept. */
const MAX_SPEC_CHARACTERS = 10_000;

export class LogLevels implements LogControl {
  readonly counts: Record<LogLevel, { checked: number; written: number }> = {
    debug: { checked: 0, written: 0 },
    info: { checked: 0, written: 0 },
    warn: { checked: 0, written: 0 },
    error: { checked: 0, written: 0 },
  };
  #byLogger = new Map<string, Rank>();
  #default: Rank = RANKS.info;
  #lowest: Rank = RANKS.info;
  /** Grows with each change, so that loggers know when to ask again. */
  #generation = 0;

  /** @throws HansaError BAD_LOG_SPEC */
  constructor(spec = "info") {
    this.activate(spec);
  }

  get generation(): number {
    return this.#generation;
  }

  spec(): string {
    const fields = [...this.#byLogger].map(([name, rank]) => `${name}=${RANK_NAMES.get(rank)}`);
    return [...fields.sort(), RANK_NAMES.get(this.#default)].join(":");
  }

  activate(spec: string): void {
    const bad = (why: string) =>
      new HansaError("BAD_LOG_SPEC", `invalid logging specification '${spec.slice(0, 200)}': ${why}`, {
        nextStep: "Write it as in info:endorser,deliver=debug.",
      });
    if (spec.length > MAX_SPEC_CHARACTERS) throw bad(`longer than ${MAX_SPEC_CHARACTERS} characters`);
    let defaultRank: Rank = RANKS.info;
    const byLogger = new Map<string, Rank>();
    for (const segment of spec.split(":")) {
      const parts = segment.split("=");
      const level = LEVEL_NAMES.get(parts.at(-1) ?? "");
      if (parts.length > 2) throw bad(`bad segment '${segment}'`);
      if (parts.length === 1) {
        if (segment !== "" && level === undefined) throw bad(`bad segment '${segment}'`);
        defaultRank = level ?? RANKS.info;
        continue;
      }
      const [loggers = ""] = parts;
      if (loggers === "") throw bad(`no logger specified in segment '${segment}'`);
      if (level === undefined) throw bad(`bad segment '${segment}'`);
      for (const name of loggers.split(",")) {
        if (!LOGGER_NAME.test(name.replace(/\.$/, ""))) throw bad(`bad logger name '${name}'`);
        byLogger.set(name, level);
      }
    }
    this.#byLogger = byLogger;
    this.#default = defaultRank;
    this.#lowest = Math.min(defaultRank, ...byLogger.values());
    this.#generation++;
  }

  /** The lowest rank that a logger writes. */
  threshold(loggerName: string): Rank {
    for (let candidate = `${loggerName}.`; ; ) {
      const rank = this.#byLogger.get(candidate);
      if (rank !== undefined) return rank;
      const dot = candidate.lastIndexOf(".");
      if (dot <= 0) return this.#default;
      candidate = candidate.slice(0, dot);
    }
  }

  /** Whether some logger may write this level. */
  isOpen(level: LogLevel): boolean {
    return RANKS[level] >= this.#lowest;
  }
}

/**
 * A logger under these levels. A field named "logger" given to `child` names the part of the node that speaks, and is
 * not written by itself.
 * @param write one entry that is to be written
 */
export function leveledLogger(
  write: (level: LogLevel, message: string, fields: LogFields) => void,
  levels: LogLevels,
  name: string,
  fields: LogFields = {},
): Logger {
  let generation = -1;
  let threshold = 0;
  const at = (level: LogLevel) => {
    const rank = RANKS[level];
    const counts = levels.counts[level];
    return (message: string, own?: LogFields) => {
      if (generation !== levels.generation) {
        generation = levels.generation;
        threshold = levels.threshold(name);
      }
      if (rank < threshold) {
        if (levels.isOpen(level)) counts.checked++;
        return;
      }
      counts.checked++;
      counts.written++;
      write(level, message, own === undefined ? fields : { ...fields, ...own });
    };
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: ({ logger, ...more }) =>
      leveledLogger(write, levels, logger === undefined ? name : String(logger), { ...fields, ...more }),
  };
}
