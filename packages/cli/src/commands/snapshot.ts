import path from "node:path";
import { findSupervisor, type NetworkView, PeerSnapshots, StoppedPeer } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call, Command } from "../command.js";
import { locateNetwork, onRunningNetwork } from "../locate.js";
import { type OptionDefinition, wholeNumber } from "../options.js";

const NODE: OptionDefinition = {
  type: "string",
  value: "node",
  about: "the peer, e.g. peer0.brewery; the network's first one unless given",
};

export const snapshotSubmit: Command = {
  name: "snapshot submit",
  summary: "have a peer write a snapshot of a channel",
  usage: "<channel>",
  details:
    "The peer writes it at the newest block, or when a later block is committed, and goes on committing meanwhile. The\n" +
    "files are those that a Fabric peer writes for the same ledger.",
  options: {
    node: NODE,
    block: { type: "string", short: "b", value: "block", about: "the block; the newest unless given" },
  },
  positionals: { min: 1, max: 1 },
  examples: ["hansa snapshot submit deliveries", "hansa snapshot submit deliveries --block 1000 --node peer0.pub"],
  async run(call) {
    return onPeer(call, async (peer) => {
      const channel = call.options.positionals[0]!;
      const block = wholeNumber(call.options, "block", 0);
      await peer.submit(channel, block);
      const when = block === 0 ? "its newest block" : `block ${block}`;
      const folder = path.dirname(peer.folder(channel, block));
      return {
        data: { peer: peer.id, channel, block, folder },
        text: `${peer.id} writes a snapshot of ${channel} at ${when}, into a folder of ${folder}.\n`,
      };
    });
  },
};

export const snapshotList: Command = {
  name: "snapshot list",
  summary: "the snapshots of a channel that a peer has still to write",
  usage: "<channel>",
  options: { node: NODE },
  positionals: { min: 1, max: 1 },
  examples: ["hansa snapshot list deliveries"],
  async run(call) {
    return onPeer(call, async (peer) => {
      const channel = call.options.positionals[0]!;
      const blocks = await peer.pending(channel);
      const text = blocks.length === 0 ? "No snapshot is pending.\n" : blocks.map((block) => `${block}\n`).join("");
      return { data: { peer: peer.id, channel, blocks }, text };
    });
  },
};

export const snapshotCancel: Command = {
  name: "snapshot cancel",
  summary: "take back what was asked with snapshot submit",
  usage: "<channel> <block>",
  options: { node: NODE },
  positionals: { min: 2, max: 2 },
  examples: ["hansa snapshot cancel deliveries 1000"],
  async run(call) {
    return onPeer(call, async (peer) => {
      const [channel, text] = call.options.positionals as [string, string];
      if (!/^\d{1,15}$/.test(text)) throw new HansaError("USAGE", `"${text}" is not the number of a block.`);
      await peer.cancel(channel, Number(text));
      return {
        data: { peer: peer.id, channel, block: Number(text) },
        text: `${peer.id} writes no snapshot of ${channel} at block ${text}.\n`,
      };
    });
  },
};

export const snapshotJoin: Command = {
  name: "snapshot join",
  summary: "have a peer join a channel by a snapshot",
  usage: "<folder>",
  details:
    "The folder holds a snapshot that a peer of ours or of Fabric wrote. While the network is stopped, the snapshot is\n" +
    "put in place at once, for a peer that is not on the channel or has unjoined it.",
  options: { node: NODE },
  positionals: { min: 1, max: 1 },
  examples: ["hansa snapshot join snapshots/deliveries/1000 --node peer1.brewery"],
  async run(call) {
    const view = await locateNetwork(call);
    const folder = path.resolve(call.io.cwd, call.options.positionals[0]!);
    const startedAt = performance.now();
    const running = (await findSupervisor(view.layout)) !== undefined;
    const joined = async (peer: { join(): Promise<string> }) => {
      const channel = await peer.join();
      const ms = Math.round(performance.now() - startedAt);
      return { data: { channel, folder, ms }, text: `${channel} was joined by the snapshot (${ms} ms).\n` };
    };
    if (running) return onPeer(call, (peer) => joined({ join: () => peer.join(folder) }));
    const stopped = StoppedPeer.ofNetwork(view, nodeOf(call, view));
    return joined({ join: () => stopped.joinBySnapshot(folder) });
  },
};

function onPeer<T>(call: Call, work: (peer: PeerSnapshots) => Promise<T>): Promise<T> {
  return onRunningNetwork(call, (view) => work(new PeerSnapshots(view, nodeOf(call, view))));
}

function nodeOf(call: Call, view: NetworkView): string {
  return call.options.text("node") ?? view.plan.nodes.find(({ kind }) => kind === "peer")?.id ?? "";
}
