/** What a decision means for one channel: the update it needs, and whether given signatures carry it. */
import {
  ConfigError,
  changeMembership,
  computeConfigUpdate,
  equalTrees,
  judgeConfigUpdate,
} from "@hansa/channel-config";
import type { Enactment } from "@hansa/governance";
import { type MspId, NO_BYTES } from "@hansa/primitives";
import { common, encode, HeaderType, signedEnvelope } from "@hansa/wire";
import { loadedConfig } from "./loaded-config.js";

/** Who comes, who goes, and the policy from then on. */
export type Change = Pick<Enactment, "admits" | "removes" | "policy">;

/**
 * The bytes of the update that brings a channel to where a decision wants it, or undefined when it is there. The same
 * configuration and decision give the same bytes wherever they are computed: the authorities compare.
 */
export function updateFor(channelId: string, current: common.IConfig, change: Change): Uint8Array | undefined {
  const edited = changeMembership(current, change);
  if (equalTrees(current.channelGroup!, edited.channelGroup!)) return undefined;
  return encode(common.ConfigUpdate, computeConfigUpdate(channelId, current, edited));
}

/** MSP ids of a channel's members. */
export function membersOf(channelId: string, config: common.IConfig): readonly MspId[] {
  return loadedConfig(channelId, config)
    .applicationOrgs()
    .map(({ mspId }) => mspId);
}

/**
 * A departure concerns the channels that have the member; all else concerns every channel it is asked about that has
 * members: nobody is left to change one that has none.
 */
export function concerns(channelId: string, config: common.IConfig, { admits, removes }: Change): boolean {
  const here = membersOf(channelId, config);
  if (here.length === 0) return false;
  if (admits.length > 0 || removes.length === 0) return true;
  return removes.some((mspId) => here.includes(mspId));
}

/** Why a channel would refuse an update with these signatures, in Fabric's words; undefined when it would take it. */
export function refusalOf(
  channelId: string,
  current: common.IConfig,
  update: Uint8Array,
  signatures: readonly common.IConfigSignature[],
): string | undefined {
  // Who sends it does not matter to the channel's policies, and nobody does here.
  const envelope = signedEnvelope({
    type: HeaderType.CONFIG_UPDATE,
    channelId,
    creator: NO_BYTES,
    nonce: NO_BYTES,
    timestampMs: 0,
    data: encode(common.ConfigUpdateEnvelope, { configUpdate: update, signatures: [...signatures] }),
    sign: () => NO_BYTES,
  });
  try {
    judgeConfigUpdate(loadedConfig(channelId, current), envelope);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}
