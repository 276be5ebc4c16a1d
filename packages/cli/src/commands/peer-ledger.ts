/** What Fabric's `peer node` does to the ledgers of a peer that does not run. */
import { StoppedPeer } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call, Command } from "../command.js";
import { locateNetwork } from "../locate.js";
import type { OptionDefinition } from "../options.js";

const NODE: OptionDefinition = {
  type: "string",
  value: "node",
  about: "a peer of a network, e.g. peer0.brewery; that of core.yaml in FABRIC_CFG_PATH unless given",
};
const CHANNEL: OptionDefinition = { type: "string", short: "c", value: "channel", about: "the channel" };

/** What all of them have in common. */
const VERB = { usage: "", positionals: { min: 0, max: 0 }, failsWith: 1 } as const;

export const peerNodeRollback: Command = {
  ...VERB,
  name: "peer node rollback",
  summary: "take a channel of a stopped peer back to a block",
  details:
    "When the peer starts again, it fetches the blocks that were taken away from an orderer. A channel that began with\n" +
    "a snapshot cannot go back.",
  options: {
    node: NODE,
    channelID: CHANNEL,
    blockNumber: { type: "string", short: "b", value: "block", about: "the last block to keep; 0 unless given" },
  },
  examples: ["hansa peer node rollback --node peer0.brewery -c deliveries -b 10"],
  async run(call) {
    const channel = channelOf(call);
    const block = blockOf(call.options.text("blockNumber"));
    const peer = await stoppedPeer(call);
    await peer.rollback(channel, block);
    return {
      data: { peer: peer.name, channel, block },
      text: `${channel} on ${peer.name} is back at block ${block}; the rest comes again when the peer starts.\n`,
    };
  },
};

export const peerNodeReset: Command = {
  ...VERB,
  name: "peer node reset",
  summary: "take all channels of a stopped peer back to their genesis blocks",
  options: { node: NODE },
  examples: ["hansa peer node reset --node peer0.brewery"],
  async run(call) {
    const peer = await stoppedPeer(call);
    const channels = await peer.reset();
    return {
      data: { peer: peer.name, channels },
      text: `${peer.name} is back at the genesis block of ${channels.join(", ") || "no channel"}.\n`,
    };
  },
};

export const peerNodeRebuild: Command = {
  ...VERB,
  name: "peer node rebuild-dbs",
  summary: "have a stopped peer make its states anew from its blocks when it starts",
  options: { node: NODE },
  examples: ["hansa peer node rebuild-dbs --node peer0.brewery"],
  async run(call) {
    const peer = await stoppedPeer(call);
    const channels = await peer.rebuild();
    return {
      data: { peer: peer.name, channels },
      text: `${peer.name} makes the state of ${channels.join(", ") || "no channel"} anew when it starts.\n`,
    };
  },
};

export const peerNodePause: Command = {
  ...VERB,
  name: "peer node pause",
  summary: "have a stopped peer let a channel be from its next start on",
  options: { node: NODE, channelID: CHANNEL },
  examples: ["hansa peer node pause --node peer0.brewery -c deliveries"],
  async run(call) {
    const channel = channelOf(call);
    const peer = await stoppedPeer(call);
    await peer.pause(channel);
    return { data: { peer: peer.name, channel }, text: `${peer.name} will let ${channel} be until it is resumed.\n` };
  },
};

export const peerNodeResume: Command = {
  ...VERB,
  name: "peer node resume",
  summary: "have a stopped peer take up a paused channel when it starts",
  options: { node: NODE, channelID: CHANNEL },
  examples: ["hansa peer node resume --node peer0.brewery -c deliveries"],
  async run(call) {
    const channel = channelOf(call);
    const peer = await stoppedPeer(call);
    await peer.resume(channel);
    return { data: { peer: peer.name, channel }, text: `${peer.name} takes ${channel} up again when it starts.\n` };
  },
};

export const peerNodeUnjoin: Command = {
  ...VERB,
  name: "peer node unjoin",
  summary: "remove a channel from a stopped peer",
  details: "A network's own channels are joined again at its next start, unless they are joined by a snapshot before.",
  options: { node: NODE, channelID: CHANNEL },
  examples: ["hansa peer node unjoin --node peer0.brewery -c deliveries"],
  async run(call) {
    const channel = channelOf(call);
    const peer = await stoppedPeer(call);
    await peer.unjoin(channel);
    return { data: { peer: peer.name, channel }, text: `${peer.name} has nothing of ${channel} any more.\n` };
  },
};

/** Of a network when a node is named, else as Fabric's program would find it. */
async function stoppedPeer(call: Call): Promise<StoppedPeer> {
  const node = call.options.text("node");
  if (node === undefined) return StoppedPeer.ofFiles(call.io.env, call.io.cwd);
  return StoppedPeer.ofNetwork(await locateNetwork(call), node);
}

function channelOf(call: Call): string {
  const channel = call.options.text("channelID");
  if (channel !== undefined && channel !== "") return channel;
  throw new HansaError("USAGE", "Must supply channel ID", { nextStep: "Name the channel with -c." });
}

function blockOf(text = "0"): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new HansaError("USAGE", `--blockNumber is "${text}"; expected the number of a block.`);
}
