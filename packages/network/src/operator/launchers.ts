/** How the control plane starts networks: each with a supervisor of its own, or all in this process. */
import { type Logger, messageOf } from "@hansa/primitives";
import type { NetworkConfig } from "../config/network-config.js";
import { launch } from "../launch/launch.js";
import { type ServedNetwork, serveNetwork } from "../launch/serve.js";
import { hostFor, startDetached } from "../launch/supervisor.js";
import type { Layout } from "../plan/layout.js";

export interface Launcher {
  /** Resolves when the network serves. @throws HansaError; what it made for a new network is gone then */
  launch(config: NetworkConfig, layout: Layout): Promise<void>;
  /** Stops what this process keeps. */
  close(): Promise<void>;
}

/** Networks that outlive this process. @param entry the program that runs a supervisor when called with `supervisor` */
export function detachedLauncher(entry: string, logger: Logger): Launcher {
  return {
    launch: async (config, layout) => {
      await startDetached({
        config,
        layout,
        entry,
        onProgress: ({ step, ms }) => logger.info(step, { network: config.name, durationMs: ms }),
      });
    },
    close: async () => {},
  };
}

/** Networks inside this process, on the same ports and with the same files as processes would have. */
export function inlineLauncher(nodeEntry: string, logger: Logger): Launcher {
  const served = new Set<ServedNetwork>();
  return {
    launch: async (given, layout) => {
      const config: NetworkConfig = { ...given, mode: "inline" };
      const own = logger.child({ network: config.name });
      const startedAtMs = Date.now();
      const launched = await launch({ config, layout, host: hostFor(config, layout, nodeEntry), logger: own });
      const network = await serveNetwork(launched, {
        startedAtMs,
        logger: own,
        onStopped: () => served.delete(network),
      });
      served.add(network);
    },
    close: async () => {
      const outcomes = await Promise.allSettled([...served].map((network) => network.stop()));
      served.clear();
      for (const outcome of outcomes)
        if (outcome.status === "rejected") logger.warn("a network did not stop", { reason: messageOf(outcome.reason) });
    },
  };
}
