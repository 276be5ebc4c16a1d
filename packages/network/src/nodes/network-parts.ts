import type { NetworkConfig } from "../config/network-config.js";
import type { Layout } from "../plan/layout.js";
import type { NetworkPlan } from "../plan/plan.js";
import type { NetworkState } from "../plan/state-file.js";

/** What specifications are made from. */
export type NetworkParts = {
  readonly layout: Layout;
  readonly plan: NetworkPlan;
  readonly config: NetworkConfig;
  readonly state: Pick<NetworkState, "ports" | "unfinished">;
};
