import path from "node:path";
import {
  awaitedChanges,
  findSupervisor,
  Layout,
  type NetworkConfig,
  NetworkView,
  orderingWith,
  type StartReport,
  startDetached,
} from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call, Command, Result } from "../command.js";
import { commandFor, dataRoot, hasNetworkFile, knownLayout, readNetworkFile } from "../locate.js";
import { wholeNumber } from "../options.js";
import { asTyped, shellWord, table } from "../output.js";

export const up: Command = {
  name: "up",
  endsTidily: true,
  summary: "start a network; it stays up in the background and heals itself",
  usage: "[network-file]",
  details:
    "Without a network file it reads hansa.yaml here, or starts the network that the data folder has, or the example\n" +
    "network. A network that exists already is started again with all its data; channels and contracts new in the file\n" +
    "are added. --network starts one of the data folder as it was, without a file.",
  options: {
    mode: { type: "string", value: "mode", about: "processes or inline, in place of what the file says" },
    engine: { type: "string", value: "engine", about: "embedded or jetstream, in place of what the file says" },
    orderers: { type: "string", value: "count", about: "how many orderers, in place of what the file says" },
  },
  positionals: { min: 0, max: 1 },
  examples: [
    "hansa up",
    "hansa up two-members",
    "hansa up --orderers 3 --engine jetstream",
    "hansa up --network coffee",
  ],
  async run(call) {
    const read = await wantedNetwork(call);
    const config = { ...read, mode: modeOf(call, read), ordering: orderingOf(call, read) };
    const layout = new Layout(path.join(dataRoot(call), config.name));
    if ((await findSupervisor(layout)) !== undefined) {
      const awaited = await awaitedChanges(config, layout);
      const view = await NetworkView.open(layout);
      const headline = `Network ${config.name} is running already.`;
      const [file = "hansa.yaml"] = call.options.positionals;
      const advice = `Its next start follows them: ${commandFor(call, layout, "down")}; hansa up ${shellWord(file)}`;
      const changes = `These settings differ from what runs: ${awaited.join(", ")}.\n${asTyped(advice, call.io.env)}`;
      return describe(view, awaited.length === 0 ? headline : `${headline}\n${changes}`, undefined, call, awaited);
    }
    const startedAt = performance.now();
    const report = await startDetached({
      config,
      layout,
      entry: process.argv[1]!,
      onProgress: ({ step, ms }) => call.progress(`${step} (${ms} ms)`),
      interrupted: call.interrupted,
    });
    const view = await NetworkView.open(layout);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    return describe(view, `Network ${config.name} is up (${seconds} s).`, report, call);
  },
};

/** The network of a file, or one that the data folder has. */
async function wantedNetwork(call: Call): Promise<NetworkConfig> {
  const [file] = call.options.positionals;
  const named = call.options.text("network");
  if (file !== undefined || (named === undefined && hasNetworkFile(call.io.cwd))) {
    const config = await readNetworkFile(call.io.cwd, file);
    if (named === undefined || named === config.name) return config;
    throw new HansaError("USAGE", `${file} is the file of network ${config.name}, not of ${named}.`, {
      nextStep: "Give a network file, or --network for one that the data folder has.",
    });
  }
  const layout = await knownLayout(call);
  if (layout === undefined) return readNetworkFile(call.io.cwd, undefined);
  const view = await NetworkView.open(layout);
  view.closeConnections();
  return view.config;
}

function modeOf(call: Call, config: NetworkConfig): NetworkConfig["mode"] {
  const mode = call.options.text("mode") ?? config.mode;
  if (mode === "processes" || mode === "inline") return mode;
  throw new HansaError("USAGE", `--mode is "${mode}"; expected processes or inline.`);
}

function orderingOf(call: Call, { ordering }: NetworkConfig): NetworkConfig["ordering"] {
  const engine = call.options.text("engine") ?? ordering.engine;
  if (engine !== "embedded" && engine !== "jetstream")
    throw new HansaError("USAGE", `--engine is "${engine}"; expected embedded or jetstream.`);
  if (call.options.text("orderers") === undefined) return orderingWith(ordering, { engine });
  return orderingWith(ordering, { engine, orderers: wholeNumber(call.options, "orderers", 1) });
}

function describe(
  view: NetworkView,
  headline: string,
  report: StartReport | undefined,
  call: Call,
  awaited: readonly string[] = [],
): Result {
  const { bold, dim } = call.paint;
  const organizations = path.join(view.layout.root, "organizations");
  const orderer = view.orderer;
  const members = view.members.map((member) => ({
    name: member.name,
    mspId: member.mspId,
    peers: member.peers,
    ca: member.caAddress,
    users: member.users,
  }));
  const orderers = view.plan.nodes
    .filter(({ kind }) => kind === "orderer" || kind === "nats")
    .map(({ id }) => ({ id, address: `127.0.0.1:${view.state.ports[id]?.port}` }));
  const data = {
    network: view.name,
    mode: view.config.mode,
    dataFolder: view.layout.root,
    identities: organizations,
    orderer: { address: orderer.address, adminAddress: orderer.adminAddress },
    ordering: { engine: view.config.ordering.engine, nodes: orderers },
    members,
    channels: view.config.channels.map((channel) => ({ name: channel.name, members: channel.members })),
    contracts: view.state.contracts,
    phases: report?.phases ?? [],
    awaitedChanges: awaited,
  };
  const rows = [
    ["", "node", "address"],
    ...orderers.map(({ id, address }) => ["Orderer", id, address]),
    ...members.flatMap((member) => [
      ...member.peers.map((peer) => [member.name, peer.id, peer.address]),
      ["", "certificate authority", member.ca],
    ]),
  ];
  const channels = view.config.channels.map((channel) => {
    const contracts = view.state.contracts.filter((contract) => contract.channel === channel.name);
    const shown = contracts.map((contract) => `${contract.name} ${contract.version}`).join(", ");
    return `Channel ${bold(channel.name)}: ${channel.members.join(", ")}${shown === "" ? "" : `; contracts ${shown}`}\n`;
  });
  const first = members[0]!.name;
  const contract = view.state.contracts[0]?.name;
  const next = [
    commandFor(call, view.layout, "status"),
    contract === undefined
      ? commandFor(call, view.layout, "contract deploy <folder>")
      : commandFor(call, view.layout, `query ${contract} org.hyperledger.fabric:GetMetadata`),
    `eval "$(${commandFor(call, view.layout, `env ${first}`)})"`,
    commandFor(call, view.layout, "down"),
  ];
  return {
    data,
    text: [
      `${bold(headline)}\n\n`,
      table(rows),
      "\n",
      ...channels,
      `Identities: ${organizations}\n`,
      `Logs: ${view.layout.logs}\n`,
      "\nNext:\n",
      ...next.map((line) => `  ${dim(asTyped(line, call.io.env))}\n`),
    ].join(""),
  };
}
