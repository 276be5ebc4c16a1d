import { rm } from "node:fs/promises";
import { checkChannelId } from "@hansa/channel-config";
import { HansaError, messageOf } from "@hansa/primitives";
import { DEFAULT_BATCH } from "../config/defaults.js";
import { createGenesisBlock } from "../launch/genesis.js";
import type { NetworkView } from "../library/network-view.js";
import { tellAnyOrderer } from "../nodes/tell-nodes.js";
import { adoptChannels, configOf, operatorOf } from "./adopted-channels.js";
import { bringContractsTo } from "./contracts.js";
import type { NetworkCore, NewChannel, OrderedChannel } from "./core.js";
import { channelHolders, orderedChannelNames } from "./participation.js";

/** See RunningNetwork.createChannel. */
export async function createChannel(network: NetworkCore, wanted: NewChannel): Promise<void> {
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
  // An orderer first, whichever: peers that join follow it at once.
  await tellAnyOrderer(network.keeper, view);
  await network.tellNodes({ strict: true });
}

/** See RunningNetwork.channels. */
export async function orderedChannels(view: NetworkView): Promise<OrderedChannel[]> {
  const [holders, operator] = await Promise.all([channelHolders(view), operatorOf(view)]);
  return Promise.all(
    [...holders].map(async ([name, orderers]) => ({
      name,
      mspIds: (await configOf(view, operator, name, orderers)).mspIds,
    })),
  );
}

/** See RunningNetwork.followChannels. */
export async function followChannels(network: NetworkCore): Promise<void> {
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
