import type { Logger } from "@hansa/primitives";
import { messageOf } from "@hansa/primitives";
import { findSupervisor } from "../control/control-client.js";
import { NetworkView } from "../library/network-view.js";
import type { DataHome } from "./data-home.js";
import type { Launcher } from "./launchers.js";
import type { RemoteNetwork } from "./remote-network.js";

/**
 * Starts the networks again that were created through the API and are stopped, in the background: nobody has a file to
 * start them from. Networks from files are their users' to start. Returns what waits for the starts under way.
 */
export function resumeNetworks(home: DataHome, launcher: Launcher, logger: Logger): () => Promise<void> {
  const resuming = Promise.all(
    home
      .networks()
      .filter(({ governance }) => governance.status === "AVAILABLE")
      .map(async (network) => {
        try {
          await resume(network, launcher);
        } catch (error) {
          logger.warn("network could not be started", { network: network.networkId, reason: messageOf(error) });
        }
      }),
  );
  return async () => void (await resuming);
}

async function resume({ layout, networkId }: RemoteNetwork, launcher: Launcher): Promise<void> {
  if ((await findSupervisor(layout)) !== undefined) return;
  const { config } = await NetworkView.open(layout);
  // Only networks from the API have their id for a name.
  if (config.name !== networkId) return;
  await launcher.launch(config, layout);
}
