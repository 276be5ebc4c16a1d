/** What a network's file says now, against what the network was founded as and what it has become. */
import { readFile } from "node:fs/promises";
import { ConfigError, withBatchSettings } from "@hansa/channel-config";
import { HansaError, messageOf } from "@hansa/primitives";
import { EMBEDDED, type MemberConfig, type NetworkConfig } from "../config/network-config.js";
import type { NetworkView } from "../library/network-view.js";
import { withIds } from "../plan/ids.js";
import type { Layout } from "../plan/layout.js";
import { writeFileDurably } from "../plan/state-file.js";

/** What a network was first started as. Channels that its file named later are in it, as the file named them. */
export type Founding = Pick<NetworkConfig, "members" | "orderer" | "channels" | "governance">;

/** What there is of a network before a start. */
export type Before = { readonly config: NetworkConfig; readonly founding: Founding };

/**
 * @param file what the network's file says; an older version of Hansa kept less about a network than it does
 * @throws HansaError CORRUPT_STORE
 */
export async function readBefore(layout: Layout, file: NetworkConfig): Promise<Before> {
  const kept = await readJson<NetworkConfig>(layout.networkFile);
  const config = withIds({
    ...kept,
    channelEndorsement: kept.channelEndorsement ?? file.channelEndorsement,
    governance: kept.governance ?? file.governance,
    ordering: kept.ordering ?? EMBEDDED,
    members: kept.members.map((member) => ({
      ...member,
      account: member.account ?? file.members.find(({ mspId }) => mspId === member.mspId)?.account ?? "000000000001",
    })),
  });
  return { config, founding: (await readFounding(layout)) ?? config };
}

/** Undefined for a network that has not been started, or only by a version of Hansa that did not write it. */
export async function readFounding(layout: Layout): Promise<Founding | undefined> {
  try {
    return await readJson<Founding>(layout.foundingFile);
  } catch (error) {
    if (error instanceof HansaError && (error.cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export async function writeFounding(layout: Layout, founding: Founding): Promise<void> {
  const { members, orderer, channels, governance } = founding;
  const text = `${JSON.stringify({ members, orderer, channels, governance }, undefined, 2)}\n`;
  if (text !== (await readFile(layout.foundingFile, "utf8").catch(() => undefined)))
    await writeFileDurably(layout.foundingFile, text);
}

/** Whether members came or went since the founding. */
export function hasChanged({ members }: NetworkConfig, founding: Founding): boolean {
  const ids = (list: readonly MemberConfig[]) => list.map(({ mspId }) => mspId).join();
  return ids(members) !== ids(founding.members);
}

async function readJson<T extends Founding>(file: string): Promise<T> {
  try {
    const value = JSON.parse(await readFile(file, "utf8")) as Partial<Founding> | null;
    const whole = Array.isArray(value?.members) && Array.isArray(value.channels) && typeof value.orderer === "object";
    if (!whole) throw new Error("its content is not a network's");
    return value as T;
  } catch (cause) {
    throw new HansaError("CORRUPT_STORE", `${file} cannot be read: ${messageOf(cause)}.`, {
      cause,
      nextStep: "Restore the file, or start over with: hansa down --wipe",
    });
  }
}

/**
 * The network to start: what it has become, with what its file may decide at any time (ports, batch settings, new
 * channels, new contracts, how nodes run).
 *
 * A file names the members that the network was founded with, or those that it has now. Any other list is no change
 * that a start could make: members come and go by vote.
 * @throws HansaError NETWORK_CHANGED
 */
export function continued(file: NetworkConfig, { config, founding }: Before, layout: Layout): NetworkConfig {
  refuseOtherMembers(file, config, founding, layout);
  refuseOtherChannels(file, config, founding);
  refuseOtherRules(file, config, founding);
  refuseOtherOrdering(file, config);
  const names = config.members.map(({ name }) => name);
  const added = file.channels
    .filter(({ name }) => !config.channels.some((channel) => channel.name === name))
    .map((channel) => ({ ...channel, members: channel.members.filter((name) => names.includes(name)) }))
    .filter(({ members }) => members.length > 0);
  return {
    ...file,
    networkId: config.networkId,
    channelEndorsement: config.channelEndorsement,
    governance: config.governance,
    members: config.members.map((member) => withPortsOf(member, file)),
    channels: [
      ...config.channels.map((channel) => ({
        ...channel,
        batch: file.channels.find(({ name }) => name === channel.name)?.batch ?? channel.batch,
      })),
      ...added,
    ],
  };
}

/** What later files are held against: the founding, and every channel as a file first named it. */
export function foundingAfter(file: NetworkConfig, founding: Founding): Founding {
  const added = file.channels.filter(({ name }) => !founding.channels.some((channel) => channel.name === name));
  return { ...founding, channels: [...founding.channels, ...added] };
}

function withPortsOf(member: MemberConfig, file: NetworkConfig): MemberConfig {
  const named = file.members.find(({ mspId }) => mspId === member.mspId);
  if (named === undefined) return member;
  const peers = member.peers.map((peer) => {
    const same = named.peers.find(({ name }) => name === peer.name);
    return same === undefined ? peer : { ...peer, port: same.port };
  });
  return { ...member, caPort: named.caPort, peers };
}

const START_OVER = "Or give the changed network another name, or start over with: hansa down --wipe";

function refuseOtherMembers(file: NetworkConfig, config: NetworkConfig, founding: Founding, layout: Layout): void {
  const describe = ({ members, orderer }: Pick<NetworkConfig, "members" | "orderer">) =>
    [
      ...members.map(
        ({ name, mspId, domain, account, peers, users }) =>
          `${name} ${mspId} ${domain} ${account} ${peers.length} ${users}`,
      ),
      orderer.domain,
      orderer.mspId,
    ].join("\n");
  const said = describe(file);
  if (said === describe(founding) || said === describe(config)) return;
  const names = (members: readonly MemberConfig[]) => members.map((member) => member.name).join(", ");
  const first = names(founding.members);
  const now = names(config.members);
  const known = first === now ? first : `${first}; today ${now}`;
  throw new HansaError(
    "NETWORK_CHANGED",
    `Network ${file.name} in ${layout.root} was made with other members (${known}) than its file has now (${names(file.members)}), or with other names, accounts, peers or users for them.`,
    { nextStep: `Members come and go by vote: hansa apply proposes what the file asks for. ${START_OVER}` },
  );
}

function refuseOtherChannels(file: NetworkConfig, config: NetworkConfig, founding: Founding): void {
  for (const { name, members } of file.channels) {
    const known = [founding, config].flatMap(({ channels }) => channels.filter((channel) => channel.name === name));
    const sorted = [...members].sort().join();
    if (known.length === 0 || known.some((channel) => [...channel.members].sort().join() === sorted)) continue;
    throw new HansaError(
      "NETWORK_CHANGED",
      `Channel ${name} was made with other members (${known[0]!.members.join(", ")}) than its file has now (${members.join(", ")}).`,
      { nextStep: `Members enter channels by vote: see hansa apply. ${START_OVER}` },
    );
  }
}

function refuseOtherRules(file: NetworkConfig, config: NetworkConfig, founding: Founding): void {
  const said = inOrder(file.governance);
  if (said === inOrder(founding.governance ?? config.governance) || said === inOrder(config.governance)) return;
  throw new HansaError("NETWORK_CHANGED", `Network ${file.name} was founded with other rules than its file has now.`, {
    nextStep: `The voting policy changes by vote: see hansa apply. The other rules stay. ${START_OVER}`,
  });
}

/** Servers and files may change; channels name their orderers, and an order that was begun goes on where it is. */
function refuseOtherOrdering(file: NetworkConfig, config: NetworkConfig): void {
  const describe = ({ engine, orderers, replicas, servers }: NetworkConfig["ordering"]) =>
    engine === "embedded"
      ? "one orderer by itself"
      : `${orderers} orderers over NATS servers ${servers.length > 0 ? "of others" : `of its own, ${replicas} of them`}`;
  const [said, known] = [describe(file.ordering), describe(config.ordering)];
  if (said === known) return;
  throw new HansaError(
    "NETWORK_CHANGED",
    `Network ${file.name} is ordered by ${known}; its file asks for ${said} now.`,
    { nextStep: START_OVER.replace(/^Or give/, "Give") },
  );
}

/** As JSON, whatever order the settings stand in. */
export function inOrder(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

/** Gives channels the batch settings that their file was changed to, as one configuration update each. */
export async function applyBatchSettings(before: NetworkConfig, view: NetworkView): Promise<void> {
  for (const { name, batch } of view.config.channels) {
    const old = before.channels.find((channel) => channel.name === name);
    if (old === undefined || inOrder(old.batch) === inOrder(batch)) continue;
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
