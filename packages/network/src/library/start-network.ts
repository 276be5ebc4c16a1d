import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { HansaError, type Logger, silentLogger } from "@hansa/primitives";
import type { NetworkFile } from "../config/file-shape.js";
import type { NetworkConfig } from "../config/network-config.js";
import { parseNetworkFile, parseNetworkObject } from "../config/parse.js";
import { fileFault } from "../control/file-failure.js";
import { launch } from "../launch/launch.js";
import type { Phase } from "../launch/phases.js";
import { serveNetwork } from "../launch/serve.js";
import { hostFor } from "../launch/supervisor.js";
import type { RunningNetwork } from "../membership/running-network.js";
import type { NodeReport } from "../nodes/keeper.js";
import { serverSpec } from "../nodes/specs.js";
import { Layout } from "../plan/layout.js";
import type { PlannedNode } from "../plan/plan.js";
import { NetworkView } from "./network-view.js";

export type StartOptions = {
  /** Where the network keeps its data, so that it can be started again; a temporary folder, gone at the stop, unless given. */
  readonly dataFolder?: string;
  /** In place of what the network file says. */
  readonly mode?: NetworkConfig["mode"];
  /** In place of what the network file says. */
  readonly contractsRun?: NetworkConfig["contractsRun"];
  /** In place of what the network file says. */
  readonly ordering?: NetworkConfig["ordering"];
  readonly onProgress?: (phase: Phase) => void;
  readonly logger?: Logger;
};

/** A network that runs as long as this process, or until it is stopped. */
export class Network extends NetworkView {
  readonly phases: readonly Phase[];
  /** What changes its members, peers and channels while it runs. */
  readonly running: RunningNetwork;
  readonly #stop: () => Promise<void>;

  constructor(running: RunningNetwork, phases: readonly Phase[], stop: () => Promise<void>) {
    super(running.layout, running.config(), running.state());
    this.running = running;
    this.phases = phases;
    this.#stop = stop;
    let known = running.state();
    running.onChange(() => {
      const [config, state] = [running.config(), running.state()];
      // Contracts that were deployed through this network are not in the state that the other knows.
      this.update(config, state === known ? this.state : state);
      known = state;
    });
  }

  nodes(): readonly NodeReport[] {
    return this.running.reports();
  }

  /**
   * Stops one node, such as "peer0.org1", as if its machine were switched off, until `startNode`.
   * @throws HansaError UNKNOWN_NODE
   */
  async stopNode(id: string): Promise<void> {
    await this.running.keeper.remove([this.#server(id).id], 0);
  }

  /** Starts a node that `stopNode` stopped. @throws HansaError UNKNOWN_NODE, NODE_FAILED */
  async startNode(id: string): Promise<void> {
    const node = this.#server(id);
    if (this.running.keeper.has(id)) return;
    const { layout, plan } = this;
    const parts = { layout, plan, config: this.running.config(), state: this.running.state() };
    await this.running.keeper.start(node, serverSpec(node, parts));
  }

  #server(id: string): PlannedNode {
    const servers = this.plan.nodes.filter(({ kind }) => kind === "peer" || kind === "orderer");
    const node = servers.find((each) => each.id === id);
    if (node !== undefined) return node;
    throw new HansaError("UNKNOWN_NODE", `Network ${this.name} has no peer or orderer "${id}".`, {
      nextStep: `Use one of: ${servers.map((each) => each.id).join(", ")}.`,
    });
  }

  /** Stops every node and closes every gateway that was opened through this network. */
  async stop(): Promise<void> {
    this.closeConnections();
    await this.#stop();
  }
}

/**
 * Starts a network from a network file or from the same settings as an object, in this process's care.
 *
 *     const network = await startNetwork("network-configs/beer-supply-chain.yaml", { mode: "inline" });
 *     const gateway = network.member("Brewery").gateway();
 *     …
 *     await network.stop();
 *
 * @throws HansaError, NetworkFileError
 */
export async function startNetwork(source: string | NetworkFile, options: StartOptions = {}): Promise<Network> {
  const read = typeof source === "string" ? await readNetworkFile(source) : parseNetworkObject(source);
  const { mode = read.mode, contractsRun = read.contractsRun, ordering = read.ordering } = options;
  const config: NetworkConfig = { ...read, mode, contractsRun, ordering };
  const temporary = options.dataFolder === undefined ? await mkdtemp(path.join(os.tmpdir(), "hansa-")) : undefined;
  const layout = new Layout(path.join(options.dataFolder ?? temporary!, config.name));
  const cleanUp = async () => {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  };
  try {
    const host = hostFor(config, layout, nodeProgram());
    const logger = options.logger ?? silentLogger;
    const startedAtMs = Date.now();
    const launched = await launch({ config, layout, host, logger, onProgress: options.onProgress });
    const { network, stop } = await serveNetwork(launched, { startedAtMs, logger, onStopped: () => void cleanUp() });
    return new Network(network, launched.phases, async () => {
      await stop();
      await cleanUp();
    });
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

async function readNetworkFile(file: string): Promise<NetworkConfig> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new HansaError("NETWORK_FILE_MISSING", `The network file ${file} cannot be read: ${fileFault(cause)}.`, {
      cause,
      nextStep: "Give the path of a network file, or its settings as an object.",
    });
  });
  return parseNetworkFile(text, file, (relative) => path.resolve(path.dirname(file), relative));
}

/** The program that runs one node: beside this file when bundled, one folder up otherwise. */
export function nodeProgram(): string {
  const candidates = ["./node-main.js", "../node-main.js"].map((name) => fileURLToPath(new URL(name, import.meta.url)));
  return candidates.find((file) => existsSync(file)) ?? candidates[0]!;
}
