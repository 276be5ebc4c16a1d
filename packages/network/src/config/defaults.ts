import type { LogLimits } from "../nodes/rotated-log.js";
import type { ChannelDefinition } from "./network-config.js";

/** Fabric's own defaults. Source: hyperledger/fabric, sampleconfig/configtx.yaml. */
export const DEFAULT_BATCH: ChannelDefinition["batch"] = {
  timeoutMs: 2_000,
  maxMessageCount: 500,
  preferredMaxBytes: 2 * 1024 * 1024,
  absoluteMaxBytes: 10 * 1024 * 1024,
};

/** Of one node's log: months of a quiet network, minutes of a node that is told to log everything. */
export const LOG_LIMITS: LogLimits = { maxBytes: 16 * 1024 * 1024, kept: 3 };
