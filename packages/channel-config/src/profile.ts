/**
 * What one decides about a channel before it exists, and the configuration groups made of it. Defaults are those of
 * Fabric's own sample configuration, so that tools and tutorials find the policies they expect.
 * Source: hyperledger/fabric, sampleconfig/configtx.yaml and internal/configtxgen/encoder/encoder.go.
 */

import { parsePolicy } from "@hansa/msp";
import { fromUtf8, type MspId } from "@hansa/primitives";
import { common, encode, etcdraft, msp, orderer, protos } from "@hansa/wire";
import { formatGoDuration } from "./duration.js";
import { ConfigError } from "./error.js";
import { ADMINS, BLOCK_VALIDATION, ENDORSEMENT, LIFECYCLE_ENDORSEMENT, READERS, WRITERS } from "./names.js";
import type { AnchorPeer } from "./values.js";

/**
 * Policy name → rule. A rule is "ANY Readers", "ALL Writers" or "MAJORITY Admins" over the groups below, or a
 * signature policy as "OutOf(2, 'A.admin', 'B.admin')".
 */
export type PolicyRules = Readonly<Record<string, string>>;

type OrganizationProfile = {
  mspId: MspId;
  /** name of its group; the MSP id unless given */
  name?: string;
  /** a msp.MSPConfig, decoded or as bytes */
  mspConfig: msp.IMSPConfig | Uint8Array;
  /** replaces single default policies of the organisation */
  policies?: PolicyRules;
};

export type ApplicationOrgProfile = OrganizationProfile & { anchorPeers?: readonly AnchorPeer[] };
/** endpoints as "host:port" */
export type OrdererOrgProfile = OrganizationProfile & { endpoints: readonly string[] };

/** certificates as PEM */
export type ConsenterProfile = { host: string; port: number; clientTlsCertPem: string; serverTlsCertPem: string };

export type ChannelProfile = {
  channelId: string;
  organizations: readonly ApplicationOrgProfile[];
  ordererOrgs: readonly OrdererOrgProfile[];
  /** when the genesis block is made */
  createdAtMs: number;
  /** default 2,000 */
  batchTimeoutMs?: number;
  /** default 500 */
  maxMessageCount?: number;
  /** default 10 MiB */
  absoluteMaxBytes?: number;
  /** default 2 MiB */
  preferredMaxBytes?: number;
  /** default "etcdraft": peers of Fabric v3 refuse types they do not know */
  consensusType?: string;
  consenters: readonly ConsenterProfile[];
  /** resource → policy; what is absent keeps Fabric's default */
  acls?: Readonly<Record<string, string>>;
  /** rule of the application's Admins, who admit and remove members; default "MAJORITY Admins" */
  adminsPolicy?: string;
  /** replaces single default policies of the application section */
  applicationPolicies?: PolicyRules;
  /** default: channel V2_0, orderer V2_0, application V2_5 */
  capabilities?: { channel?: readonly string[]; orderer?: readonly string[]; application?: readonly string[] };
};

/** @throws ConfigError or MspError when a rule is none */
export function channelGroupOf(profile: ChannelProfile): common.IConfigGroup {
  return {
    modPolicy: ADMINS,
    groups: { Application: applicationGroup(profile), Orderer: ordererGroup(profile) },
    values: {
      HashingAlgorithm: value(common.HashingAlgorithm, { name: "SHA256" }),
      BlockDataHashingStructure: value(common.BlockDataHashingStructure, { width: 0xffff_ffff }),
      Capabilities: capabilitiesValue(profile.capabilities?.channel ?? ["V2_0"]),
    },
    policies: policiesOf({ [READERS]: "ANY Readers", [WRITERS]: "ANY Writers", [ADMINS]: "MAJORITY Admins" }),
  };
}

function applicationGroup(profile: ChannelProfile): common.IConfigGroup {
  const groups = Object.fromEntries(
    profile.organizations.map((org) => [org.name ?? org.mspId, applicationOrgGroup(org)]),
  );
  const values: Record<string, common.IConfigValue> = {
    Capabilities: capabilitiesValue(profile.capabilities?.application ?? ["V2_5"]),
  };
  if (Object.keys(profile.acls ?? {}).length > 0) values.ACLs = aclsValue(profile.acls ?? {});
  const policies = policiesOf({
    [READERS]: "ANY Readers",
    [WRITERS]: "ANY Writers",
    [ADMINS]: profile.adminsPolicy ?? "MAJORITY Admins",
    [ENDORSEMENT]: "MAJORITY Endorsement",
    [LIFECYCLE_ENDORSEMENT]: "MAJORITY Endorsement",
    ...profile.applicationPolicies,
  });
  return { modPolicy: ADMINS, groups, values, policies };
}

function ordererGroup(profile: ChannelProfile): common.IConfigGroup {
  const { maxMessageCount = 500, absoluteMaxBytes = 10 * 1024 * 1024, preferredMaxBytes = 2 * 1024 * 1024 } = profile;
  const metadata = encode(etcdraft.ConfigMetadata, {
    consenters: profile.consenters.map(({ host, port, clientTlsCertPem, serverTlsCertPem }) => ({
      host,
      port,
      clientTlsCert: fromUtf8(clientTlsCertPem),
      serverTlsCert: fromUtf8(serverTlsCertPem),
    })),
    options: {
      tickInterval: "500ms",
      electionTick: 10,
      heartbeatTick: 1,
      maxInflightBlocks: 5,
      snapshotIntervalSize: 16 * 1024 * 1024,
    },
  });
  return {
    modPolicy: ADMINS,
    groups: Object.fromEntries(profile.ordererOrgs.map((org) => [org.name ?? org.mspId, ordererOrgGroup(org)])),
    values: {
      ConsensusType: value(orderer.ConsensusType, { type: profile.consensusType ?? "etcdraft", metadata }),
      BatchSize: value(orderer.BatchSize, { maxMessageCount, absoluteMaxBytes, preferredMaxBytes }),
      BatchTimeout: value(orderer.BatchTimeout, { timeout: formatGoDuration(profile.batchTimeoutMs ?? 2000) }),
      ChannelRestrictions: value(orderer.ChannelRestrictions, {}),
      Capabilities: capabilitiesValue(profile.capabilities?.orderer ?? ["V2_0"]),
    },
    policies: policiesOf({
      [READERS]: "ANY Readers",
      [WRITERS]: "ANY Writers",
      [ADMINS]: "MAJORITY Admins",
      [BLOCK_VALIDATION]: "ANY Writers",
    }),
  };
}

/** The group of one member: its certificates, policies and anchor peers. */
export function applicationOrgGroup(org: ApplicationOrgProfile): common.IConfigGroup {
  const id = quoted(org.mspId);
  const values: Record<string, common.IConfigValue> = { MSP: mspValue(org.mspConfig) };
  if (org.anchorPeers && org.anchorPeers.length > 0) values.AnchorPeers = anchorPeersValue(org.anchorPeers);
  const policies = policiesOf({
    [READERS]: `OR('${id}.admin', '${id}.peer', '${id}.client')`,
    [WRITERS]: `OR('${id}.admin', '${id}.client')`,
    [ADMINS]: `OR('${id}.admin')`,
    [ENDORSEMENT]: `OR('${id}.peer')`,
    ...org.policies,
  });
  return { modPolicy: ADMINS, groups: {}, values, policies };
}

function ordererOrgGroup(org: OrdererOrgProfile): common.IConfigGroup {
  const id = quoted(org.mspId);
  const policies = policiesOf({
    [READERS]: `OR('${id}.member')`,
    [WRITERS]: `OR('${id}.member')`,
    [ADMINS]: `OR('${id}.admin')`,
    ...org.policies,
  });
  const endpoints = value(common.OrdererAddresses, { addresses: [...org.endpoints] });
  return { modPolicy: ADMINS, groups: {}, values: { MSP: mspValue(org.mspConfig), Endpoints: endpoints }, policies };
}

/** @param acls resource → policy */
export function aclsValue(acls: Readonly<Record<string, string>>): common.IConfigValue {
  return value(protos.ACLs, {
    acls: Object.fromEntries(Object.entries(acls).map(([resource, policyRef]) => [resource, { policyRef }])),
  });
}

export function anchorPeersValue(anchorPeers: readonly AnchorPeer[]): common.IConfigValue {
  return value(protos.AnchorPeers, { anchorPeers: anchorPeers.map(({ host, port }) => ({ host, port })) });
}

export function batchSizeValue(size: orderer.IBatchSize): common.IConfigValue {
  return value(orderer.BatchSize, size);
}

export function batchTimeoutValue(ms: number): common.IConfigValue {
  return value(orderer.BatchTimeout, { timeout: formatGoDuration(ms) });
}

/** @throws ConfigError or MspError when the text is no rule */
export function policyOf(rule: string): common.IPolicy {
  const implicit = /^(ANY|ALL|MAJORITY) (\S+)$/.exec(rule);
  if (implicit !== null) {
    const kind = implicit[1] as keyof typeof common.ImplicitMetaPolicy.Rule;
    const definition = { rule: common.ImplicitMetaPolicy.Rule[kind], subPolicy: implicit[2] ?? "" };
    return { type: common.Policy.PolicyType.IMPLICIT_META, value: encode(common.ImplicitMetaPolicy, definition) };
  }
  return {
    type: common.Policy.PolicyType.SIGNATURE,
    value: encode(common.SignaturePolicyEnvelope, parsePolicy(rule)),
  };
}

function policiesOf(rules: PolicyRules): Record<string, common.IConfigPolicy> {
  const policies = Object.entries(rules).map(([name, rule]) => [name, { modPolicy: ADMINS, policy: policyOf(rule) }]);
  return Object.fromEntries(policies);
}

export function capabilitiesValue(names: readonly string[]): common.IConfigValue {
  return value(common.Capabilities, { capabilities: Object.fromEntries(names.map((name) => [name, {}])) });
}

export function mspValue(config: msp.IMSPConfig | Uint8Array): common.IConfigValue {
  const bytes = config instanceof Uint8Array ? config : encode(msp.MSPConfig, config);
  return { modPolicy: ADMINS, value: bytes };
}

function value<T>(type: { encode(message: T): { finish(): Uint8Array } }, message: T): common.IConfigValue {
  return { modPolicy: ADMINS, value: type.encode(message).finish() };
}

/** An MSP id as it may stand between the quotes of a policy. */
function quoted(mspId: MspId): string {
  if (!/^[A-Za-z0-9.-]+$/.test(mspId)) {
    throw new ConfigError("INVALID_CONFIG", `MSP id '${mspId}' cannot be named in a policy`, {
      nextStep: "Use letters, digits, dots and dashes.",
    });
  }
  return mspId;
}
