/**
 * Channels as their ordering service has them. Governance works here and not at peers: a network may have members and
 * no peer, and a channel may be changed while every peer is down. The operator reads and sends as the ordering
 * organisation's administrator, whom a channel lets do both; what it sends counts by the members' signatures in it.
 */
import { randomBytes } from "node:crypto";
import { configOfBlock, configUpdateEnvelope } from "@hansa/channel-config";
import type { SigningIdentity } from "@hansa/msp";
import { HansaError, NO_BYTES } from "@hansa/primitives";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import {
  common,
  decode,
  encode,
  HeaderType,
  METADATA,
  orderer,
  Status,
  services,
  signedEnvelope,
  splitBlock,
  statusName,
  toLong,
  toNumber,
} from "@hansa/wire";
import { broadcast, type Target } from "../client/admin-client.js";

/** The configuration in force, and the number of the block that brought it. */
export type CurrentConfig = { readonly config: common.Config; readonly blockNumber: number };

const TIMEOUT_MS = 15_000;

/** @throws HansaError UNKNOWN_CHANNEL, NODE_UNREACHABLE, TIMED_OUT, ORDERING_REFUSED */
export async function readCurrentConfig(
  target: Target,
  operator: SigningIdentity,
  channelId: string,
): Promise<CurrentConfig> {
  const newest = await readBlock(target, operator, channelId, { newest: {} });
  const { header, metadata } = splitBlock(newest);
  const noted = decode(common.Metadata, metadata[METADATA.LAST_CONFIG] ?? NO_BYTES, "common.Metadata");
  const blockNumber = toNumber(decode(common.LastConfig, noted.value, "common.LastConfig").index);
  const block =
    Number(header.number) === blockNumber
      ? newest
      : await readBlock(target, operator, channelId, { specified: { number: toLong(blockNumber) } });
  const { config } = configOfBlock(block).configEnvelope;
  return { config: config as common.Config, blockNumber };
}

/**
 * Orders a channel update that carries the members' signatures. Resolves when it is durable.
 * @throws HansaError ORDERING_REFUSED with Fabric's reason, NODE_UNREACHABLE, TIMED_OUT
 */
export async function orderConfigUpdate(
  target: Target,
  operator: SigningIdentity,
  channelId: string,
  update: Uint8Array,
  signatures: readonly common.IConfigSignature[],
): Promise<void> {
  const envelope = configUpdateEnvelope({
    channelId,
    update,
    signatures,
    submitter: operator,
    nonce: randomBytes(24),
    timestampMs: Date.now(),
  });
  await broadcast(target, envelope);
}

export async function readBlock(
  target: Target,
  operator: SigningIdentity,
  channelId: string,
  at: orderer.ISeekPosition,
): Promise<Uint8Array> {
  const seek = signedEnvelope({
    type: HeaderType.DELIVER_SEEK_INFO,
    channelId,
    creator: operator.serialized,
    nonce: randomBytes(24),
    timestampMs: Date.now(),
    data: encode(orderer.SeekInfo, {
      start: at,
      stop: at,
      behavior: orderer.SeekInfo.SeekBehavior.FAIL_IF_NOT_READY,
    }),
    sign: (payload) => operator.sign(payload),
  });
  const call = target.rpc.bidi(services.AtomicBroadcast.methods.Deliver, { timeoutMs: TIMEOUT_MS });
  try {
    await call.send(seek);
    for await (const bytes of call.incoming) {
      const answer = decode(orderer.DeliverResponse, bytes, "orderer.DeliverResponse");
      if (answer.block) return encode(common.Block, answer.block);
      const status = answer.status ?? Status.UNKNOWN;
      if (status === Status.NOT_FOUND && at.specified) {
        const newest = splitBlock(await readBlock(target, operator, channelId, { newest: {} })).header.number;
        const wanted = toNumber(at.specified.number ?? 0);
        throw new HansaError(
          "BLOCK_NOT_FOUND",
          `Channel ${channelId} has no block ${wanted}; its newest is ${newest}.`,
        );
      }
      if (status === Status.NOT_FOUND)
        throw new HansaError("UNKNOWN_CHANNEL", `${target.name} has no channel ${channelId}.`);
      throw new HansaError(
        status === Status.SERVICE_UNAVAILABLE ? "NODE_UNREACHABLE" : "ORDERING_REFUSED",
        `${target.name} does not show the newest block of channel ${channelId}: ${statusName(status)}.`,
      );
    }
    throw new HansaError("NODE_UNREACHABLE", `${target.name} closed the connection without an answer.`);
  } catch (error) {
    if (!(error instanceof RpcStatus)) throw error;
    const late = error.code === GrpcStatus.DEADLINE_EXCEEDED;
    throw new HansaError(
      late ? "TIMED_OUT" : "NODE_UNREACHABLE",
      late ? `${target.name} did not answer in time.` : `${target.name} does not answer: ${error.message}.`,
      { cause: error, nextStep: "See what the nodes are doing with: hansa status" },
    );
  } finally {
    call.close();
  }
}
