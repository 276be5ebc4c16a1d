/**
 * The networks under one data folder, whoever started them: found by their folders, followed through their
 * supervisors, listed from their own records while they are stopped.
 */
import { watch } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import type { Founding, NetworkOperator } from "@hansa/control-plane";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import { makeFolder } from "@hansa/storage";
import type { NetworkConfig } from "../config/network-config.js";
import { parseNetworkObject } from "../config/parse.js";
import { findSupervisor } from "../control/control-client.js";

import { Layout } from "../plan/layout.js";
import { RemoteNetwork } from "./remote-network.js";

/** Starts a network and keeps it running; returns when it serves. */
export type NetworkLauncher = (config: NetworkConfig, layout: Layout) => Promise<void>;

export type DataHomeOptions = {
  readonly dataFolder: string;
  readonly launch: NetworkLauncher;
  readonly logger: Logger;
};

const LOOK_EVERY_MS = 1_000;
const FOUNDED_WITHIN_MS = 30_000;

export class DataHome implements NetworkOperator {
  readonly #options: DataHomeOptions;
  /** By folder. */
  readonly #known = new Map<string, RemoteNetwork>();
  readonly #listeners = new Set<() => void>();
  readonly #creating = new Map<string, Promise<RemoteNetwork>>();
  readonly #subscriptions: (() => void)[] = [];
  #looking: Promise<void> = Promise.resolve();
  #isClosed = false;

  private constructor(options: DataHomeOptions) {
    this.#options = options;
  }

  static async open(options: DataHomeOptions): Promise<DataHome> {
    await makeFolder(options.dataFolder);
    const home = new DataHome(options);
    await home.#look();
    const timer = setInterval(() => void home.#look(), LOOK_EVERY_MS);
    timer.unref();
    const watcher = watch(options.dataFolder, () => void home.#look());
    watcher.on("error", () => {});
    home.#subscriptions.push(
      () => clearInterval(timer),
      () => watcher.close(),
    );
    return home;
  }

  /** Those that are founded. */
  networks(): readonly RemoteNetwork[] {
    return [...this.#known.values()].filter(({ founded }) => founded !== undefined);
  }

  network(networkId: string): RemoteNetwork | undefined {
    return this.networks().find((network) => network.networkId === networkId);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws HansaError; nothing is left behind then */
  create(founding: Founding): Promise<RemoteNetwork> {
    const { networkId } = founding;
    const begun = this.#creating.get(networkId);
    if (begun !== undefined) return begun;
    const creating = this.#create(founding).finally(() => this.#creating.delete(networkId));
    this.#creating.set(networkId, creating);
    return creating;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const end of this.#subscriptions.splice(0)) end();
    await this.#looking;
    await Promise.allSettled(this.#creating.values());
    await Promise.all([...this.#known.values()].map((network) => network.close()));
    this.#known.clear();
  }

  async #create(founding: Founding): Promise<RemoteNetwork> {
    const layout = new Layout(path.join(this.#options.dataFolder, founding.networkId));
    if ((await findSupervisor(layout)) === undefined) await this.#options.launch(configOf(founding), layout);
    const network = await this.#adopt(layout.root);
    await foundedSoon(network);
    // Its administrator's password is nowhere on disk, so it is told again whenever somebody asks again.
    await network.prepareMember(founding.member);
    this.#tell();
    return network;
  }

  /** Looks for folders that came and went. One look after the other. */
  #look(): Promise<void> {
    this.#looking = this.#looking
      .then(() => this.#lookNow())
      .catch((error: unknown) => {
        this.#options.logger.warn("data folder cannot be read", { reason: messageOf(error) });
      });
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    if (this.#isClosed) return;
    const entries = await readdir(this.#options.dataFolder, { withFileTypes: true }).catch(() => []);
    const folders: string[] = [];
    for (const entry of entries) {
      if (!entry.isDirectory()) continue;
      const layout = new Layout(path.join(this.#options.dataFolder, entry.name));
      const marks = await Promise.all([layout.governanceStrand, layout.networkFile].map(exists));
      if (marks.some((there) => there)) folders.push(layout.root);
    }
    for (const folder of folders) {
      if (this.#known.has(folder)) continue;
      await this.#adopt(folder).catch((error: unknown) => {
        if (!this.#isClosed) this.#options.logger.warn("network cannot be read", { folder, reason: messageOf(error) });
      });
    }
    for (const [folder, network] of this.#known) {
      if (folders.includes(folder) || (await exists(folder))) continue;
      this.#known.delete(folder);
      await network.close();
      this.#tell();
    }
  }

  async #adopt(folder: string): Promise<RemoteNetwork> {
    const known = this.#known.get(folder);
    if (known !== undefined) return known;
    const layout = new Layout(folder);
    const logger = this.#options.logger.child({ network: path.basename(folder) });
    const network: RemoteNetwork = await RemoteNetwork.open(layout, logger, () => {
      if (this.#known.get(folder) !== network) return;
      this.#known.delete(folder);
      void network.close().then(() => this.#look());
    });
    // Two may have looked at the same time.
    const other = this.#known.get(folder);
    if (other !== undefined || this.#isClosed) {
      await network.close();
      if (other !== undefined) return other;
      throw new HansaError("INTERRUPTED", "The control plane is stopping.");
    }
    this.#known.set(folder, network);
    network.onGovernance((_, act) => {
      if (act.kind === "founded") this.#tell();
    });
    this.#tell();
    return network;
  }

  #tell(): void {
    if (this.#isClosed) return;
    for (const listener of this.#listeners) listener();
  }
}

/** What the launcher makes of a founding. Names are those that Managed Blockchain would give, in a domain of ours. */
function configOf(founding: Founding): NetworkConfig {
  const { networkId, name, description, frameworkVersion, edition, policy, memberLimit, simulatedClock, region } =
    founding;
  const { memberId, name: memberName, description: memberDescription, accountId } = founding.member;
  // Whatever a network file may leave out is here as it would be there.
  const usual = parseNetworkObject({ network: "usual", members: [{ name: "Usual", peers: [] }] });
  return {
    ...usual,
    name: networkId,
    networkId,
    members: [
      {
        name: memberName,
        memberId,
        account: accountId,
        ...(memberDescription === undefined ? {} : { description: memberDescription }),
        domain: `${memberId.toLowerCase()}.hansa`,
        mspId: memberId,
        caPort: undefined,
        peers: [],
        users: ["User1"],
      },
    ],
    orderer: { ...usual.orderer, domain: `${networkId.toLowerCase()}.hansa` },
    channelEndorsement: "any",
    governance: {
      ...usual.governance,
      policy,
      rules: { ...usual.governance.rules, memberLimit, simulatedClock },
      edition,
      name,
      ...(description === undefined ? {} : { description }),
      frameworkVersion,
      ...(region === undefined ? {} : { region }),
    },
  };
}

async function foundedSoon(network: RemoteNetwork): Promise<void> {
  if (network.founded !== undefined) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      unsubscribe();
      reject(
        new HansaError("TIMED_OUT", `The network in ${network.layout.root} runs and is not founded.`, {
          nextStep: `Read why in ${network.layout.log("supervisor")}`,
        }),
      );
    }, FOUNDED_WITHIN_MS);
    const unsubscribe = network.onGovernance(() => {
      clearTimeout(timer);
      unsubscribe();
      resolve();
    });
  });
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}
