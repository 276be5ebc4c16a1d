import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { CaError } from "@hansa/ca";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import { GrpcStatus, plainReason, RpcStatus } from "@hansa/transport";
import type { NetworkConfig } from "../config/network-config.js";
import { packageContract } from "../deploy/contract-package.js";
import { refuseDeleted } from "../governance/deleted.js";
import { NetworkView } from "../library/network-view.js";
import { writeConnectionProfiles } from "../library/profile-files.js";
import { RunningNetwork } from "../membership/running-network.js";
import type { NodeHost } from "../nodes/host.js";
import { NodeKeeper } from "../nodes/keeper.js";
import { makeNatsUsers, natsSpec } from "../nodes/nats-spec.js";
import { serverSpec } from "../nodes/specs.js";
import { withIds } from "../plan/ids.js";
import type { Layout } from "../plan/layout.js";
import { type NetworkPlan, type PlannedNode, planNetwork } from "../plan/plan.js";
import { choosePorts } from "../plan/ports.js";
import { NEW_STATE, type NetworkState, readState, writeFileDurably, writeState } from "../plan/state-file.js";
import { noteAdministrators, startAuthority, withoutPasswords } from "./authority.js";
import { applyBatchSettings, continued, foundingAfter, hasChanged, readBefore, writeFounding } from "./changes.js";
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
  readonly network: RunningNetwork;
  /** Whether an earlier start may have been killed before every peer had followed its channels. */
  readonly isBehind: boolean;
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
    throw unanswered(error) ?? error;
  }
}

/** Of a start in which a node took part that did not answer, or failed to do its part. */
function unanswered(error: unknown): HansaError | undefined {
  const status = error instanceof CaError && error.fault === "UNAVAILABLE" ? error.cause : error;
  if (!(status instanceof RpcStatus)) return undefined;
  const told = plainReason(status.message);
  const isLate = status.code === GrpcStatus.DEADLINE_EXCEEDED;
  if (isLate || status.code === GrpcStatus.UNAVAILABLE)
    return new HansaError(
      isLate ? "TIMED_OUT" : "NODE_UNREACHABLE",
      `A node did not answer while the network was starting: ${told}.`,
      { cause: error, nextStep: "Start it again when this machine is less busy, or with fewer nodes." },
    );
  return new HansaError("NODE_FAILED", `A node failed while the network was starting: ${told}.`, {
    cause: error,
    nextStep: "See whether the disk has room, and start it again.",
  });
}

async function launchAlone(options: LaunchOptions): Promise<Omit<Launched, "release">> {
  const { layout, host, logger } = options;
  const before = await readState(layout);
  if (before !== undefined) await refuseDeleted(layout);
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
  state0: NetworkState | undefined,
  keeper: NodeKeeper,
): Promise<Omit<Launched, "release">> {
  const { layout, host, logger, onProgress = () => {}, signal } = options;
  const phases = new PhaseClock(onProgress);
  const file = withoutPasswords(options.config);
  const before = state0 === undefined ? undefined : await readBefore(layout, file);
  const config = before === undefined ? withIds(file) : continued(file, before, layout);
  const plan = planNetwork(config);
  const ports = await choosePorts(plan.nodes, state0?.ports ?? {});
  const nodesOf = (kind: PlannedNode["kind"]) => plan.nodes.filter((node) => node.kind === kind);
  for (const node of [...nodesOf("ca"), ...nodesOf("orderer"), ...nodesOf("peer")]) host.prepare(node.id, node.kind);
  let state: NetworkState = { ...keptOf(state0 ?? NEW_STATE, plan), ports };
  await mkdir(layout.root, { recursive: true });
  if (before === undefined) {
    await writeFileDurably(layout.unmadeMarker, "");
    // What a first start left that was killed half-way.
    for (const part of ["nodes", "organizations", "channels", "contracts"])
      await rm(path.join(layout.root, part), { recursive: true, force: true });
    await writePeerCliConfig(layout);
  }
  const isPlanned = (id: string) => plan.nodes.some((node) => node.id === id);
  for (const id of (state0?.discarded ?? []).filter((each) => !isPlanned(each)))
    await rm(layout.node(id), { recursive: true, force: true });
  await noteAdministrators(options.config, plan, layout);
  phases.done("ports chosen");

  const missing = config.contracts.filter(
    (contract) => !state.contracts.some(({ channel, name }) => channel === contract.channel && name === contract.name),
  );
  const packaging = Promise.all(
    missing.map(({ path: source, name, version }) =>
      packageContract(source, name, version, (remark) => logger.warn("contract packaged", { contract: name, remark })),
    ),
  );
  await allSettled([
    packaging,
    ...plan.organizations.map((organization) => startAuthority(organization, { layout, plan, ports, keeper }, state)),
  ]);
  const packages = await packaging;
  state = { ...state, enrolled: plan.organizations.map((organization) => organization.mspId) };
  signal?.throwIfAborted();
  phases.done(before === undefined ? "authorities started, identities certified" : "authorities started");

  for (const channel of config.channels) await createGenesisBlock(layout, plan, ports, config, channel);
  const parts = { layout, plan, config, state };
  await makeNatsUsers(parts);
  await allSettled([
    ...nodesOf("nats").map(async (node) => keeper.start(node, await natsSpec(node, parts))),
    ...[...nodesOf("orderer"), ...nodesOf("peer")].map((node) =>
      keeper.start(node, serverSpec(node, parts)).catch((error: unknown) => {
        // Nobody relies on a peer that is still being made.
        if (!state.unfinished?.includes(node.id)) throw error;
        logger.warn("peer cannot be started yet", { node: node.id, reason: messageOf(error) });
      }),
    ),
  ]);
  state = { ...state, channels: config.channels.map((channel) => channel.name) };
  const view = new NetworkView(layout, config, state);
  const network = new RunningNetwork(keeper, view, logger);
  if (before !== undefined) await applyBatchSettings(before.config, view);
  await writeFounding(layout, foundingAfter(file, before?.founding ?? config));
  await writeFileDurably(layout.networkFile, `${JSON.stringify(config, undefined, 2)}\n`);
  await writeState(layout, state);
  await rm(layout.unmadeMarker, { force: true });
  await writeConnectionProfiles(view);
  signal?.throwIfAborted();
  phases.done("orderer and peers started, channels joined");

  for (const [index, contract] of missing.entries()) {
    await view.deploy(contract, () => {}, packages[index]);
    signal?.throwIfAborted();
    phases.done(`contract ${contract.name} deployed`);
  }
  if ((state.unfinished ?? []).length > 0) {
    const { finishPeers } = await import("../membership/peers.js");
    await finishPeers(network);
    phases.done("peers finished that were being added");
  }
  const isBehind = before !== undefined && hasChanged(config, before.founding);
  return { keeper, view, network, phases: phases.phases, isBehind };
}

/** What holds of a state for what the network is to be: a member that left may come back as another. */
function keptOf(state: NetworkState, plan: NetworkPlan): NetworkState {
  const isPlanned = (id: string) => plan.nodes.some((node) => node.id === id);
  return {
    ...state,
    enrolled: state.enrolled.filter((mspId) => plan.organizations.some((each) => each.mspId === mspId)),
    unfinished: (state.unfinished ?? []).filter(isPlanned),
    discarded: [],
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
