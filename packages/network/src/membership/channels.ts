import { readFile, rm } from "node:fs/promises";
import { ChannelConfig, checkChannelId } from "@hansa/channel-config";
import { HansaError, messageOf } from "@hansa/primitives";
import { DEFAULT_BATCH } from "../config/defaults.js";
import type { ChannelDefinition, NetworkConfig } from "../config/network-config.js";
import { readBlock, readCurrentConfig } from "../governance/ordered-channels.js";
import { readIdentity, userFiles } from "../identity/material.js";
import { createGenesisBlock } from "../launch/genesis.js";
import type { NetworkView } from "../library/network-view.js";
import { serverSpec } from "../nodes/specs.js";
import { writeFileDurably } from "../plan/state-file.js";
import { orderedChannelNames } from "./participation.js";
import { bringContractsTo } from "./peers.js";
import type { NewChannel, OrderedChannel, RunningNetwork } from "./running-network.js";

/** See RunningNetwork.createChannel. */
export async function createChannel(network: RunningNetwork, wanted: NewChannel): Promise<void> {
  const { layout, view } = network;
  const { name, batch = DEFAULT_BATCH } = wanted;
  checkChannelId(name);
  const members = wanted.members.map((member) => view.member(member).name);
  const known = network.config().channels.find((channel) => channel.name === name);
  if (members.length === 0 || (known !== undefined && [...known.members].sort().join() !== [...members].sort().join()))
    throw new HansaError(
      "USAGE",
      known === undefined
        ? `Channel ${name} would have no members.`
        : `Channel ${name} exists already, with other members: ${known.members.join(", ")}.`,
      {
        nextStep: known === undefined ? "Name the members that are to be on it." : "Give the new channel another name.",
      },
    );
  if (known === undefined) {
    if ((await orderedChannelNames(view)).includes(name))
      throw new HansaError("USAGE", `Channel ${name} exists already, made by other means.`, {
        nextStep: "Give the new channel another name.",
      });
    const definition = { name, members, batch };
    const rules = {
      ...network.config(),
      channelEndorsement: wanted.endorsement ?? network.config().channelEndorsement,
    };
    // Of an attempt that was cut short before the network knew of the channel; no node has seen it.
    await rm(layout.genesisBlock(name), { force: true });
    await createGenesisBlock(layout, view.plan, view.state.ports, rules, definition);
    await network.change((config) => ({ channels: [...config.channels, definition] }));
    await network.changeState(({ channels }) => ({ channels: [...channels.filter((each) => each !== name), name] }));
  }
  // The orderer first: peers that join follow it at once.
  const orderer = view.plan.nodes.find(({ kind }) => kind === "orderer")!;
  await network.keeper.reconfigure(orderer.id, serverSpec(orderer, view));
  await network.tellNodes({ strict: true });
}

/** See RunningNetwork.channels. */
export async function orderedChannels(view: NetworkView): Promise<OrderedChannel[]> {
  const names = await orderedChannelNames(view);
  return Promise.all(names.map(async (name) => ({ name, mspIds: (await configOf(view, name)).mspIds })));
}

/** See RunningNetwork.followChannels. */
export async function followChannels(network: RunningNetwork): Promise<void> {
  await adoptChannels(network);
  await network.tellNodes();
  const { view, logger } = network;
  const peers = view.plan.nodes.filter(
    ({ id, kind }) => kind === "peer" && !network.state().unfinished?.includes(id) && network.keeper.has(id),
  );
  // One member's peers one after the other, so that it approves a definition once.
  await Promise.all(
    view.config.members.map(async ({ mspId }) => {
      for (const node of peers.filter(({ organization }) => organization.mspId === mspId)) {
        try {
          await bringContractsTo(network, node);
        } catch (error) {
          logger.warn("contracts cannot be brought to a peer", { node: node.id, reason: messageOf(error) });
        }
      }
    }),
  );
}

/**
 * Has the network know every channel that the orderer has, with the members of its configuration in force, and keep
 * their genesis blocks, which peers join by.
 */
export async function adoptChannels(network: RunningNetwork): Promise<void> {
  const { view, layout } = network;
  const names = await orderedChannelNames(view);
  const adopted = await Promise.all(
    names.map(async (name): Promise<ChannelDefinition> => {
      const { mspIds, batch, genesis } = await configOf(view, name);
      const file = layout.genesisBlock(name);
      if ((await readFile(file).catch(() => undefined)) === undefined) await writeFileDurably(file, await genesis());
      const known = network.config().channels.find((channel) => channel.name === name);
      return { name, members: namesOf(network.config(), mspIds), batch: known?.batch ?? batch };
    }),
  );
  const { channels } = network.config();
  const changed = channels.map((channel) => adopted.find(({ name }) => name === channel.name) ?? channel);
  const added = adopted.filter(({ name }) => !channels.some((channel) => channel.name === name));
  const next = [...changed, ...added];
  if (JSON.stringify(next) === JSON.stringify(channels)) return;
  await network.change(() => ({ channels: next }));
  await network.changeState(() => ({ channels: next.map(({ name }) => name) }));
}

/** Names of members by MSP id, in the order that the members joined in. */
function namesOf({ members }: NetworkConfig, mspIds: readonly string[]): string[] {
  return members.filter(({ mspId }) => mspIds.includes(mspId)).map(({ name }) => name);
}

async function configOf(view: NetworkView, name: string) {
  const orderer = view.plan.nodes.find(({ kind }) => kind === "orderer")!;
  const target = view.target(orderer);
  const { organization } = orderer;
  const operator = await readIdentity(organization.mspId, userFiles(view.layout, organization, "Admin"));
  const { config } = await readCurrentConfig(target, operator, name);
  const loaded = ChannelConfig.load(name as ChannelConfig["channelId"], config);
  const { batchTimeoutMs, maxMessageCount, preferredMaxBytes, absoluteMaxBytes } = loaded.orderer;
  return {
    mspIds: loaded.applicationOrgs().map(({ mspId }) => mspId),
    batch: { timeoutMs: batchTimeoutMs, maxMessageCount, preferredMaxBytes, absoluteMaxBytes },
    genesis: () => readBlock(target, operator, name, { oldest: {} }),
  };
}
