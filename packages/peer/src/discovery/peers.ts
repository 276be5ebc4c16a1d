/** Peers as plans look at them, and as clients are told of them. */
import type { ChannelConfig } from "@hansa/channel-config";
import type { PlanMember } from "@hansa/endorsement/plan";
import type { MspId, UnixMs } from "@hansa/primitives";
import type { discovery } from "@hansa/wire";
import { peerOfChannel } from "../membership/exchange.js";
import type { Member } from "../membership/view.js";

export type Candidate = PlanMember & { readonly member: Member };

/** Those that belong to a channel by its configuration, and have joined it. */
export function candidates(config: ChannelConfig, members: readonly Member[], now: UnixMs): Candidate[] {
  return members.flatMap((member) => {
    const state = member.states.get(config.channelId);
    const identity = peerOfChannel(config, member.identity, now);
    if (state === undefined || identity === undefined) return [];
    return [
      {
        member,
        mspId: member.mspId,
        hasChaincode: (name: string, sequence: number) => state.chaincodes.get(name) === sequence,
        satisfies: (principal) => identity.satisfies(principal),
      },
    ];
  });
}

/** @param channelId of the channel whose state is told; undefined for none */
export function describe(member: Member, channelId: string | undefined): discovery.IPeer {
  const state = channelId === undefined ? undefined : member.states.get(channelId);
  return {
    identity: member.identity,
    membershipInfo: member.alive.envelope,
    ...(state === undefined ? {} : { stateInfo: state.envelope }),
  };
}

export function peersByOrganization<T extends { readonly mspId: MspId }>(
  found: readonly T[],
  describeOne: (each: T) => discovery.IPeer,
): Record<string, discovery.IPeers> {
  const organizations = new Map<MspId, discovery.IPeer[]>();
  for (const each of found) {
    const peers = organizations.get(each.mspId) ?? [];
    peers.push(describeOne(each));
    organizations.set(each.mspId, peers);
  }
  return Object.fromEntries([...organizations].map(([mspId, peers]) => [mspId, { peers }]));
}
