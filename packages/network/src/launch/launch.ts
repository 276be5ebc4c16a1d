import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { HansaError, type Logger } from "@hansa/primitives";
import type { NetworkConfig } from "../config/network-config.js";
import { packageContract } from "../deploy/contract-package.js";
import { enrolOrganization } from "../identity/enrol.js";
import { writeOrganization } from "../identity/material.js";
import { NetworkView } from "../library/network-view.js";
import type { NodeHost } from "../nodes/host.js";
import { NodeKeeper } from "../nodes/keeper.js";
import { authoritySpec, type ServerSpec } from "../nodes/specs.js";
import type { Layout } from "../plan/layout.js";
import { type NetworkPlan, type Organization, type PlannedNode, planNetwork } from "../plan/plan.js";
import { choosePorts, type Ports } from "../plan/ports.js";
import { NEW_STATE, type NetworkState, readState, writeFileDurably, writeState } from "../plan/state-file.js";
import { applyBatchSettings, previousConfig, refuseOtherMembers } from "./changes.js";
import { createGenesisBlock } from "./genesis.js";
import { lockFolder } from "./lock.js";
import { type Phase, PhaseClock } from "./phases.js";

export type LaunchOptions = {
  readonly config: NetworkConfig;
  readonly layout: Layout;
  readonly host: NodeHost;
  readonly logger: Logger;
  readonly onProgress?: (phase: Phase) => void;
  /** Gives up and cleans up when it aborts. */
  readonly signal?: AbortSignal;
};

export type Launched = {
  readonly keeper: NodeKeeper;
  readonly view: NetworkView;
  readonly phases: readonly Phase[];
  /** Lets others start the network; to be called when its nodes have stopped. */
  readonly release: () => Promise<void>;
};

const STOP_GRACE_MS = 5_000;

/**
 * Starts a network: the first time it makes everything, later it starts what is there. What fails leaves nothing
 * behind: nodes that were started are stopped, and a network that did not exist before does not exist afterwards.
 */
export async function launch(options: LaunchOptions): Promise<Launched> {
  const { layout } = options;
  const release = await lockFolder(layout);
  try {
    const launched = await launchAlone(options);
    return { ...launched, release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function launchAlone(options: LaunchOptions): Promise<Omit<Launched, "release">> {
  const { layout, host, logger } = options;
  const before = await readState(layout);
  for (let attempt = 1; ; attempt++) {
    const keeper = new NodeKeeper(host, logger);
    try {
      return await start(options, before, keeper);
    } catch (error) {
      await keeper.close(before === undefined ? 0 : STOP_GRACE_MS);
      if (before !== undefined) throw error;
      await rm(layout.root, { recursive: true, force: true });
      // Another process may take a free port between its choice and its use; a fixed one fails before any node starts.
      const raced = error instanceof HansaError && error.code === "PORT_IN_USE" && error.message.startsWith("Node ");
      if (!raced || attempt === 3) throw error;
    }
  }
}

async function start(
  options: LaunchOptions,
  before: NetworkState | undefined,
  keeper: NodeKeeper,
): Promise<Omit<Launched, "release">> {
  const { config, layout, host, onProgress = () => {}, signal } = options;
  const phases = new PhaseClock(onProgress);
  const plan = planNetwork(config);
  const previous = before === undefined ? undefined : await previousConfig(layout);
  if (previous !== undefined) refuseOtherMembers(previous, config, layout);
  const ports = await choosePorts(plan.nodes, before?.ports ?? {});
  const nodesOf = (kind: PlannedNode["kind"]) => plan.nodes.filter((node) => node.kind === kind);
  for (const node of [...nodesOf("ca"), ...nodesOf("orderer"), ...nodesOf("peer")]) host.prepare(node.id, node.kind);
  let state: NetworkState = { ...(before ?? NEW_STATE), ports };
  await mkdir(layout.root, { recursive: true });
  if (before === undefined) {
    // What a first start left that was killed half-way.
    for (const part of ["nodes", "organizations", "channels", "contracts"])
      await rm(path.join(layout.root, part), { recursive: true, force: true });
    await writePeerCliConfig(layout);
  }
  phases.done("ports chosen");

  const missing = config.contracts.filter(
    (contract) => !state.contracts.some(({ channel, name }) => channel === contract.channel && name === contract.name),
  );
  const packaging = Promise.all(
    missing.map((contract) => packageContract(contract.path, contract.name, contract.version)),
  );
  await allSettled([
    packaging,
    ...plan.organizations.map((organization) => startAuthority(organization, options, plan, ports, state, keeper)),
  ]);
  const packages = await packaging;
  state = { ...state, enrolled: plan.organizations.map((organization) => organization.mspId) };
  signal?.throwIfAborted();
  phases.done(before === undefined ? "authorities started, identities certified" : "authorities started");

  for (const channel of config.channels) await createGenesisBlock(layout, plan, ports, channel);
  await allSettled(
    [...nodesOf("orderer"), ...nodesOf("peer")].map((node) =>
      keeper.start(node, serverSpec(node, plan, config, layout, ports)),
    ),
  );
  state = { ...state, channels: config.channels.map((channel) => channel.name) };
  const view = new NetworkView(layout, config, state);
  if (previous !== undefined) await applyBatchSettings(previous, view);
  await writeFileDurably(layout.networkFile, `${JSON.stringify(config, undefined, 2)}\n`);
  await writeState(layout, state);
  signal?.throwIfAborted();
  phases.done("orderer and peers started, channels joined");

  for (const [index, contract] of missing.entries()) {
    await view.deploy(contract, () => {}, packages[index]);
    signal?.throwIfAborted();
    phases.done(`contract ${contract.name} deployed`);
  }
  return { keeper, view, phases: phases.phases };
}

/** Starts an organisation's authority and, the first time, has it certify the organisation's nodes and users. */
async function startAuthority(
  organization: Organization,
  { layout }: LaunchOptions,
  plan: NetworkPlan,
  ports: Ports,
  state: NetworkState,
  keeper: NodeKeeper,
): Promise<void> {
  const nodes = plan.nodes.filter((node) => node.organization === organization);
  const authority = nodes.find((node) => node.kind === "ca")!;
  const spec = authoritySpec(organization, plan, layout, ports);
  if (!state.enrolled.includes(organization.mspId))
    await writeFileDurably(spec.registrarSecretFile, `${randomBytes(24).toString("base64url")}\n`, 0o600);
  await keeper.start(authority, spec);
  if (state.enrolled.includes(organization.mspId)) return;
  const servers = nodes.filter((node) => node.kind !== "ca");
  const material = await enrolOrganization(spec, organization, servers);
  await writeOrganization(layout, organization, servers, material);
}

function serverSpec(
  node: PlannedNode,
  plan: NetworkPlan,
  config: NetworkConfig,
  layout: Layout,
  ports: Ports,
): ServerSpec {
  const { organization } = node;
  const { port, adminPort } = ports[node.id]!;
  const channelsOf = ({ kind, name }: Organization) =>
    config.channels
      .filter((channel) => kind === "orderer" || channel.members.includes(name))
      .map((channel) => channel.name);
  const orderer = plan.nodes.find((other) => other.kind === "orderer")!;
  const others = plan.nodes.filter((other) => other.kind === "peer" && other.id !== node.id);
  return {
    id: node.id,
    host: node.host,
    mspId: organization.mspId,
    domain: organization.domain,
    identityFolder: layout.nodeIdentity(organization.kind, organization.domain, node.host),
    organizationMspFolder: path.join(layout.organization(organization.kind, organization.domain), "msp"),
    dataFolder: layout.node(node.id),
    address: `127.0.0.1:${port}`,
    adminAddress: adminPort === undefined ? undefined : `127.0.0.1:${adminPort}`,
    batching: config.batching,
    contractsRun: config.contractsRun,
    contractTimeouts: config.contractTimeouts,
    genesisBlocks: channelsOf(organization).map((channel) => layout.genesisBlock(channel)),
    orderer: { address: `127.0.0.1:${ports[orderer.id]!.port}`, host: orderer.host },
    otherPeers:
      node.kind !== "peer"
        ? []
        : others.map((other) => ({
            mspId: other.organization.mspId,
            address: `127.0.0.1:${ports[other.id]!.port}`,
            host: other.host,
            tlsRootFile: path.join(
              layout.organization("peer", other.organization.domain),
              "tlsca",
              `tlsca.${other.organization.domain}-cert.pem`,
            ),
            channels: channelsOf(other.organization),
          })),
  };
}

/** Fabric's `peer` command refuses to run without a core.yaml; this one says nothing beyond its defaults. */
async function writePeerCliConfig(layout: Layout): Promise<void> {
  const file = path.join(layout.peerCliConfig, "core.yaml");
  if (existsSync(file)) return;
  const text = [
    "peer:",
    "  client:",
    "    connTimeout: 3s",
    "  BCCSP:",
    "    Default: SW",
    "    SW:",
    "      Hash: SHA2",
    "      Security: 256",
    "",
  ].join("\n");
  await writeFileDurably(file, text);
}

/** Like Promise.all, but waits for the others before it fails: what they write must not appear after the clean-up. */
async function allSettled(work: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work)) if (outcome.status === "rejected") throw outcome.reason;
}
