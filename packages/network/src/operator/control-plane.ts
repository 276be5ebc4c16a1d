/** The Managed Blockchain API over the networks of one data folder. */
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { Account, ControlPlaneConfig, Listener } from "@hansa/control-plane";
import { HansaError, type Logger, silentLogger } from "@hansa/primitives";
import { askStop, findSupervisor } from "../control/control-client.js";
import { readIdentityFile } from "../identity/material.js";
import { lockFolder } from "../launch/lock.js";
import { NetworkView } from "../library/network-view.js";
import { nodeProgram } from "../library/start-network.js";
import { Layout } from "../plan/layout.js";
import { credentialsFile, loadAccounts, readAccounts } from "./accounts.js";
import { DataHome } from "./data-home.js";
import { detachedLauncher, inlineLauncher } from "./launchers.js";
import { resumeNetworks } from "./resume.js";
import { ownCertificate } from "./tls.js";

export type ControlPlaneOptions = {
  /** Where networks keep their data, and the control plane its own; a temporary folder, gone at the stop, unless given. */
  readonly dataFolder?: string;
  /** How networks run that are created here: each in processes of its own (the default), or all in this one. */
  readonly mode?: "processes" | "inline";
  /** Those served, or the file that lists them; three with drawn keys unless given. */
  readonly accounts?: readonly Account[] | string;
  /** Of the API on loopback; a free one unless given. */
  readonly port?: number;
  /** HTTPS besides: with a certificate made for loopback, or with the one in these files. None unless given. */
  readonly https?: { readonly port?: number; readonly certFile?: string; readonly keyFile?: string };
  /** Whether networks that were created through the API and are stopped are started again; true unless given. */
  readonly resume?: boolean;
  /** The program that runs a supervisor when called with `supervisor`; Hansa's own unless given. */
  readonly entry?: string;
  readonly logger?: Logger;
} & Partial<
  Pick<
    ControlPlaneConfig,
    "auth" | "region" | "quotas" | "createDelayMs" | "endpoints" | "simulatedClock" | "events" | "prices" | "clock"
  >
>;

export type RunningControlPlane = {
  /** For AWS_ENDPOINT_URL_MANAGEDBLOCKCHAIN. */
  readonly url: string;
  /** The same over HTTPS, and the file with the root to trust; undefined unless asked for. */
  readonly https: { readonly url: string; readonly caFile: string } | undefined;
  readonly region: string;
  readonly dataFolder: string;
  readonly accounts: readonly Account[];
  /** For AWS_SHARED_CREDENTIALS_FILE. */
  readonly credentialsFile: string;
  readonly operator: DataHome;
  /**
   * A network as an application's developer sees it, with what its members are now:
   * `(await controlPlane.network(id)).member("Brewery").gateway()`. Its connections close at the stop.
   * @throws HansaError NO_NETWORK
   */
  network(networkId: string): Promise<NetworkView>;
  /** Resolves when nothing that was asked for is under way any more. */
  idle(): Promise<void>;
  /** Stops the API, and the networks that run in this process. Others go on. */
  stop(): Promise<void>;
};

/**
 * Serves the API in this process.
 *
 *     const controlPlane = await startControlPlane({ mode: "inline" });
 *     const client = new ManagedBlockchainClient({ endpoint: controlPlane.url, … });
 *     …
 *     await controlPlane.stop();
 *
 * @throws HansaError IN_USE when another one serves this data folder, ACCOUNTS, PORT_IN_USE
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<RunningControlPlane> {
  const { mode = "processes", logger = silentLogger, region = "us-east-1" } = options;
  // Loaded here, so that commands which only look do not pay for it.
  const { Store, startControlPlaneServer } = await import("@hansa/control-plane");
  const temporary = options.dataFolder === undefined ? await mkdtemp(path.join(os.tmpdir(), "hansa-")) : undefined;
  const dataFolder = path.resolve(options.dataFolder ?? temporary!);
  const closing: (() => Promise<unknown>)[] = [
    async () => {
      if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
    },
  ];
  const close = async () => {
    for (const each of closing.splice(0).reverse()) await each();
  };
  try {
    const folder = controlPlaneFolder(dataFolder);
    closing.push(await lock(folder));
    const accounts = await accountsOf(folder, options.accounts);
    const launcher =
      mode === "inline"
        ? inlineLauncher(nodeProgram(), logger)
        : detachedLauncher(options.entry ?? nodeProgram(), logger);
    closing.push(() => launcher.close());
    const operator = await DataHome.open({
      dataFolder,
      launch: (config, layout) => launcher.launch(config, layout),
      logger,
    });
    closing.push(() => operator.close());
    // Nobody could find them again.
    if (temporary !== undefined && mode === "processes") closing.push(() => stopNetworks(operator));
    const store = Store.open(folder, logger);
    closing.push(() => store.close());
    const https = options.https === undefined ? undefined : await httpsOf(folder, region, options.https);
    const server = await startControlPlaneServer({
      ...serverOptions(options),
      operator,
      store,
      accounts,
      region,
      listen: [{ address: `127.0.0.1:${options.port ?? 0}` }, ...(https === undefined ? [] : [https.listener])],
      logger,
    });
    closing.push(() => server.stop());
    if (options.resume !== false) closing.push(resumeNetworks(operator, launcher, logger));
    const views = new Set<NetworkView>();
    closing.push(async () => {
      for (const view of views) view.closeConnections();
    });
    const [http, secure] = server.listening;
    return {
      url: http!.url,
      https: https === undefined ? undefined : { url: secure!.url, caFile: https.caFile },
      region,
      dataFolder,
      accounts,
      credentialsFile: credentialsFile(folder),
      operator,
      network: async (networkId) => {
        const known = operator.network(networkId);
        if (known === undefined)
          throw new HansaError("NO_NETWORK", `There is no network ${networkId} in ${dataFolder}.`);
        const view = await NetworkView.open(known.layout);
        views.add(view);
        return view;
      },
      idle: () => server.idle(),
      stop: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function httpsOf(
  folder: string,
  region: string,
  { port = 0, certFile, keyFile }: NonNullable<ControlPlaneOptions["https"]>,
): Promise<{ readonly listener: Listener; readonly caFile: string }> {
  const address = `127.0.0.1:${port}`;
  if (certFile === undefined || keyFile === undefined) {
    const { certPem, keyPem, caFile } = await ownCertificate(folder, region);
    return { listener: { address, tls: { certPem, keyPem } }, caFile };
  }
  const [certPem, keyPem] = await Promise.all([readIdentityFile(certFile), readIdentityFile(keyFile)]);
  return { listener: { address, tls: { certPem, keyPem } }, caFile: certFile };
}

async function stopNetworks(operator: DataHome): Promise<void> {
  await Promise.allSettled(
    operator.networks().map(async ({ layout }) => {
      const supervisor = await findSupervisor(layout);
      if (supervisor !== undefined) await askStop(supervisor);
    }),
  );
}

/** Where the control plane of a data folder keeps its own. */
export function controlPlaneFolder(dataFolder: string): string {
  return path.join(dataFolder, "control-plane");
}

/** @throws HansaError IN_USE */
async function lock(folder: string): Promise<() => Promise<void>> {
  try {
    return await lockFolder(new Layout(folder));
  } catch (cause) {
    if (!(cause instanceof HansaError) || cause.code !== "IN_USE") throw cause;
    throw new HansaError("IN_USE", `A control plane serves ${path.dirname(folder)} already.`, {
      cause,
      nextStep: "Use it, or stop it with: hansa control-plane down",
    });
  }
}

async function accountsOf(folder: string, given: ControlPlaneOptions["accounts"]): Promise<readonly Account[]> {
  if (given === undefined) return loadAccounts(folder);
  return loadAccounts(folder, typeof given === "string" ? await readAccounts(given) : given);
}

function serverOptions(options: ControlPlaneOptions) {
  const { auth, quotas, createDelayMs, endpoints, simulatedClock, events, prices, clock } = options;
  const given = { auth, quotas, createDelayMs, endpoints, simulatedClock, events, prices, clock };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as typeof options;
}
