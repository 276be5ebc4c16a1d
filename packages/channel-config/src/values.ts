/**
 * The values of each kind of group, decoded and checked: what a channel, its orderer section, its application section
 * and their organisations say about themselves.
 * Source: hyperledger/fabric, common/channelconfig (channel.go, orderer.go, application.go, applicationorg.go).
 */
import { common, decode, msp, orderer, protos } from "@hansa/wire";
import { applicationRules, channelRules } from "./capabilities.js";
import { parseGoDuration } from "./duration.js";
import { entries, member } from "./elements.js";
import { ConfigError, inContext } from "./error.js";

type Decoder<T> = { decode(bytes: Uint8Array): T; new (): T };

/** Name of the value in its group → the message that its bytes hold. */
type Layout = Readonly<Record<string, Decoder<unknown>>>;

const CHANNEL_VALUES = {
  HashingAlgorithm: common.HashingAlgorithm,
  BlockDataHashingStructure: common.BlockDataHashingStructure,
  OrdererAddresses: common.OrdererAddresses,
  Consortium: common.Consortium,
  Capabilities: common.Capabilities,
} as const;

const ORDERER_VALUES = {
  ConsensusType: orderer.ConsensusType,
  BatchSize: orderer.BatchSize,
  BatchTimeout: orderer.BatchTimeout,
  KafkaBrokers: orderer.KafkaBrokers,
  ChannelRestrictions: orderer.ChannelRestrictions,
  Orderers: common.Orderers,
  Capabilities: common.Capabilities,
} as const;

const APPLICATION_VALUES = { ACLs: protos.ACLs, Capabilities: common.Capabilities } as const;
const ORDERER_ORG_VALUES = { MSP: msp.MSPConfig, Endpoints: common.OrdererAddresses } as const;
const APPLICATION_ORG_VALUES = { MSP: msp.MSPConfig, AnchorPeers: protos.AnchorPeers } as const;

type Values<L extends Layout> = { [Name in keyof L]: L[Name] extends Decoder<infer T> ? T : never };

export type ConsensusState = "NORMAL" | "MAINTENANCE";

export type OrdererSettings = {
  readonly batchTimeoutMs: number;
  readonly maxMessageCount: number;
  readonly absoluteMaxBytes: number;
  readonly preferredMaxBytes: number;
  readonly consensusType: string;
  /** for etcdraft an etcdraft.ConfigMetadata; kept as it came */
  readonly consensusMetadata: Uint8Array;
  readonly state: ConsensusState;
};

export type Organization = { readonly name: string; readonly mspConfig: msp.MSPConfig };
export type OrdererOrganization = Organization & { readonly endpoints: readonly string[] };
export type AnchorPeer = { readonly host: string; readonly port: number };
export type ApplicationOrganization = Organization & { readonly anchorPeers: readonly AnchorPeer[] };

export type ChannelSection = {
  readonly capabilities: ReadonlySet<string>;
  /** addresses valid for every orderer organisation: the old form, refused with capability V3_0 */
  readonly ordererAddresses: readonly string[];
};

export type OrdererSection = {
  readonly capabilities: ReadonlySet<string>;
  readonly settings: OrdererSettings;
  readonly organizations: readonly OrdererOrganization[];
};

export type ApplicationSection = {
  readonly capabilities: ReadonlySet<string>;
  /** resource → policy path, absolute */
  readonly acls: ReadonlyMap<string, string>;
  readonly organizations: readonly ApplicationOrganization[];
};

/** @throws ConfigError */
export function readChannel(group: common.IConfigGroup): ChannelSection {
  const values = decodeValues(group, CHANNEL_VALUES);
  const algorithm = values.HashingAlgorithm.name;
  if (algorithm !== "SHA256" && algorithm !== "SHA3_256") {
    throw invalid(`Unknown hashing algorithm type: ${algorithm}`);
  }
  if (algorithm === "SHA3_256") {
    throw new ConfigError("UNSUPPORTED", "hashing algorithm SHA3_256 is required but not supported", {
      nextStep: "Use SHA256, the algorithm of every channel that configtxgen makes.",
    });
  }
  if (values.BlockDataHashingStructure.width !== 0xffff_ffff) {
    throw invalid("BlockDataHashStructure width only supported at MaxUint32 in this version");
  }
  const capabilities = namesOf(values.Capabilities);
  const ordererAddresses = values.OrdererAddresses.addresses;
  if (!channelRules.orgSpecificOrdererEndpoints(capabilities) && ordererAddresses.length === 0) {
    throw invalid("Must set some OrdererAddresses");
  }
  if (channelRules.perOrgEndpointsOnly(capabilities) && ordererAddresses.length > 0) {
    throw invalid("global OrdererAddresses are not allowed with V3_0 capability, use org specific addresses only");
  }
  return { capabilities, ordererAddresses };
}

/** @throws ConfigError */
export function readOrderer(group: common.IConfigGroup, channelCapabilities: ReadonlySet<string>): OrdererSection {
  const values = decodeValues(group, ORDERER_VALUES);
  const { maxMessageCount, absoluteMaxBytes, preferredMaxBytes } = values.BatchSize;
  requirePositive("max message count", maxMessageCount);
  requirePositive("absolute max bytes", absoluteMaxBytes);
  requirePositive("preferred max bytes", preferredMaxBytes);
  if (preferredMaxBytes > absoluteMaxBytes) {
    throw invalid(
      `Attempted to set the batch size preferred max bytes (${preferredMaxBytes}) greater than the absolute max bytes (${absoluteMaxBytes}).`,
    );
  }
  const organizations = entries(group.groups).map(([name, org]) => readOrdererOrg(name, org, channelCapabilities));
  const silent = organizations.filter((org) => org.endpoints.length === 0).map((org) => org.name);
  if (channelRules.perOrgEndpointsOnly(channelCapabilities) && silent.length > 0) {
    throw invalid(`some orderer organizations endpoints are empty: [${silent.join(" ")}]`);
  }
  return {
    capabilities: namesOf(values.Capabilities),
    settings: {
      batchTimeoutMs: readTimeout(values.BatchTimeout.timeout),
      maxMessageCount,
      absoluteMaxBytes,
      preferredMaxBytes,
      consensusType: values.ConsensusType.type,
      consensusMetadata: values.ConsensusType.metadata,
      state: values.ConsensusType.state === orderer.ConsensusType.State.STATE_MAINTENANCE ? "MAINTENANCE" : "NORMAL",
    },
    organizations,
  };
}

function requirePositive(what: string, value: number): void {
  if (value === 0) throw invalid(`Attempted to set the batch size ${what} to an invalid value: 0`);
}

function readTimeout(text: string): number {
  const ms = parseGoDuration(text);
  if (ms === undefined) {
    // Go tells a number without a unit from what is no duration at all.
    const flaw = /^[-+]?(\d+\.?\d*|\.\d+)$/.test(text) ? "missing unit in duration" : "invalid duration";
    throw invalid(`Attempted to set the batch timeout to a invalid value: time: ${flaw} ${JSON.stringify(text)}`);
  }
  if (ms <= 0) throw invalid(`Attempted to set the batch timeout to a non-positive value: ${text}`);
  return ms;
}

function readOrdererOrg(
  name: string,
  group: common.IConfigGroup,
  channelCapabilities: ReadonlySet<string>,
): OrdererOrganization {
  if (entries(group.groups).length > 0) throw invalid("OrdererOrg config does not allow sub-groups");
  if (!channelRules.orgSpecificOrdererEndpoints(channelCapabilities) && member(group.values, "Endpoints")) {
    throw invalid(`Orderer Org ${name} cannot contain endpoints value until V1_4_2+ capabilities have been enabled`);
  }
  const values = decodeValues(group, ORDERER_ORG_VALUES);
  return { name, mspConfig: values.MSP, endpoints: values.Endpoints.addresses };
}

/** @throws ConfigError */
export function readApplication(group: common.IConfigGroup): ApplicationSection {
  const values = decodeValues(group, APPLICATION_VALUES);
  const capabilities = namesOf(values.Capabilities);
  if (!applicationRules.acls(capabilities) && member(group.values, "ACLs")) {
    throw invalid("ACLs may not be specified without the required capability");
  }
  const acls = new Map<string, string>();
  for (const [resource, { policyRef }] of entries(values.ACLs.acls)) {
    if (!policyRef) continue;
    acls.set(resource, policyRef.startsWith("/") ? policyRef : `/Channel/Application/${policyRef}`);
  }
  const organizations = entries(group.groups).map(([name, org]) => readApplicationOrg(name, org));
  return { capabilities, acls, organizations };
}

function readApplicationOrg(name: string, group: common.IConfigGroup): ApplicationOrganization {
  if (entries(group.groups).length > 0) throw invalid("ApplicationOrg config does not allow sub-groups");
  const values = decodeValues(group, APPLICATION_ORG_VALUES);
  const anchorPeers = values.AnchorPeers.anchorPeers.map(({ host, port }) => ({ host: host ?? "", port: port ?? 0 }));
  return { name, mspConfig: values.MSP, anchorPeers };
}

/** Every value of the group, absent ones as empty messages. */
function decodeValues<L extends Layout>(group: common.IConfigGroup, layout: L): Values<L> {
  return inContext("failed to deserialize values", () => {
    const values: Record<string, unknown> = {};
    for (const [name, type] of Object.entries(layout)) {
      const value = member(group.values, name);
      values[name] = value ? decode(type, value.value ?? new Uint8Array(0), name) : new type();
    }
    for (const [name] of entries(group.values)) {
      if (!Object.hasOwn(layout, name)) throw invalid(`Unexpected key ${name}`);
    }
    return values as Values<L>;
  });
}

function namesOf(capabilities: common.Capabilities): ReadonlySet<string> {
  return new Set(Object.keys(capabilities.capabilities));
}

function invalid(message: string): ConfigError {
  return new ConfigError("INVALID_CONFIG", message);
}
