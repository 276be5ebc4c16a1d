import { ChannelConfig } from "@hansa/channel-config";
import { CONFIG_KEY, CONFIG_NAMESPACE, type Ledger } from "@hansa/ledger";
import { HansaError, NO_BYTES } from "@hansa/primitives";
import { common, decode } from "@hansa/wire";

/** The configuration of the last valid configuration transaction, as the state keeps it. @throws HansaError STORE_CORRUPT */
export function configInForce(ledger: Pick<Ledger, "channelId" | "state">): ChannelConfig {
  const stored = ledger.state.get(CONFIG_NAMESPACE, CONFIG_KEY)?.value ?? NO_BYTES;
  const { config } = decode(common.ConfigEnvelope, stored, "common.ConfigEnvelope");
  if (!config) {
    throw new HansaError("STORE_CORRUPT", `the state of channel ${ledger.channelId} has no configuration`, {
      nextStep: "Delete the channel's state folder; it is made again from the blocks.",
    });
  }
  return ChannelConfig.load(ledger.channelId, config);
}
