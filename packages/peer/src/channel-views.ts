/** One channel of a peer, as the services that are asked about it see it. */
import type { ChannelConfig } from "@hansa/channel-config";
import type { EndorserChannel } from "@hansa/endorsement/chaincode";
import { firstBlock } from "@hansa/ledger";
import type { ClientRoots } from "@hansa/transport";
import type { PeerChannel } from "./channel.js";
import type { DeliverChannel } from "./services/deliver.js";
import { blockWithPrivateData } from "./services/private-blocks.js";

export function endorserChannel(channel: PeerChannel, passOn: EndorserChannel["persistPrivate"]): EndorserChannel {
  return {
    channelId: channel.channelId,
    get config() {
      return channel.config();
    },
    ledger: channel.ledger,
    persistPrivate: async (writes) => {
      await channel.transient.persist(writes.txId, writes.height, writes.bytes);
      await passOn(writes);
    },
  };
}

export function deliverChannel(channel: PeerChannel): DeliverChannel {
  return {
    channelId: channel.channelId,
    height: () => channel.height(),
    firstBlock: () => firstBlock(channel.ledger.blocks),
    config: () => channel.config(),
    block: (number) => channel.block(number),
    waitFor: (number, signal) => channel.waitFor(number, signal),
    blockWithPrivateData: (number, request) => blockWithPrivateData(channel, number, request),
  };
}

/** Blocks from a number on, each as soon as it is there, until the signal. */
export async function* blocksOf(channel: PeerChannel, from: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let number = from; await channel.waitFor(number, signal); number++) yield channel.block(number);
}

/** Members of a channel may call with certificates of their own TLS authorities, as its configuration has them. */
export function followClientRoots(roots: ClientRoots | undefined, channel: PeerChannel): void {
  if (roots === undefined) return;
  followConfig(channel, (config) => roots.set(channel.channelId, config.allTlsRoots()));
}

/** Tells of the channel's configuration as it is now, and of each one that takes its place. */
export function followConfig(channel: PeerChannel, tell: (config: ChannelConfig) => void): void {
  let known = channel.config();
  tell(known);
  channel.onCommit((_block, config) => {
    if (config === known) return;
    known = config;
    tell(config);
  });
}
