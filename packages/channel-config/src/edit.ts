/**
 * Edits of a configuration, each returning a new one and leaving the old untouched. Pass the result to
 * computeConfigUpdate: versions are worked out there.
 */
import { fromUtf8, NO_BYTES } from "@hansa/primitives";
import { common, decode, encode, msp, protos } from "@hansa/wire";
import { member } from "./elements.js";
import { ConfigError } from "./error.js";
import { ADMINS, APPLICATION, ORDERER } from "./names.js";
import {
  type ApplicationOrgProfile,
  aclsValue,
  anchorPeersValue,
  applicationOrgGroup,
  batchSizeValue,
  batchTimeoutValue,
  capabilitiesValue,
  mspValue,
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

/** @param acls resource as "peer/Propose" → policy as "/Channel/Application/Admins"; other resources stay as they are */
export function withAcls(config: common.IConfig, acls: Readonly<Record<string, string>>): common.IConfig {
  return edited(config, APPLICATION, (application) => {
    const before = decode(protos.ACLs, application.values!.ACLs?.value ?? NO_BYTES, "ACLs").acls;
    application.values!.ACLs = aclsValue({
      ...Object.fromEntries(Object.entries(before).map(([resource, acl]) => [resource, acl.policyRef ?? ""])),
      ...acls,
    });
  });
}

/**
 * Gives a member's new revocation list to the channel: what it names no longer counts as the member's identity.
 * @param revocationListPem replaces an earlier list
 */
export function withRevocationList(config: common.IConfig, name: string, revocationListPem: string): common.IConfig {
  return edited(config, APPLICATION, (application) => {
    const organization = groupOf(application, name);
    const bytes = organization.values!.MSP?.value ?? NO_BYTES;
    const outer = decode(msp.MSPConfig, bytes, "MSPConfig");
    const inner = decode(msp.FabricMSPConfig, outer.config, "FabricMSPConfig");
    inner.revocationList = [fromUtf8(revocationListPem)];
    organization.values!.MSP = mspValue({ ...outer, config: encode(msp.FabricMSPConfig, inner) });
  });
}

/** Replaces what every node of the channel must understand, as ["V3_0"]. */
export function withChannelCapabilities(config: common.IConfig, names: readonly string[]): common.IConfig {
  const copy = copyOf(config);
  const channel = copy.channelGroup ?? {};
  channel.values = { ...channel.values, Capabilities: capabilitiesValue(names) };
  return { ...copy, channelGroup: channel };
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
  const copy = copyOf(config);
  edit(groupOf(copy.channelGroup ?? {}, section));
  return copy;
}

function copyOf(config: common.IConfig): common.IConfig {
  return decode(common.Config, encode(common.Config, config), "Config");
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
