import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  didYouMean,
  fileFault,
  findSupervisor,
  Layout,
  type NetworkConfig,
  NetworkView,
  parseNetworkFile,
  type SupervisorRecord,
} from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call } from "./command.js";
import { shellWord } from "./output.js";

/** The folder that holds networks' data. */
export function dataRoot(call: Call): string {
  return path.resolve(call.io.cwd, call.options.text("dir") ?? ".hansa");
}

/**
 * The network a command is about: the one named, or the only one there is, or the only one that runs.
 * @throws HansaError NO_NETWORK
 */
export async function locateNetwork(call: Call): Promise<NetworkView> {
  return NetworkView.open(await locateLayout(call));
}

export async function locateLayout(call: Call): Promise<Layout> {
  const layout = await knownLayout(call);
  if (layout !== undefined) return layout;
  throw new HansaError("NO_NETWORK", `There is no network in ${dataRoot(call)}.`, {
    nextStep: "Start one with: hansa up",
  });
}

/**
 * The same; undefined when the data folder holds no network and none is named.
 * @throws HansaError NO_NETWORK when the one that is named is not there, or it is not clear which one is meant
 */
export async function knownLayout(call: Call): Promise<Layout | undefined> {
  const root = dataRoot(call);
  const names = networksIn(root);
  const wanted = call.options.text("network");
  if (wanted !== undefined) {
    if (names.includes(wanted)) return new Layout(path.join(root, wanted));
    const named = names.filter((name) => givenName(path.join(root, name)) === wanted);
    if (named.length === 1) return new Layout(path.join(root, named[0]!));
    throw new HansaError("NO_NETWORK", `There is no network "${wanted}" in ${root}.${didYouMean(wanted, names)}`, {
      nextStep: names.length === 0 ? "Start one with: hansa up" : `Use one of: ${names.join(", ")}.`,
    });
  }
  if (names.length === 0) return undefined;
  const layouts = names.map((name) => new Layout(path.join(root, name)));
  if (layouts.length === 1) return layouts[0]!;
  const running: Layout[] = [];
  for (const layout of layouts) if ((await findSupervisor(layout)) !== undefined) running.push(layout);
  if (running.length === 1) return running[0]!;
  throw new HansaError("NO_NETWORK", `There are ${names.length} networks in ${root}: ${names.join(", ")}.`, {
    nextStep: "Choose one with --network <name>.",
  });
}

/** @throws HansaError NOT_RUNNING */
export async function runningSupervisor(view: NetworkView): Promise<SupervisorRecord> {
  const supervisor = await findSupervisor(view.layout);
  if (supervisor !== undefined) return supervisor;
  throw new HansaError("NOT_RUNNING", `Network ${view.name} is not running.`, {
    nextStep: `Start it with: hansa up --network ${path.basename(view.layout.root)}`,
  });
}

/**
 * Does some work on the network a command is about, which has to run.
 * @throws HansaError NO_NETWORK, NOT_RUNNING, and what the work throws
 */
export async function onRunningNetwork<T>(call: Call, work: (view: NetworkView) => Promise<T>): Promise<T> {
  const view = await locateNetwork(call);
  await runningSupervisor(view);
  try {
    return await work(view);
  } finally {
    view.closeConnections();
  }
}

/** A command as it reaches a network from here, e.g. hansa status --network coffee. */
export function commandFor(call: Call, layout: Layout, command: string): string {
  const root = path.dirname(layout.root);
  const dir = call.options.text("dir");
  const folder = dir === undefined ? "" : ` --dir ${shellWord(dir)}`;
  const network = networksIn(root).length > 1 || call.options.text("network") !== undefined;
  return `hansa ${command}${network ? ` --network ${path.basename(layout.root)}` : ""}${folder}`;
}

function networksIn(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && isNetwork(path.join(root, entry.name)))
    .map((entry) => entry.name)
    .sort();
}

/** Also when one of its files is gone: `down --wipe` has to find it. */
function isNetwork(folder: string): boolean {
  return ["network.json", "state.json"].some((file) => existsSync(path.join(folder, file)));
}

/** What a network that was made through the control plane is called; its folder is called by its id. */
function givenName(folder: string): string | undefined {
  try {
    const { governance } = JSON.parse(readFileSync(new Layout(folder).networkFile, "utf8")) as NetworkConfig;
    return governance.name;
  } catch {
    // A damaged file is reported by whoever opens that network.
    return undefined;
  }
}

/** Networks that come with Hansa, beside the program. */
export const SHIPPED_NETWORKS = fileURLToPath(new URL("./network-configs/", import.meta.url));

const DEFAULT_FILES = ["hansa.yaml", "hansa.yml"];
const DEFAULT_NETWORK = "beer-supply-chain";

/** Whether a network file lies here that needs no naming. */
export function hasNetworkFile(cwd: string): boolean {
  return DEFAULT_FILES.some((name) => existsSync(path.join(cwd, name)));
}

/**
 * Reads the network file a user means: a path, the name of a network that comes with Hansa, or, without either,
 * hansa.yaml here or the example network.
 * @throws HansaError NETWORK_FILE, NETWORK_FILE_MISSING
 */
export async function readNetworkFile(cwd: string, wanted: string | undefined): Promise<NetworkConfig> {
  const file = networkFilePath(cwd, wanted);
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new HansaError("NETWORK_FILE_MISSING", `The network file ${file} cannot be read: ${fileFault(cause)}.`, {
      cause,
    });
  });
  const shown = path.relative(cwd, file);
  return parseNetworkFile(text, shown.startsWith("..") ? file : shown, (relative) =>
    path.resolve(path.dirname(file), relative),
  );
}

function networkFilePath(cwd: string, wanted: string | undefined): string {
  const shipped = (name: string) => path.join(SHIPPED_NETWORKS, `${name}.yaml`);
  if (wanted === undefined) {
    const here = DEFAULT_FILES.map((name) => path.join(cwd, name)).find((file) => existsSync(file));
    return here ?? shipped(DEFAULT_NETWORK);
  }
  const file = path.resolve(cwd, wanted);
  if (existsSync(file)) return file;
  if (/^[a-z][a-z0-9-]*$/.test(wanted) && existsSync(shipped(wanted))) return shipped(wanted);
  const names = existsSync(SHIPPED_NETWORKS)
    ? readdirSync(SHIPPED_NETWORKS)
        .filter((name) => name.endsWith(".yaml"))
        .map((name) => name.replace(".yaml", ""))
    : [];
  throw new HansaError("NETWORK_FILE_MISSING", `There is no network file ${file}.${didYouMean(wanted, names)}`, {
    nextStep: `Give a file, or a network that comes with Hansa: ${names.join(", ")}.`,
  });
}
