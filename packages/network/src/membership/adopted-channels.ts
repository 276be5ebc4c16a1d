import { readFile } from "node:fs/promises";
import type { SigningIdentity } from "@hansa/msp";
import { servingOrderer } from "../client/serving-orderer.js";
import type { ChannelDefinition, NetworkConfig } from "../config/network-config.js";
import { loadedConfig } from "../governance/loaded-config.js";
import { readBlock, readCurrentConfig } from "../governance/ordered-channels.js";
import { readIdentity, userFiles } from "../identity/material.js";
import type { NetworkView } from "../library/network-view.js";
import type { PlannedNode } from "../plan/plan.js";
import { writeFileDurably } from "../plan/state-file.js";
import type { NetworkCore } from "./core.js";
import { channelHolders } from "./participation.js";

/**
 * Has the network know every channel that the orderer has, with the members of its configuration in force, and keep
 * their genesis blocks, which peers join by.
 */
export async function adoptChannels(network: NetworkCore): Promise<void> {
  const { view, layout } = network;
  const [holders, operator] = await Promise.all([channelHolders(view), operatorOf(view)]);
  const adopted = await Promise.all(
    [...holders].map(async ([name, orderers]): Promise<ChannelDefinition> => {
      const { mspIds, batch, genesis } = await configOf(view, operator, name, orderers);
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

/** The ordering organisation's administrator, who may read every channel. */
export function operatorOf({ plan, layout }: NetworkView): Promise<SigningIdentity> {
  const { organization } = plan.nodes.find(({ kind }) => kind === "orderer")!;
  return readIdentity(organization.mspId, userFiles(layout, organization, "Admin"));
}

/** What the configuration in force of a channel says, as one of the orderers that have it does. */
export async function configOf(
  view: NetworkView,
  operator: SigningIdentity,
  name: string,
  orderers: readonly PlannedNode[],
) {
  const target = view.target(await servingOrderer(view, orderers));
  const { config } = await readCurrentConfig(target, operator, name);
  const loaded = loadedConfig(name, config);
  const { batchTimeoutMs, maxMessageCount, preferredMaxBytes, absoluteMaxBytes } = loaded.orderer;
  return {
    mspIds: loaded.applicationOrgs().map(({ mspId }) => mspId),
    batch: { timeoutMs: batchTimeoutMs, maxMessageCount, preferredMaxBytes, absoluteMaxBytes },
    genesis: () => readBlock(target, operator, name, { oldest: {} }),
  };
}
