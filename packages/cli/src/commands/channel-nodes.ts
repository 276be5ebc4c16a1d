/** A channel's blocks and the nodes that have it: what `peer channel` and `osnadmin channel` do. */

import { existsSync } from "node:fs";
import path from "node:path";
import { type BlockChoice, blockToJson, type ChannelSummary, NodeChannels, summarizeChannel } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call, Command } from "../command.js";
import { onRunningNetwork } from "../locate.js";
import { table } from "../output.js";
import { readBytes, writeResult } from "./files.js";

const NODE = {
  type: "string",
  value: "node",
  about: "as hansa status names it, e.g. peer0.brewery or orderer",
} as const;

export const channelInfo: Command = {
  name: "channel info",
  summary: "a channel's members, rules and settings, and how far each node is",
  usage: "<channel>",
  positionals: { min: 1, max: 1 },
  examples: ["hansa channel info deliveries"],
  async run(call) {
    return onRunningNetwork(call, async (view) => {
      const data = await summarizeChannel(view, call.options.positionals[0]!);
      return { data, text: summaryText(data) };
    });
  },
};

export const channelFetch: Command = {
  name: "channel fetch",
  summary: "a block of a channel, as a file or as JSON",
  usage: "<channel> [newest|oldest|config|<number>]",
  details:
    "config is the block with the configuration in force. The JSON has the shape that Fabric's configtxlator gives.",
  options: {
    output: { type: "string", short: "o", value: "file", about: "write the block there, as Fabric's tools do" },
  },
  positionals: { min: 1, max: 2 },
  examples: ["hansa channel fetch deliveries newest", "hansa channel fetch deliveries config --output config.block"],
  async run(call) {
    return onRunningNetwork(call, async (view) => {
      const [channel, which = "newest"] = call.options.positionals as [string, string?];
      const settings = await view.settings(channel);
      const block = await settings.block(choiceOf(which));
      if (call.options.text("output") !== undefined) return writeResult(call, undefined, block);
      const data = blockToJson(block);
      return { data, text: `${JSON.stringify(data, undefined, 2)}\n` };
    });
  },
};

export const channelJoin: Command = {
  name: "channel join",
  summary: "have a node join a channel",
  usage: "<channel|genesis.block>",
  details:
    "Of a channel that the orderer has, a peer needs the name only. The orderer takes up a channel by its genesis block.",
  options: { node: NODE },
  positionals: { min: 1, max: 1 },
  examples: ["hansa channel join deliveries --node peer1.brewery", "hansa channel join handmade.block --node orderer"],
  async run(call) {
    return onRunningNetwork(call, async (view) => {
      const wanted = call.options.positionals[0]!;
      const node = new NodeChannels(view, nodeOf(call));
      const isFile = existsSync(path.resolve(call.io.cwd, wanted));
      const block = isFile ? await readBytes(call, wanted) : await (await view.settings(wanted)).block("oldest");
      await node.join(block);
      const channels = await node.list();
      return { data: { node: node.id, channels }, text: `${node.id} has joined; it has ${channels.join(", ")}.\n` };
    });
  },
};

export const channelLeave: Command = {
  name: "channel leave",
  summary: "have the orderer give up a channel, with its blocks",
  usage: "<channel>",
  options: {
    node: NODE,
    force: { type: "boolean", about: "although the network brings the channel back when it starts the next time" },
  },
  positionals: { min: 1, max: 1 },
  examples: ["hansa channel leave handmade --node orderer"],
  async run(call) {
    return onRunningNetwork(call, async (view) => {
      const channel = call.options.positionals[0]!;
      const node = new NodeChannels(view, nodeOf(call));
      if (view.config.channels.some(({ name }) => name === channel) && !call.options.flag("force"))
        throw new HansaError(
          "USAGE",
          `${channel} is one of the network's own channels: its next start brings it back.`,
          {
            nextStep: "To have the orderer forget its blocks all the same: --force.",
          },
        );
      await node.leave(channel);
      return { data: { node: node.id, channel, left: true }, text: `${node.id} has given up ${channel}.\n` };
    });
  },
};

function nodeOf(call: Call): string {
  const node = call.options.text("node");
  if (node !== undefined) return node;
  throw new HansaError("USAGE", "It is not said which node.", { nextStep: "Name it with --node; see: hansa status" });
}

function choiceOf(which: string): BlockChoice {
  if (which === "newest" || which === "oldest" || which === "config") return which;
  if (/^\d{1,15}$/.test(which)) return Number(which);
  throw new HansaError("USAGE", `"${which}" is no block.`, { nextStep: "Give newest, oldest, config or a number." });
}

function summaryText(summary: ChannelSummary): string {
  const { batch, capabilities, policies, nodes } = summary;
  const settings = [
    ["members", summary.members.map(({ mspId }) => mspId).join(", ")],
    ["orderer", `${summary.ordererOrganizations.join(", ")} at ${summary.ordererEndpoints.join(", ")}`],
    ["configuration", `${summary.sequence}, in block ${summary.configBlock}`],
    ["batches", `${batch.maxMessageCount} transactions, ${batch.preferredMaxBytes} bytes or ${batch.timeoutMs} ms`],
    ["largest message", `${batch.absoluteMaxBytes} bytes`],
    [
      "capabilities",
      Object.entries(capabilities)
        .map(([level, names]) => `${level} ${names.join(" ")}`)
        .join(", "),
    ],
    ...Object.entries(policies),
  ];
  const rows = nodes.map(({ node, height, state, blockHash }) => [
    node,
    height === undefined ? "-" : String(height),
    blockHash.slice(0, 12),
    state,
  ]);
  return `${table(settings)}\n${table([["node", "height", "newest block", "state"], ...rows])}`;
}
