import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Explanation } from "@hansa/endorsement/explain";
import { HansaError, messageOf } from "@hansa/primitives";
import { RpcClient } from "@hansa/transport";
import type { Target } from "../client/admin-client.js";
import { askExplanation } from "../client/explain-client.js";
import { servingOrderer } from "../client/serving-orderer.js";
import type { ChannelDefinition, NetworkConfig } from "../config/network-config.js";
import { didYouMean } from "../config/suggest.js";
import type { ContractPackage } from "../deploy/contract-package.js";
import {
  type DeploymentChannel,
  type DeployRequest,
  type DeployResult,
  deployTo,
  type InitRequest,
  initializeOn,
} from "../deploy/deployment.js";
import type { DeployingOrg } from "../deploy/lifecycle.js";
import { missingFile, readIdentity, userFiles } from "../identity/material.js";
import type { Layout } from "../plan/layout.js";
import { type NetworkPlan, type Organization, operationsUrl, type PlannedNode, planNetwork } from "../plan/plan.js";
import { type DeployedContract, type NetworkState, readState, updateState } from "../plan/state-file.js";
import { ChannelJournal } from "./channel-journal.js";
import { ChannelSettings, keyHoldersIn } from "./channel-settings.js";
import { type ConfigEdit, updateChannelConfig } from "./channel-update.js";
import { type PeerLedger, readLedgers } from "./ledgers.js";
import { Member } from "./member.js";

/** A network that exists on disk and may be running: its members, its addresses, and work on its channels. */
export class NetworkView {
  readonly layout: Layout;
  #config: NetworkConfig;
  #plan: NetworkPlan;
  #state: NetworkState;
  readonly #targets = new Map<string, RpcClient>();
  readonly #open = new Set<() => void>();

  constructor(layout: Layout, config: NetworkConfig, state: NetworkState) {
    this.layout = layout;
    this.#config = config;
    this.#plan = planNetwork(config);
    this.#state = state;
  }

  get config(): NetworkConfig {
    return this.#config;
  }

  get plan(): NetworkPlan {
    return this.#plan;
  }

  /** Takes over what a network has become. */
  update(config: NetworkConfig, state: NetworkState): void {
    if (config !== this.#config) {
      const before = this.#plan.nodes;
      this.#config = config;
      this.#plan = planNetwork(config);
      for (const { id } of before.filter(({ id }) => !this.#plan.nodes.some((node) => node.id === id))) {
        this.#targets.get(id)?.close();
        this.#targets.delete(id);
      }
    }
    this.#state = state;
  }

  /** @throws HansaError NO_NETWORK when there is none in this data folder, CORRUPT_STORE when it cannot be read */
  static async open(layout: Layout): Promise<NetworkView> {
    const [text, state] = await Promise.all([
      readFile(layout.networkFile, "utf8").catch(() => undefined),
      readState(layout),
    ]);
    if (text === undefined && state !== undefined)
      throw new HansaError("CORRUPT_STORE", `${layout.networkFile} is gone.`, {
        nextStep: "Restore the file, or start over with: hansa down --wipe",
      });
    if (text === undefined || state === undefined)
      throw new HansaError("NO_NETWORK", `There is no network in ${layout.root}.`, {
        nextStep: "Start one with: hansa up",
      });
    try {
      return new NetworkView(layout, JSON.parse(text) as NetworkConfig, state);
    } catch (cause) {
      throw new HansaError("CORRUPT_STORE", `${layout.networkFile} cannot be read: ${messageOf(cause)}.`, {
        cause,
        nextStep: "Restore the file, or start over with: hansa down --wipe",
      });
    }
  }

  get name(): string {
    return this.config.name;
  }

  get state(): NetworkState {
    return this.#state;
  }

  get orderer(): { readonly address: string; readonly adminAddress: string | undefined } {
    const { port, adminPort } = this.#state.ports[this.#orderer().id]!;
    return {
      address: `127.0.0.1:${port}`,
      adminAddress: adminPort === undefined ? undefined : `127.0.0.1:${adminPort}`,
    };
  }

  /** Where a node answers about its health and metrics; undefined when it does not, or when there is none of this id. */
  operationsUrl(nodeId: string): string | undefined {
    const node = this.plan.nodes.find(({ id }) => id === nodeId);
    return node && operationsUrl(node, this.#state.ports[nodeId]);
  }

  get members(): readonly Member[] {
    return this.config.members.map((member) => this.member(member.name));
  }

  /** @throws HansaError UNKNOWN_MEMBER */
  member(name: string): Member {
    const members = this.plan.organizations.filter((organization) => organization.kind === "peer");
    const found = members.find((organization) => organization.name.toLowerCase() === name.toLowerCase());
    if (found === undefined) {
      const names = members.map((member) => member.name);
      throw new HansaError(
        "UNKNOWN_MEMBER",
        `Network ${this.name} has no member "${name}".${didYouMean(name, names)}`,
        {
          nextStep: `Use one of: ${names.join(", ")}.`,
        },
      );
    }
    return new Member(found, this.layout, this.plan, this.#state.ports, this.config.channels, (close) =>
      this.#open.add(close),
    );
  }

  /** @throws HansaError UNKNOWN_CHANNEL */
  channel(name: string): ChannelDefinition {
    const found = this.config.channels.find((channel) => channel.name === name);
    if (found !== undefined) return found;
    const names = this.config.channels.map((channel) => channel.name);
    throw new HansaError(
      "UNKNOWN_CHANNEL",
      `Network ${this.name} has no channel "${name}".${didYouMean(name, names)}`,
      {
        nextStep: names.length === 0 ? "Add a channel to the network file." : `Use one of: ${names.join(", ")}.`,
      },
    );
  }

  /**
   * Packages a contract, installs it on the channel's peers, approves it for every member and commits it.
   * @throws HansaError CONTRACT_NOT_FOUND, CONTRACT_BUILD, UNKNOWN_CHANNEL, …
   */
  async deploy(
    request: DeployRequest,
    report: (step: string) => void = () => {},
    packaged?: ContractPackage,
  ): Promise<DeployResult> {
    const result = await deployTo(await this.#asked(request.channel), this.layout, request, report, packaged);
    const { blockNumber: _, changed: __, ...deployed } = result;
    await this.#remember(deployed);
    return result;
  }

  /**
   * Makes the first call of a contract that was deployed with `initRequired`: every member's peer endorses it. Fabric's
   * client library has no way to say that a call is the first, Fabric's `peer` command calls it `--isInit`.
   * @throws HansaError ENDORSEMENT_REFUSED, TRANSACTION_INVALID, UNKNOWN_MEMBER, MISSING_IDENTITY
   */
  async initialize(request: InitRequest): Promise<{ readonly txId: string; readonly blockNumber: number }> {
    const asked = await this.#asked(request.channel);
    const member = this.member(request.member ?? asked.channel.members[0]!);
    const files = userFiles(this.layout, this.#organization(member.name), member.userNamed(request.user ?? "Admin"));
    return initializeOn(asked, await readIdentity(member.mspId, files), request);
  }

  /**
   * Changes a channel's configuration and waits until its peers follow it; see updateChannelConfig.
   * @param signedBy names of members whose administrators sign, "Orderer" for the ordering organisation; everybody
   *   unless given
   * @throws HansaError UNKNOWN_CHANNEL, UNKNOWN_MEMBER, ORDERING_REFUSED, TIMED_OUT
   */
  async updateChannel(channelName: string, edit: ConfigEdit, signedBy?: readonly string[]): Promise<number> {
    const channel = this.channel(channelName);
    const organizations = await this.deployingOrgs(channel);
    const ordering = this.plan.organizations.find((organization) => organization.kind === "orderer")!;
    const wanted = signedBy ?? [...channel.members, ordering.name];
    const signers = wanted.map((name) =>
      name === ordering.name ? ordering : this.#organization(this.member(name).name),
    );
    return updateChannelConfig(
      {
        channelId: channel.name,
        readers: organizations.flatMap(({ admin, peers }) => peers.map((peer) => ({ identity: admin, peer }))),
        signers: await Promise.all(
          signers.map((each) => readIdentity(each.mspId, userFiles(this.layout, each, "Admin"))),
        ),
        orderer: this.target(await servingOrderer(this)),
        operator: () => readIdentity(ordering.mspId, userFiles(this.layout, ordering, "Admin")),
      },
      edit,
    );
  }

  /**
   * A channel's configuration, to be shown, edited, signed and sent; of any channel that the orderer has.
   * @param as who reads it: a member's name; the ordering organisation unless given
   * @throws HansaError UNKNOWN_MEMBER, MISSING_IDENTITY
   */
  async settings(channelId: string, as?: string): Promise<ChannelSettings> {
    const holders = await keyHoldersIn(this.layout, this.plan.organizations);
    const readerName = as === undefined ? this.#orderer().organization.name : this.member(as).name;
    const reader = holders.find(({ name }) => name === readerName) ?? holders[0];
    if (reader === undefined)
      throw new HansaError("MISSING_IDENTITY", `No administrator of network ${this.name} is on this machine.`);
    const channel = this.config.channels.find(({ name }) => name === channelId);
    const followers = (channel === undefined ? [] : await this.deployingOrgs(channel)).flatMap(({ admin, peers }) =>
      peers.map((peer) => ({ identity: admin, peer })),
    );
    const orderer = this.target(await servingOrderer(this));
    return new ChannelSettings({ channelId, orderer, reader: reader.admin, holders, followers });
  }

  /** The orderer to name to those who can be told of one only: one that is up, if any is. */
  async servingOrdererId(): Promise<string> {
    return (await servingOrderer(this)).id;
  }

  /** Where every peer's copy of a channel stands. @throws HansaError UNKNOWN_CHANNEL */
  async ledgers(channel: string): Promise<PeerLedger[]> {
    return readLedgers(channel, await this.deployingOrgs(this.channel(channel)));
  }

  /**
   * The journal of a channel, read as one of its members: receipts, digests and exports.
   * @throws HansaError UNKNOWN_CHANNEL, UNKNOWN_MEMBER, UNKNOWN_NODE, MISSING_IDENTITY
   */
  async journal(channelName: string, as: { member?: string; user?: string } = {}): Promise<ChannelJournal> {
    const channel = this.channel(channelName);
    const member = this.member(as.member ?? channel.members[0]!);
    const files = userFiles(this.layout, this.#organization(member.name), member.userNamed(as.user ?? "Admin"));
    const reader = await readIdentity(member.mspId, files);
    const peer = this.plan.nodes.find(({ kind, organization }) => kind === "peer" && organization.name === member.name);
    if (peer === undefined)
      throw new HansaError("UNKNOWN_NODE", `${member.name} has no peer to ask.`, {
        nextStep: `Ask as another member of the channel: ${channel.members.join(", ")}.`,
      });
    return new ChannelJournal(
      this.name,
      channel.name,
      this.target(await servingOrderer(this)),
      this.target(peer),
      reader,
    );
  }

  /**
   * Why a transaction is valid or not, as a member's peer tells it from its ledger.
   * @param as the member whose peer is asked, the channel's first one that has a peer unless given, and its user
   * @throws HansaError UNKNOWN_TRANSACTION, UNKNOWN_CHANNEL, UNKNOWN_MEMBER, UNKNOWN_NODE, NODE_UNREACHABLE
   */
  async explain(channelName: string, txId: string, as: { member?: string; user?: string } = {}): Promise<Explanation> {
    const channel = this.channel(channelName);
    const peers = this.plan.nodes.filter(({ kind }) => kind === "peer");
    const named = as.member === undefined ? undefined : this.member(as.member).name;
    const peer = peers.find(({ organization: { name } }) =>
      named === undefined ? channel.members.includes(name) : name === named,
    );
    if (peer === undefined)
      throw new HansaError(
        "UNKNOWN_NODE",
        `${named === undefined ? `Nobody on channel ${channel.name} has a` : `${named} has no`} peer to ask.`,
        {
          nextStep: `Ask as a member of the channel that has one: ${channel.members.join(", ")}.`,
        },
      );
    const member = this.member(peer.organization.name);
    const files = userFiles(this.layout, this.#organization(member.name), member.userNamed(as.user ?? "Admin"));
    return askExplanation(this.target(peer), await readIdentity(member.mspId, files), channel.name, txId);
  }

  /** The channel's members with their administrators and peers. */
  async deployingOrgs(channel: ChannelDefinition): Promise<DeployingOrg[]> {
    return Promise.all(
      this.plan.organizations
        .filter((organization) => organization.kind === "peer" && channel.members.includes(organization.name))
        .map(async (organization) => ({
          mspId: organization.mspId,
          admin: await readIdentity(organization.mspId, userFiles(this.layout, organization, "Admin")),
          peers: this.plan.nodes
            .filter((node) => node.kind === "peer" && node.organization === organization)
            .filter((node) => !this.#state.unfinished?.includes(node.id))
            .map((node) => this.target(node)),
        })),
    );
  }

  /** A connection to a node, kept until the view is closed. */
  target(node: PlannedNode): Target {
    let rpc = this.#targets.get(node.id);
    if (rpc === undefined) {
      const { kind, domain } = node.organization;
      const { port, adminPort } = this.#state.ports[node.id]!;
      // An authority's first port is fabric-ca's REST API.
      rpc = new RpcClient(`127.0.0.1:${node.kind === "ca" ? adminPort : port}`, {
        rootPems: [readPem(this.layout.tlsRoot(kind, domain))],
        serverName: node.host,
      });
      this.#targets.set(node.id, rpc);
    }
    return { name: node.id, rpc };
  }

  /** Closes every connection that was opened through this view. */
  closeConnections(): void {
    for (const close of this.#open) close();
    this.#open.clear();
    for (const rpc of this.#targets.values()) rpc.close();
    this.#targets.clear();
  }

  async #asked(channelName: string): Promise<DeploymentChannel> {
    const channel = this.channel(channelName);
    // Members without a peer cannot approve; what their channels ask for decides whether the others suffice.
    const organizations = (await this.deployingOrgs(channel)).filter(({ peers }) => peers.length > 0);
    return { channel, organizations, orderer: this.target(await servingOrderer(this)) };
  }

  #organization(name: string): Organization {
    return this.plan.organizations.find((organization) => organization.name === name)!;
  }

  #orderer(): PlannedNode {
    return this.plan.nodes.find((node) => node.kind === "orderer")!;
  }

  async #remember(deployed: DeployedContract): Promise<void> {
    this.#state = await updateState(this.layout, (state) => {
      const others = state.contracts.filter(
        ({ channel, name }) => channel !== deployed.channel || name !== deployed.name,
      );
      return { ...state, contracts: [...others, deployed] };
    });
  }
}

function readPem(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw missingFile(file, cause as Error);
  }
}
