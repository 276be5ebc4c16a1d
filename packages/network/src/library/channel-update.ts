import { randomBytes } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { ChannelConfig, computeConfigUpdate, configUpdateEnvelope, signConfigUpdate } from "@hansa/channel-config";
import type { SigningIdentity } from "@hansa/msp";
import { fromUtf8, HansaError } from "@hansa/primitives";
import { common, decode, encode, toBigInt } from "@hansa/wire";
import { broadcast, evaluate, type Target } from "../client/admin-client.js";
import { readCurrentConfig } from "../governance/ordered-channels.js";

/** Makes a changed configuration of one; `@hansa/channel-config` has the usual edits (`withBatchSettings`, …). */
export type ConfigEdit = (config: common.IConfig) => common.IConfig;

export type ChannelUpdateParts = {
  readonly channelId: string;
  /** Who may read the configuration at which peers; the first is asked for it. Without any, the orderer is. */
  readonly readers: readonly { readonly identity: SigningIdentity; readonly peer: Target }[];
  /** Who may read it at the orderer. */
  readonly operator: () => Promise<SigningIdentity>;
  /** Administrators whose signatures the update carries; the first one sends it. */
  readonly signers: readonly SigningIdentity[];
  readonly orderer: Target;
};

const APPLIED_WITHIN_MS = 30_000;

/**
 * Changes a channel's configuration as an administrator does with Fabric's tools: reads it, works out the update, has
 * it signed, sends it to the orderer, and waits until the remaining members' peers follow it, unless they may no longer
 * be asked. Returns the sequence number of the configuration now in force.
 * @throws HansaError ORDERING_REFUSED with Fabric's reason, TIMED_OUT; ConfigError when nothing would change
 */
export async function updateChannelConfig(parts: ChannelUpdateParts, edit: ConfigEdit): Promise<number> {
  const { channelId, readers, signers, orderer } = parts;
  const [first] = readers;
  const config =
    first === undefined
      ? (await readCurrentConfig(orderer, await parts.operator(), channelId)).config
      : await readConfig(channelId, first);
  const edited = edit(config);
  const update = encode(common.ConfigUpdate, computeConfigUpdate(channelId, config, edited));
  const envelope = configUpdateEnvelope({
    channelId,
    update,
    signatures: signers.map((signer) => signConfigUpdate(update, signer, randomBytes(24))),
    submitter: signers[0]!,
    nonce: randomBytes(24),
    timestampMs: Date.now(),
  });
  await broadcast(orderer, envelope);
  const sequence = toBigInt(config.sequence) + 1n;
  await waitForConfig(channelId, readers, ChannelConfig.load(channelId, edited).mspIds(), sequence);
  return Number(sequence);
}

export type Reader = ChannelUpdateParts["readers"][number];

/**
 * Waits until the peers of these members follow a channel to a configuration, unless they may no longer be asked.
 * @throws HansaError TIMED_OUT, NODE_UNREACHABLE
 */
export async function waitForConfig(
  channelId: string,
  readers: readonly Reader[],
  members: readonly string[],
  sequence: bigint,
): Promise<void> {
  const deadlineMs = Date.now() + APPLIED_WITHIN_MS;
  const remaining = readers.filter(({ identity }) => members.includes(identity.mspId));
  await Promise.all(remaining.map((reader) => follows(channelId, reader, sequence, deadlineMs)));
}

async function readConfig(channelId: string, { identity, peer }: Reader): Promise<common.Config> {
  const args = [fromUtf8("GetChannelConfig"), fromUtf8(channelId)];
  return decode(common.Config, await evaluate(peer, identity, { channelId, chaincode: "cscc", args }), "common.Config");
}

async function follows(channelId: string, reader: Reader, sequence: bigint, deadlineMs: number): Promise<void> {
  for (;;) {
    const config = await readConfig(channelId, reader).catch((error: unknown) => {
      if (error instanceof HansaError && error.code === "ENDORSEMENT_REFUSED") return undefined;
      throw error;
    });
    if (config === undefined || toBigInt(config.sequence) >= sequence) return;
    if (Date.now() > deadlineMs)
      throw new HansaError(
        "TIMED_OUT",
        `${reader.peer.name} does not follow channel ${channelId} to its new settings.`,
        {
          nextStep: "See what the nodes are doing with: hansa status",
        },
      );
    await setTimeout(20);
  }
}
