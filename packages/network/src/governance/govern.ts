import type { Logger } from "@hansa/primitives";
import type { Handlers } from "@hansa/transport";
import type { services } from "@hansa/wire";
import type { RunningNetwork } from "../membership/running-network.js";
import { operationHandlers } from "./operation-service.js";
import { Operations } from "./operations.js";
import { GovernanceRuntime } from "./runtime.js";

/** The governance of a network whose nodes run: what its supervisor keeps, and what it answers about it. */
export type Governed = {
  readonly runtime: GovernanceRuntime;
  readonly handlers: Handlers<typeof services.Operation>;
};

/** @param onDeleted called once when the last member has left */
export function govern(network: RunningNetwork, logger: Logger, onDeleted: () => void): Governed {
  const runtime = new GovernanceRuntime({ network, logger, onDeleted });
  return { runtime, handlers: operationHandlers(runtime, new Operations(runtime)) };
}
