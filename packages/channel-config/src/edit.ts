/**
 * Edits of a configuration, each returning a new one and leaving the old untouched. Pass the result to
 * computeConfigUpdate: versions are worked out there.
 */
import { common, decode, encode } from "@hansa/wire";
import { member } from "./elements.js";
import { ConfigError } from "./error.js";
import { ADMINS, APPLICATION, ORDERER } from "./names.js";
import {
  type ApplicationOrgProfile,
  anchorPeersValue,
  applicationOrgGroup,
  batchSizeValue,
  batchTimeoutValue,
  policyOf,
} from "./profile.js";
import type { AnchorPeer } from "./values.js";

type Section = typeof APPLICATION | typeof ORDERER;

/** Adds a member, or replaces the one of that name. */
export function withOrganization(config: common.IConfig, org: ApplicationOrgProfile): common.IConfig {
  return edited(config, APPLICATION, (application) => {
    application.groups![org.name ?? org.mspId] = applicationOrgGroup(org);
  });
}

/** @throws ConfigError when no member has that group name */
export function withoutOrganization(config: common.IConfig, name: string): common.IConfig {
  return edited(config, APPLICATION, (application) => {
    groupOf(application, name);
    delete application.groups![name];
  });
}

export function withAnchorPeers(
  config: common.IConfig,
  name: string,
  anchorPeers: readonly AnchorPeer[],
): common.IConfig {
  return edited(config, APPLICATION, (application) => {
    groupOf(application, name).values!.AnchorPeers = anchorPeersValue(anchorPeers);
  });
}

/** Replaces a policy of the application section, as the Admins rule when the number of members changes. */
export function withApplicationPolicy(config: common.IConfig, name: string, rule: string): common.IConfig {
  return edited(config, APPLICATION, (application) => {
    application.policies![name] = { modPolicy: ADMINS, policy: policyOf(rule) };
  });
}

export function withBatchSettings(
  config: common.IConfig,
  settings: {
    batchTimeoutMs: number;
    maxMessageCount: number;
    absoluteMaxBytes: number;
    preferredMaxBytes: number;
  },
): common.IConfig {
  const { batchTimeoutMs, ...size } = settings;
  return edited(config, ORDERER, (orderer) => {
    orderer.values!.BatchTimeout = batchTimeoutValue(batchTimeoutMs);
    orderer.values!.BatchSize = batchSizeValue(size);
  });
}

function edited(config: common.IConfig, section: Section, edit: (group: common.IConfigGroup) => void): common.IConfig {
  const copy = decode(common.Config, encode(common.Config, config), "Config");
  edit(groupOf(copy.channelGroup ?? {}, section));
  return copy;
}

/** A member group with its maps in place, so that an edit may assign into them. */
function groupOf(parent: common.IConfigGroup, name: string): common.IConfigGroup {
  const group = member(parent.groups, name);
  if (group === undefined) {
    const known = Object.keys(parent.groups ?? {}).join(", ") || "none";
    throw new ConfigError("INVALID_CONFIG", `no group ${name} in the configuration`, {
      nextStep: `There are: ${known}.`,
    });
  }
  group.groups = { ...group.groups };
  group.values = { ...group.values };
  group.policies = { ...group.policies };
  return group;
}
