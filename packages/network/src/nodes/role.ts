import type { NodeLogger } from "./log.js";
import type { Neighbours } from "./neighbours.js";

/** A role that serves. `stop` lets it finish what it has begun. */
export type RunningRole = {
  stop(): Promise<void>;
  /** Takes over what may change while it runs: channels that it is to join, and neighbours. */
  reconfigure?(config: unknown): Promise<void>;
};

/** @param neighbours the network's other nodes in this process, when there are any */
export type Role = (config: unknown, logger: NodeLogger, neighbours?: Neighbours) => Promise<RunningRole>;
