import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { HansaError } from "@hansa/primitives";
import type { Command } from "../command.js";
import { locateNetwork, runningSupervisor } from "../locate.js";
import { theChannel } from "./channel-option.js";

export const deploy: Command = {
  name: "contract deploy",
  summary: "install, approve and commit a contract on every member's peers",
  usage: "<folder or package>",
  details:
    "A contract that changed since the last time is deployed anew, under the next sequence number. A folder with connection.json is deployed as a service: its server, in whatever language, is yours to start.",
  options: {
    name: { type: "string", value: "name", about: "the contract's name; its package.json's unless given" },
    channel: { type: "string", short: "c", value: "name", about: "the channel; the network's only one unless given" },
    version: { type: "string", value: "version", about: "the version of the definition; 1.0 unless given" },
    endorsement: { type: "string", value: "policy", about: "majority (the default), all, any, or a signature policy" },
    collections: { type: "string", value: "file", about: "the contract's private data collections" },
    "init-required": { type: "boolean", about: "the contract's Init must be called first" },
  },
  positionals: { min: 1, max: 1 },
  examples: ["hansa contract deploy ./my-contract", "hansa contract deploy asset.tgz --name asset --endorsement any"],
  async run(call) {
    const view = await locateNetwork(call);
    await runningSupervisor(view);
    const source = path.resolve(call.io.cwd, call.options.positionals[0]!);
    const collections = call.options.text("collections");
    try {
      const startedAt = performance.now();
      const result = await view.deploy(
        {
          name: call.options.text("name") ?? (await nameOf(source)),
          channel: theChannel(call, view),
          path: source,
          version: call.options.text("version"),
          endorsement: call.options.text("endorsement"),
          collections: collections === undefined ? undefined : path.resolve(call.io.cwd, collections),
          initRequired: call.options.flag("init-required"),
        },
        (step) => call.progress(step),
      );
      const ms = Math.round(performance.now() - startedAt);
      const done = result.changed
        ? `Contract ${result.name} ${result.version} is deployed on ${result.channel}, sequence ${result.sequence}, block ${result.blockNumber} (${ms} ms).\n`
        : `Contract ${result.name} ${result.version} is deployed on ${result.channel} already, sequence ${result.sequence}.\n`;
      const start = howToStart(await serviceAddresses(source), result.packageId);
      return { data: { ...result, ms }, text: `${done}Package: ${result.packageId}\n${start}` };
    } finally {
      view.closeConnections();
    }
  },
};

/** Where the servers of a contract are that runs as a service, each with whose peers ask it; none for other contracts. */
async function serviceAddresses(source: string): Promise<[whose: string, address: string][]> {
  const text = await readFile(path.join(source, "connection.json"), "utf8").catch(() => undefined);
  if (text === undefined) return [];
  const { address, addresses } = JSON.parse(text) as { address: string; addresses?: Record<string, string> | null };
  return [["", address], ...Object.entries(addresses ?? {})];
}

function howToStart(addresses: readonly [string, string][], packageId: string): string {
  if (addresses.length === 0) return "";
  const [[, first], ...others] = addresses as [[string, string], ...[string, string][]];
  const where = [`at ${first}`, ...others.map(([mspId, address]) => `for ${mspId} at ${address}`)].join(", ");
  return (
    `It runs as a service: its server is yours to start, ${where}, with CHAINCODE_ID=${packageId} ` +
    "(CORE_CHAINCODE_ID_NAME for Go's contract API).\n"
  );
}

/** The name that package.json gives a contract. @throws HansaError CONTRACT_NOT_FOUND, USAGE */
export async function nameOf(source: string): Promise<string> {
  if (!existsSync(source))
    throw new HansaError("CONTRACT_NOT_FOUND", `There is no contract at ${source}.`, {
      nextStep: "Give the contract's folder, or a chaincode package.",
    });
  const text = await readFile(path.join(source, "package.json"), "utf8").catch(() => undefined);
  const name: unknown = text === undefined ? undefined : safeName(text);
  if (typeof name === "string" && /^[a-zA-Z0-9]+([-_][a-zA-Z0-9]+)*$/.test(name)) return name;
  throw new HansaError("USAGE", `The name of the contract in ${source} is not known.`, {
    nextStep: "Give it with --name.",
  });
}

function safeName(text: string): unknown {
  try {
    return (JSON.parse(text) as { name?: unknown }).name;
  } catch {
    return undefined;
  }
}
