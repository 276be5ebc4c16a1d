/** Whether the members' peers have committed what the orderer has written. */
import { randomBytes } from "node:crypto";
import type { GovernanceState } from "@hansa/governance";
import type { SigningIdentity } from "@hansa/msp";
import { encode, HeaderType, orderer, services, signedEnvelope, toLong } from "@hansa/wire";
import type { Target } from "../client/admin-client.js";
import { readIdentity, userFiles } from "../identity/material.js";
import type { RunningNetwork } from "../membership/running-network.js";

/** A block of a channel that changed who is on it. */
export type ChangedChannel = { readonly channelId: string; readonly blockNumber: number };

/**
 * Resolves when each peer that runs has committed these blocks of its channels, or after `withinMs`: peers that are down,
 * hang or lag go by them when they come to them, and nobody waits for those. Never rejects.
 */
export async function committedAtPeers(
  { network, state }: { readonly network: RunningNetwork; readonly state: GovernanceState },
  channels: readonly ChangedChannel[],
  withinMs: number,
): Promise<void> {
  const { layout, view } = network;
  const active = new Set([...state.members.values()].filter(({ status }) => status === "active").map((m) => m.mspId));
  const peers = network
    .reports()
    .filter(({ node, state }) => node.kind === "peer" && state === "running" && active.has(node.organization.mspId));
  await Promise.allSettled(
    peers.map(async ({ node }) => {
      const { organization } = node;
      const admin = await readIdentity(organization.mspId, userFiles(layout, organization, "Admin"));
      const target = view.target(node);
      await Promise.allSettled(channels.map((channel) => committed(target, admin, channel, withinMs)));
    }),
  );
}

/**
 * Resolves with the peer's first answer: the block once it is committed, or that it does not follow the channel.
 * @throws RpcStatus when none comes in time, or the peer is not there
 */
export async function committed(
  { rpc }: Target,
  reader: SigningIdentity,
  { channelId, blockNumber }: ChangedChannel,
  timeoutMs: number,
): Promise<void> {
  const block = { specified: { number: toLong(blockNumber) } };
  const seek = signedEnvelope({
    type: HeaderType.DELIVER_SEEK_INFO,
    channelId,
    creator: reader.serialized,
    nonce: randomBytes(24),
    timestampMs: Date.now(),
    data: encode(orderer.SeekInfo, {
      start: block,
      stop: block,
      behavior: orderer.SeekInfo.SeekBehavior.BLOCK_UNTIL_READY,
    }),
    sign: (payload) => reader.sign(payload),
  });
  const call = rpc.bidi(services.Deliver.methods.DeliverFiltered, { timeoutMs });
  try {
    await call.send(seek);
    for await (const _ of call.incoming) return;
  } finally {
    call.close();
  }
}
