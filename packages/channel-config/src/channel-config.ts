/**
 * One configuration of one channel, checked and ready to use: members, policies, settings. Immutable; a config block
 * makes a new one.
 * Source: hyperledger/fabric, common/channelconfig/bundle.go.
 */

import { Msp, MspManager, type Policy, type PolicyVerdict, rejectPolicy, type SignedData } from "@hansa/msp";
import { bytesKey, type ChannelId, type MspId, toUtf8 } from "@hansa/primitives";
import { common, decode, encode, HeaderType, msp, readEnvelope, splitBlock, toBigInt } from "@hansa/wire";
import { DEFAULT_ACLS } from "./acl.js";
import { type Capabilities, channelRules, checkCapabilities } from "./capabilities.js";
import { type ConfigElements, entries, member, toElements } from "./elements.js";
import { ConfigError, inContext } from "./error.js";
import { APPLICATION, CHANNEL, checkChannelId, ORDERER } from "./names.js";
import { PolicyTree } from "./policies.js";
import {
  type AnchorPeer,
  type ApplicationSection,
  type ChannelSection,
  type OrdererSection,
  type OrdererSettings,
  type Organization,
  readApplication,
  readChannel,
  readOrderer,
} from "./values.js";

export type LoadOptions = {
  /** A configuration of the same channel: organisations that did not change are taken over from it, with their caches. */
  previous?: ChannelConfig;
};

export type ApplicationOrg = { mspId: MspId; name: string; anchorPeers: readonly AnchorPeer[] };
export type OrdererEndpoint = { mspId: MspId; address: string };

type Member = {
  readonly mspId: MspId;
  readonly msp: Msp;
  readonly config: msp.MSPConfig;
  /** Equal keys mean equal rules: the definition, and what the channel's capabilities make of it. */
  readonly key: string;
};

export class ChannelConfig {
  readonly channelId: ChannelId;
  readonly sequence: bigint;
  readonly config: common.IConfig;
  readonly msps: MspManager;
  readonly capabilities: Capabilities;
  readonly #channel: ChannelSection;
  readonly #orderer: OrdererSection | undefined;
  readonly #application: ApplicationSection | undefined;
  readonly #policies: PolicyTree;
  readonly #membersByKey = new Map<string, Member>();
  readonly #membersById = new Map<MspId, Member>();
  readonly #mspIdsByGroup = new Map<string, MspId>();
  #elements: ConfigElements | undefined;

  /**
   * @param config a common.Config, decoded or as bytes
   * @throws ConfigError with Fabric's text when no channel may have this configuration
   */
  static load(channelId: ChannelId, config: common.IConfig | Uint8Array, options: LoadOptions = {}): ChannelConfig {
    const decoded = config instanceof Uint8Array ? decode(common.Config, config, "Config") : config;
    return new ChannelConfig(channelId, decoded, options.previous);
  }

  /**
   * @param block bytes of a common.Block whose only transaction is a configuration
   * @throws ConfigError MALFORMED when it is another kind of block
   */
  static fromBlock(block: Uint8Array, options: LoadOptions = {}): ChannelConfig {
    const { channelId, configEnvelope } = configOfBlock(block);
    if (!configEnvelope.config) throw new ConfigError("MALFORMED", "no config found in envelope");
    return ChannelConfig.load(channelId, configEnvelope.config, options);
  }

  private constructor(channelId: ChannelId, config: common.IConfig, previous: ChannelConfig | undefined) {
    const root = config.channelGroup;
    if (!root) throw new ConfigError("INVALID_CONFIG", "config must contain a channel group");
    requireOrdererCapabilitiesFirst(root);
    this.channelId = channelId;
    this.config = config;
    this.sequence = toBigInt(config.sequence);
    const sections = inContext("initializing channelconfig failed", () => this.#readSections(root, previous));
    this.#channel = sections.channel;
    this.#orderer = sections.orderer;
    this.#application = sections.application;
    this.capabilities = {
      channel: sections.channel.capabilities,
      orderer: sections.orderer?.capabilities ?? new Set(),
      application: sections.application?.capabilities ?? new Set(),
    };
    this.msps = new MspManager([...this.#membersById.values()].map((each) => each.msp));
    this.#policies = inContext("initializing policymanager failed", () => new PolicyTree(CHANNEL, root, this.msps));
    inContext("initializing configtx manager failed", () =>
      inContext("bad channel ID", () => checkChannelId(channelId)),
    );
  }

  #readSections(root: common.IConfigGroup, previous: ChannelConfig | undefined) {
    const channel = readChannel(root);
    let orderer: OrdererSection | undefined;
    let application: ApplicationSection | undefined;
    const ed25519 = channelRules.ed25519(channel.capabilities);
    const addMember = (group: string, org: Organization) => this.#addMember(group, org, ed25519, previous);
    for (const [name, group] of entries(root.groups)) {
      inContext(`could not create channel ${name} sub-group config`, () => {
        if (name === APPLICATION) {
          application = readApplication(group);
          for (const org of application.organizations) addMember(`${APPLICATION}/${org.name}`, org);
        } else if (name === ORDERER) {
          orderer = readOrderer(group, channel.capabilities);
          for (const org of orderer.organizations) addMember(`${ORDERER}/${org.name}`, org);
        } else {
          throw new ConfigError("INVALID_CONFIG", `Disallowed channel group: ${name}`);
        }
      });
    }
    return { channel, orderer, application };
  }

  #addMember(group: string, org: Organization, ed25519: boolean, previous: ChannelConfig | undefined): void {
    const key = `${ed25519} ${bytesKey(encode(msp.MSPConfig, org.mspConfig))}`;
    const inherited = previous === undefined ? undefined : previous.#membersByKey.get(key);
    const each = this.#membersByKey.get(key) ?? inherited ?? readMember(org, key, ed25519);
    const sameName = this.#membersById.get(each.mspId);
    if (sameName !== undefined && sameName.key !== key) {
      throw new ConfigError("INVALID_CONFIG", `Attempted to define two different versions of MSP: ${each.mspId}`);
    }
    this.#membersByKey.set(key, each);
    this.#membersById.set(each.mspId, each);
    this.#mspIdsByGroup.set(group, each.mspId);
  }

  /**
   * Batch settings and consensus type.
   * @throws ConfigError when the configuration has no orderer section
   */
  get orderer(): OrdererSettings {
    if (this.#orderer === undefined) throw new ConfigError("INVALID_CONFIG", "config does not contain orderer config");
    return this.#orderer.settings;
  }

  get hasOrderer(): boolean {
    return this.#orderer !== undefined;
  }

  get hasApplication(): boolean {
    return this.#application !== undefined;
  }

  /** @throws ConfigError UNSUPPORTED naming a capability that a node of this software cannot honour */
  checkCapabilities(): void {
    checkCapabilities(this.capabilities);
  }

  /**
   * @param path absolute, as "/Channel/Application/Writers"
   * @returns a policy that nobody satisfies when there is none at the path, as Fabric does
   */
  policy(path: string): Policy {
    return this.#policies.find(path) ?? rejectPolicy(policyName(path));
  }

  hasPolicy(path: string): boolean {
    return this.#policies.find(path) !== undefined;
  }

  /** The policy written out over organisations' principals; undefined when there is none or it cannot be satisfied. */
  signaturePolicy(path: string): common.ISignaturePolicyEnvelope | undefined {
    return this.#policies.asSignaturePolicy(path);
  }

  /** See `PolicyTree.isSatisfiable`. */
  isSatisfiable(path: string, supply: (principal: common.IMSPPrincipal) => number): boolean | undefined {
    return this.#policies.isSatisfiable(path, supply);
  }

  /**
   * The policy that guards the modification of an element: relative names are looked up in the element's group.
   * Undefined when it does not exist.
   */
  modPolicy(modPolicy: string, group: readonly string[]): Policy | undefined {
    const tree = modPolicy.startsWith("/") ? this.#policies : this.#policies.at(group);
    return tree?.find(modPolicy);
  }

  /** Path of the policy for a resource as "peer/Propose": from the channel's ACLs, else Fabric's default. */
  aclPolicyPath(resource: string): string | undefined {
    return this.#application?.acls.get(resource) ?? DEFAULT_ACLS.get(resource);
  }

  aclPolicy(resource: string): Policy {
    const path = this.aclPolicyPath(resource);
    return path === undefined ? rejectPolicy(resource) : this.policy(path);
  }

  /** Whether the signer may use the resource; a refusal carries Fabric's text. */
  checkAcl(resource: string, signed: SignedData): PolicyVerdict {
    const fromChannel = this.#application?.acls.get(resource);
    const path = fromChannel ?? DEFAULT_ACLS.get(resource);
    if (path === undefined) return { ok: false, reason: `Unmapped policy for ${resource}` };
    const verdict = this.policy(path).evaluateSigned([signed]);
    if (verdict.ok) return verdict;
    if (fromChannel === undefined) {
      const where = `on channel [${this.channelId}] with policy [${path}]`;
      return {
        ...verdict,
        reason: `Failed evaluating policy on signed data during check policy ${where}: [${verdict.reason}]`,
      };
    }
    const reason = this.hasPolicy(path) ? verdict.reason : `policy ${path} not found`;
    return { ...verdict, reason: `failed evaluating policy on signed data during check policy [${path}]: [${reason}]` };
  }

  applicationOrgs(): ApplicationOrg[] {
    return (this.#application?.organizations ?? []).map(({ name, anchorPeers }) => ({
      mspId: this.#mspIdOf(`${APPLICATION}/${name}`),
      name,
      anchorPeers,
    }));
  }

  ordererOrgs(): { mspId: MspId; name: string }[] {
    return (this.#orderer?.organizations ?? []).map(({ name }) => ({
      mspId: this.#mspIdOf(`${ORDERER}/${name}`),
      name,
    }));
  }

  /**
   * Where to reach the ordering service, "host:port". The channel's global addresses count only when no organisation
   * lists its own; they are then given under the first orderer organisation.
   */
  ordererEndpoints(): OrdererEndpoint[] {
    const own = (this.#orderer?.organizations ?? []).flatMap(({ name, endpoints }) =>
      endpoints.map((address) => ({ mspId: this.#mspIdOf(`${ORDERER}/${name}`), address })),
    );
    if (own.length > 0) return own;
    const mspId = this.ordererOrgs()[0]?.mspId;
    return mspId === undefined ? [] : this.#channel.ordererAddresses.map((address) => ({ mspId, address }));
  }

  /** The same for each orderer organisation; the channel's global addresses are then every organisation's. */
  ordererAddressesByOrg(): Map<MspId, readonly string[]> {
    const organizations = this.#orderer?.organizations ?? [];
    const isGlobal = organizations.every(({ endpoints }) => endpoints.length === 0);
    return new Map(
      organizations.map(({ name, endpoints }) => [
        this.#mspIdOf(`${ORDERER}/${name}`),
        isGlobal ? this.#channel.ordererAddresses : endpoints,
      ]),
    );
  }

  /** Roots and intermediates, PEM, that a member's TLS certificates chain to; empty for an unknown member. */
  tlsRoots(mspId: MspId): string[] {
    const config = this.mspConfig(mspId);
    return [...(config?.tlsRootCerts ?? []), ...(config?.tlsIntermediateCerts ?? [])].map(toUtf8);
  }

  /** Those of all members, orderers and applications alike. */
  allTlsRoots(): string[] {
    return this.mspIds().flatMap((mspId) => this.tlsRoots(mspId));
  }

  ordererTlsRoots(mspId: MspId): string[] {
    return this.tlsRoots(mspId);
  }

  /** The definition of a member as its organisation published it. */
  mspConfig(mspId: MspId): msp.FabricMSPConfig | undefined {
    const found = this.#membersById.get(mspId);
    return found && decode(msp.FabricMSPConfig, found.config.config, "FabricMSPConfig");
  }

  mspIds(): MspId[] {
    return [...this.#membersById.keys()];
  }

  /** Organisations by section and group name: for comparing two configurations. */
  organizationMspIds(section: typeof APPLICATION | typeof ORDERER): Map<string, MspId> {
    const orgs = section === APPLICATION ? this.applicationOrgs() : this.ordererOrgs();
    return new Map(orgs.map(({ name, mspId }) => [name, mspId]));
  }

  /** The tree as a flat map; built on first use. */
  elements(): ConfigElements {
    this.#elements ??= toElements(this.config.channelGroup, CHANNEL);
    return this.#elements;
  }

  #mspIdOf(group: string): MspId {
    const mspId = this.#mspIdsByGroup.get(group);
    if (mspId === undefined) throw new ConfigError("INVALID_CONFIG", `organization ${group} has no MSP`);
    return mspId;
  }
}

/**
 * The configuration that a block carries.
 * @throws ConfigError MALFORMED when its first transaction is not a configuration
 */
export function configOfBlock(block: Uint8Array): { channelId: ChannelId; configEnvelope: common.ConfigEnvelope } {
  const [first] = inContext("malformed configuration block", () => splitBlock(block).envelopes);
  if (first === undefined) throw new ConfigError("MALFORMED", "malformed configuration block: block data is empty");
  const envelope = readEnvelope(first);
  if (envelope.channelHeader.type !== HeaderType.CONFIG) {
    throw new ConfigError("MALFORMED", "malformed configuration envelope: the transaction is not a configuration");
  }
  return {
    channelId: envelope.channelHeader.channelId,
    configEnvelope: decode(common.ConfigEnvelope, envelope.data, "ConfigEnvelope"),
  };
}

function readMember(org: Organization, key: string, ed25519: boolean): Member {
  if (org.mspConfig.type !== 0) {
    throw new ConfigError("INVALID_CONFIG", `Setup error: unsupported msp type ${org.mspConfig.type}`);
  }
  const instance = inContext("setting up the MSP manager failed", () => Msp.fromConfig(org.mspConfig, { ed25519 }));
  if (instance.id === "") throw new ConfigError("INVALID_CONFIG", `MSP for org ${org.name} has empty MSP ID`);
  return { mspId: instance.id, msp: instance, config: org.mspConfig, key };
}

/** An orderer that knows no capabilities could not enforce those of others. */
function requireOrdererCapabilitiesFirst(root: common.IConfigGroup): void {
  const ordererGroup = member(root.groups, ORDERER);
  if (!ordererGroup || member(ordererGroup.values, "Capabilities")) return;
  if (member(root.values, "Capabilities")) {
    throw new ConfigError("INVALID_CONFIG", "cannot enable channel capabilities without orderer support first");
  }
  if (member(member(root.groups, APPLICATION)?.values, "Capabilities")) {
    throw new ConfigError("INVALID_CONFIG", "cannot enable application capabilities without orderer support first");
  }
}

/** Fabric names a missing policy by what is left after its root. */
function policyName(path: string): string {
  const prefix = `/${CHANNEL}/`;
  return path.startsWith(prefix) ? path.slice(prefix.length) : path;
}
