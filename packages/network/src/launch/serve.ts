import { type Logger, messageOf } from "@hansa/primitives";
import { serveControl } from "../control/control-server.js";
import { type Governed, govern } from "../governance/govern.js";
import type { GovernanceRuntime } from "../governance/runtime.js";
import type { RunningNetwork } from "../membership/running-network.js";
import type { Launched } from "./launch.js";

export type ServeOptions = {
  readonly startedAtMs: number;
  readonly logger: Logger;
  /** Called once when everything has stopped because somebody asked over the control socket, or the last member left. */
  readonly onStopped: () => void;
};

export type ServedNetwork = {
  readonly network: RunningNetwork;
  readonly governance: GovernanceRuntime;
  /** Stops every node, then what serves the network. */
  stop(): Promise<void>;
};

const STOP_GRACE_MS = 8_000;

/** What goes on beside the nodes of a network that was launched, in whatever process keeps them. */
export async function serveNetwork(launched: Launched, options: ServeOptions): Promise<ServedNetwork> {
  const { keeper, view, network, release } = launched;
  const { logger, startedAtMs } = options;
  let stoppedNodes: Promise<void> | undefined;
  const stopNodes = () => {
    stoppedNodes ??= (async () => {
      await governed?.runtime.stop();
      await keeper.close(STOP_GRACE_MS);
      await network.close();
      view.closeConnections();
      await release();
    })();
    return stoppedNodes;
  };
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopNodes().then(closeControl);
    return stopped;
  };
  let closeControl: () => Promise<void> = async () => {};
  let governed: Governed | undefined;
  const exit = () => void stop().then(options.onStopped);
  try {
    view.closeConnections();
    await network.resumeLogging();
    governed = govern(network, logger, exit);
    closeControl = await serveControl(network, { startedAtMs, stop: stopNodes, exit }, logger, governed.handlers);
  } catch (error) {
    await stopNodes();
    throw error;
  }
  if (launched.isBehind)
    network.followChannels().catch((error: unknown) => {
      logger.warn("peers do not follow their channels", { reason: messageOf(error) });
    });
  return { network, governance: governed.runtime, stop };
}
