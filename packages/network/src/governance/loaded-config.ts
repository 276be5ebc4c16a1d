import { ChannelConfig } from "@hansa/channel-config";
import type { common } from "@hansa/wire";

/**
 * Loading parses every certificate, so one configuration is loaded once, and members that stood in the one before,
 * often another channel of the same network, are taken over from it.
 */
const known = new WeakMap<common.IConfig, ChannelConfig>();
let latest: ChannelConfig | undefined;

/** @throws ConfigError */
export function loadedConfig(channelId: string, config: common.IConfig): ChannelConfig {
  const channel =
    known.get(config) ?? ChannelConfig.load(channelId, config, latest === undefined ? {} : { previous: latest });
  known.set(config, channel);
  latest = channel;
  return channel;
}
