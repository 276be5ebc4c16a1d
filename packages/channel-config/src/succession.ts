/**
 * What may not change from one configuration to the next, whoever signs.
 * Source: hyperledger/fabric, common/channelconfig/bundle.go (ValidateNew).
 */
import { channelRules } from "./capabilities.js";
import type { ChannelConfig } from "./channel-config.js";
import { ConfigError } from "./error.js";
import { APPLICATION, ORDERER } from "./names.js";

/** @throws ConfigError with Fabric's text */
export function checkSuccession(current: ChannelConfig, next: ChannelConfig): void {
  if (current.hasOrderer) checkOrderer(current, next);
  if (current.hasApplication) {
    if (!next.hasApplication) {
      throw refused("current config has application section, but new config does not");
    }
    checkMspIds(current, next, APPLICATION, "application");
  }
}

function checkOrderer(current: ChannelConfig, next: ChannelConfig): void {
  if (!next.hasOrderer) throw refused("current config has orderer section, but new config does not");
  const [was, is] = [current.orderer.consensusType, next.orderer.consensusType];
  if (was !== is && !channelRules.consensusTypeMigration(current.capabilities.channel)) {
    throw refused(`attempted to change consensus type from ${was} to ${is}`);
  }
  checkMspIds(current, next, ORDERER, "orderer");
}

function checkMspIds(
  current: ChannelConfig,
  next: ChannelConfig,
  section: typeof APPLICATION | typeof ORDERER,
  name: string,
): void {
  const after = next.organizationMspIds(section);
  for (const [org, was] of current.organizationMspIds(section)) {
    const is = after.get(org);
    if (is !== undefined && is !== was) {
      throw refused(`${name} org ${org} attempted to change MSP ID from ${was} to ${is}`);
    }
  }
}

function refused(message: string): ConfigError {
  return new ConfigError("UPDATE_REFUSED", message);
}
