import type { Logger } from "@hansa/primitives";

/** A role that serves. `stop` lets it finish what it has begun. */
export type RunningRole = { stop(): Promise<void> };

export type Role = (config: unknown, logger: Logger) => Promise<RunningRole>;
