/** The ledgers of a peer that does not run: of a network of ours, or one that Fabric's core.yaml describes. */
import { existsSync } from "node:fs";
import path from "node:path";
import { HansaError } from "@hansa/primitives";
import { readPeerFiles } from "../fabric-files/peer-files.js";
import type { Environment } from "../fabric-files/settings-file.js";
import type { NetworkView } from "./network-view.js";
import { PeerSnapshots } from "./peer-snapshots.js";

export class StoppedPeer {
  /** For sentences. */
  readonly name: string;
  readonly #dataFolder: string;

  private constructor(name: string, dataFolder: string) {
    this.name = name;
    this.#dataFolder = dataFolder;
  }

  /** @throws HansaError UNKNOWN_NODE */
  static ofNetwork(view: NetworkView, node: string): StoppedPeer {
    const { id } = new PeerSnapshots(view, node);
    return new StoppedPeer(id, view.layout.node(id));
  }

  /** @param env FABRIC_CFG_PATH and CORE_* @throws HansaError NODE_FILES, USAGE when nothing says which peer */
  static ofFiles(env: Environment, cwd: string): StoppedPeer {
    if (env.FABRIC_CFG_PATH === undefined && !existsSync(path.join(cwd, "core.yaml")))
      throw new HansaError("USAGE", "It is not said which peer.", {
        nextStep: "Name one of a network with --node, or set FABRIC_CFG_PATH to the folder of its core.yaml.",
      });
    const { id, dataFolder } = readPeerFiles(env, cwd);
    return new StoppedPeer(id, dataFolder);
  }

  /** @throws HansaError NODE_RUNNING, UNKNOWN_CHANNEL, ROLLBACK_REFUSED, BEGAN_WITH_SNAPSHOT */
  async rollback(channelId: string, blockNumber: number): Promise<void> {
    await (await offline()).rollbackLedger(this.#dataFolder, channelId, blockNumber);
  }

  /** Returns the ids of the channels. @throws HansaError NODE_RUNNING, BEGAN_WITH_SNAPSHOT */
  async reset(): Promise<string[]> {
    return (await offline()).resetLedgers(this.#dataFolder);
  }

  /** Returns the ids of the channels. @throws HansaError NODE_RUNNING, BEGAN_WITH_SNAPSHOT */
  async rebuild(): Promise<string[]> {
    return (await offline()).rebuildLedgers(this.#dataFolder);
  }

  /** @throws HansaError NODE_RUNNING, UNKNOWN_CHANNEL */
  async pause(channelId: string): Promise<void> {
    await (await offline()).pauseChannel(this.#dataFolder, channelId);
  }

  /** @throws HansaError NODE_RUNNING, UNKNOWN_CHANNEL */
  async resume(channelId: string): Promise<void> {
    await (await offline()).resumeChannel(this.#dataFolder, channelId);
  }

  /** @throws HansaError NODE_RUNNING, UNKNOWN_CHANNEL */
  async unjoin(channelId: string): Promise<void> {
    await (await offline()).unjoinChannel(this.#dataFolder, channelId);
  }

  /** Returns the channel's id. @throws HansaError NODE_RUNNING, ALREADY_JOINED, SNAPSHOT_UNSOUND */
  async joinBySnapshot(folder: string): Promise<string> {
    return (await offline()).joinBySnapshot(this.#dataFolder, folder);
  }
}

/** Loaded when it is needed: it brings the stores with it. */
function offline() {
  return import("@hansa/peer/offline");
}
