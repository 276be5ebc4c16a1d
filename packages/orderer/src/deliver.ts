/**
 * AtomicBroadcast.Deliver: for each seek, the blocks it asks for and then a status. The stream ends at the first status
 * other than SUCCESS.
 * Source: hyperledger/fabric, common/deliver/deliver.go.
 */

import type { DeliverMetrics } from "@hansa/operations";
import {
  planSeek,
  ReadAccess,
  readSeek,
  readSeekEnvelope,
  refused,
  type SeekPlan,
  type SeekRefusal,
} from "@hansa/ordering";
import { type Clock, HansaError, type Logger, messageOf, sha256 } from "@hansa/primitives";
import { type BidiHandler, GrpcStatus, RpcStatus, type Send } from "@hansa/transport";
import {
  common,
  encode,
  holdsConfig,
  joinBlock,
  orderer,
  type ReadEnvelope,
  Status,
  splitBlock,
  statusName,
} from "@hansa/wire";
import type { Channels } from "./broadcast.js";
import type { OrderedChannel } from "./channel.js";
import { blockResponse } from "./tail.js";

export type DeliverOptions = {
  readonly channels: Channels;
  readonly timeWindowMs: number;
  readonly mutualTls: boolean;
  readonly meter?: DeliverMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
};

export function deliverHandler(options: DeliverOptions): BidiHandler {
  return async (incoming, context, send) => {
    options.meter?.streamOpened();
    try {
      for await (const raw of incoming) {
        const tlsCertHash = context.tlsClientCert && sha256(context.tlsClientCert);
        const client = { signal: context.signal, peerAddress: context.peerAddress, tlsCertHash };
        const status = await answerSeek(raw, options, client, send);
        if (context.signal.aborted) throw new RpcStatus(GrpcStatus.CANCELLED, "context canceled");
        if (status !== Status.SUCCESS) return;
      }
    } finally {
      options.meter?.streamClosed();
    }
  };
}

/** One seek of a caller in the same process, where there is no TLS to bind it to. */
export async function deliverOne(
  seekEnvelope: Uint8Array,
  options: DeliverOptions,
  signal: AbortSignal,
  send: Send,
): Promise<void> {
  const client = { signal, peerAddress: "in process", tlsCertHash: undefined };
  await answerSeek(seekEnvelope, { ...options, mutualTls: false }, client, send);
}

type Client = { signal: AbortSignal; peerAddress: string; tlsCertHash: Uint8Array | undefined };

async function answerSeek(
  raw: Uint8Array,
  options: DeliverOptions,
  client: Client,
  send: Send,
): Promise<common.Status> {
  const refusal = await deliver(raw, options, client, send);
  const status = refusal?.status ?? Status.SUCCESS;
  if (client.signal.aborted) return status;
  if (refusal !== undefined) {
    const fields = { peer: client.peerAddress, status: statusName(status), reason: refusal.reason };
    // Clients poll for channels that are being made.
    if (status === Status.NOT_FOUND) options.logger.debug("deliver refused", fields);
    else options.logger.warn("deliver refused", fields);
  }
  await send(encode(orderer.DeliverResponse, { status }));
  return status;
}

async function deliver(
  raw: Uint8Array,
  options: DeliverOptions,
  client: Client,
  send: Send,
): Promise<SeekRefusal | undefined> {
  const { clock, timeWindowMs, mutualTls } = options;
  const { tlsCertHash } = client;
  const envelope = readSeekEnvelope(raw, { now: clock.now(), timeWindowMs, mutualTls, tlsCertHash });
  if ("kind" in envelope) return envelope;
  const { channelId } = envelope.channelHeader;
  const channel = options.channels.get(channelId);
  if (channel === undefined) return refused(Status.NOT_FOUND, `channel ${channelId} not found`);
  options.meter?.received(channelId, "block");
  const refusal = await deliverFrom(channel, envelope, options, client, send);
  options.meter?.completed(channelId, "block", refusal === undefined && !client.signal.aborted);
  return refusal;
}

async function deliverFrom(
  channel: OrderedChannel,
  envelope: ReadEnvelope,
  { clock, meter }: DeliverOptions,
  { signal }: Client,
  send: Send,
): Promise<SeekRefusal | undefined> {
  const seek = readSeek(envelope);
  if ("kind" in seek) return seek;
  const strict = seek.errorResponse !== orderer.SeekInfo.SeekErrorResponse.BEST_EFFORT;
  if (channel.isFailed && strict) return refused(Status.SERVICE_UNAVAILABLE, "the channel's journal cannot be written");
  const access = new ReadAccess(envelope, channel.config);
  const denied = access.evaluate(channel.config, clock.now());
  if (denied !== undefined) return denied;
  const plan = planSeek(seek, channel.height);
  if (plan.kind === "refused") return plan;
  return sendBlocks(channel, plan, access, { clock, signal, send, meter });
}

async function sendBlocks(
  channel: OrderedChannel,
  plan: SeekPlan,
  access: ReadAccess,
  { clock, signal, send, meter }: { clock: Clock; signal: AbortSignal; send: Send; meter: DeliverMetrics | undefined },
): Promise<SeekRefusal | undefined> {
  for (let number = plan.start; ; number++) {
    if (number >= channel.height) {
      if (plan.failIfNotReady) return refused(Status.NOT_FOUND, `block ${number} is beyond the channel's height`);
      const ended = await nextBlock(channel, number, plan, signal);
      if (ended !== undefined) return ended;
    }
    if (signal.aborted) return undefined;
    let response: Uint8Array;
    try {
      response = plan.headersOnly ? await headerResponse(channel, number) : await channel.response(number);
    } catch (error) {
      if (!(error instanceof HansaError)) throw error;
      return refused(Status.SERVICE_UNAVAILABLE, messageOf(error));
    }
    const denied = access.evaluate(channel.config, clock.now());
    if (denied !== undefined) return denied;
    await send(response);
    meter?.sent(channel.channelId, "block");
    if (signal.aborted) return undefined;
    if (number === plan.stop) return undefined;
  }
}

/** Settles when the block exists, or with what ends the wait. */
function nextBlock(
  channel: OrderedChannel,
  number: number,
  plan: SeekPlan,
  signal: AbortSignal,
): Promise<SeekRefusal | undefined> {
  return new Promise((resolve) => {
    const check = () => {
      let outcome: SeekRefusal | undefined;
      if (!signal.aborted && number >= channel.height) {
        if (channel.isFailed && !plan.bestEffort) outcome = refused(Status.SERVICE_UNAVAILABLE, "consensus failed");
        else if (channel.isHalted && !channel.isFailed) outcome = refused(Status.SERVICE_UNAVAILABLE, "channel halted");
        else return;
      }
      stop();
      signal.removeEventListener("abort", check);
      resolve(outcome);
    };
    const stop = channel.follow(check);
    signal.addEventListener("abort", check);
    check();
  });
}

/** A block without its transactions, unless it holds a configuration. */
async function headerResponse(channel: OrderedChannel, number: number): Promise<Uint8Array> {
  const block = await channel.block(number);
  if (holdsConfig(splitBlock(block).envelopes)) return blockResponse(block);
  const { header, metadata } = splitBlock(block);
  const bytes = encode(common.Block, decodedHeaderOnly(joinBlock({ header, envelopes: [], metadata })));
  return blockResponse(bytes);
}

function decodedHeaderOnly(block: Uint8Array): common.IBlock {
  const { header, metadata } = common.Block.decode(block);
  return { header: header ?? null, metadata: metadata ?? null };
}
