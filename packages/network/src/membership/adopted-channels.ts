import { readFile } from "node:fs/promises";
import type { SigningIdentity } from "@hansa/msp";
import { servingOrderer } from "../client/serving-orderer.js";
import type { ChannelDefinition, NetworkConfig } from "../config/network-config.js";
import { loadedConfig } from "../governance/loaded-config.js";
import { readBlock, readCurrentConfig } from "../governance/ordered-channels.js";
import { readIdentity, userFiles } from "../identity/material.js";
import type { NetworkView } from "../library/network-view.js";
import { writeFileDurably } from "../plan/state-file.js";
import type { NetworkCore } from "./core.js";
import { orderedChannelNames } from "./participation.js";

/**
 * Has the network know every channel that the orderer has, with the members of its configuration in force, and keep
 * their genesis blocks, which peers join by.
 */
export async function adoptChannels(network: NetworkCore): Promise<void> {
  const { view, layout } = network;
  const [names, operator] = await Promise.all([orderedChannelNames(view), operatorOf(view)]);
  const adopted = await Promise.all(
    names.map(async (name): Promise<ChannelDefinition> => {
      const { mspIds, batch, genesis } = await configOf(view, operator, name);
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

/** What the configuration in force of a channel says, as the orderer has it. */
export async function configOf(view: NetworkView, operator: SigningIdentity, name: string) {
  const target = view.target(await servingOrderer(view));
  const { config } = await readCurrentConfig(target, operator, name);
  const loaded = loadedConfig(name, config);
  const { batchTimeoutMs, maxMessageCount, preferredMaxBytes, absoluteMaxBytes } = loaded.orderer;
  return {
    mspIds: loaded.applicationOrgs().map(({ mspId }) => mspId),
    batch: { timeoutMs: batchTimeoutMs, maxMessageCount, preferredMaxBytes, absoluteMaxBytes },
    genesis: () => readBlock(target, operator, name, { oldest: {} }),
  };
}
