/** What a network's file says now, against what the network was last started with. */
import { readFile } from "node:fs/promises";
import { ConfigError, withBatchSettings } from "@hansa/channel-config";
import { HansaError, messageOf } from "@hansa/primitives";
import type { NetworkConfig } from "../config/network-config.js";
import type { NetworkView } from "../library/network-view.js";
import type { Layout } from "../plan/layout.js";

/** @throws HansaError CORRUPT_STORE */
export async function previousConfig(layout: Layout): Promise<NetworkConfig> {
  try {
    return JSON.parse(await readFile(layout.networkFile, "utf8")) as NetworkConfig;
  } catch (cause) {
    throw new HansaError("CORRUPT_STORE", `${layout.networkFile} cannot be read: ${messageOf(cause)}.`, {
      cause,
      nextStep: "Restore the file, or start over with: hansa down --wipe",
    });
  }
}

/**
 * Members are in their channels' genesis blocks; a file that names others is about another network.
 * @throws HansaError NETWORK_CHANGED
 */
export function refuseOtherMembers(before: NetworkConfig, config: NetworkConfig, layout: Layout): void {
  const nextStep = "Give the changed network another name, or start over with: hansa down --wipe";
  const describe = ({ members, orderer }: NetworkConfig) =>
    [
      ...members.map(({ name, mspId, domain, peers, users }) => `${name} ${mspId} ${domain} ${peers.length} ${users}`),
      orderer.domain,
      orderer.mspId,
    ].join("\n");
  if (describe(before) !== describe(config)) {
    const names = (network: NetworkConfig) => network.members.map((member) => member.name).join(", ");
    throw new HansaError(
      "NETWORK_CHANGED",
      `Network ${config.name} in ${layout.root} was made with other members (${names(before)}) than its file has now (${names(config)}), or with other names, peers or users for them.`,
      { nextStep },
    );
  }
  for (const { name, members } of config.channels) {
    const old = before.channels.find((channel) => channel.name === name);
    if (old === undefined || [...old.members].sort().join() === [...members].sort().join()) continue;
    throw new HansaError(
      "NETWORK_CHANGED",
      `Channel ${name} was made with other members (${old.members.join(", ")}) than its file has now (${members.join(", ")}).`,
      { nextStep },
    );
  }
}

/** Gives channels the batch settings that their file was changed to, as one configuration update each. */
export async function applyBatchSettings(before: NetworkConfig, view: NetworkView): Promise<void> {
  for (const { name, batch } of view.config.channels) {
    const old = before.channels.find((channel) => channel.name === name);
    if (old === undefined || JSON.stringify(old.batch) === JSON.stringify(batch)) continue;
    const { timeoutMs, ...size } = batch;
    try {
      await view.updateChannel(name, (config) => withBatchSettings(config, { ...size, batchTimeoutMs: timeoutMs }));
    } catch (error) {
      // Somebody gave the channel these very settings already.
      if (error instanceof ConfigError && error.message.startsWith("no differences detected")) continue;
      throw error;
    }
  }
}
