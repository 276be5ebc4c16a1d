/**
 * Where a channel's journal and its stream meet: the newest block whose last message the stream still holds. Blocks
 * after that were cut from messages that the stream has lost since.
 */
import { ChannelConfig } from "@hansa/channel-config";
import {
  idsFrom,
  lastConfigNumber,
  type Placed,
  positionOf,
  type StreamChainState,
  type StreamPosition,
  startStreamChain,
} from "@hansa/ordering";
import { assert, equalBytes, HansaError, sha256 } from "@hansa/primitives";
import { blockHeaderHash, splitBlock } from "@hansa/wire";
import type { BlockLog } from "../block-log.js";
import type { SharedStream, StreamBounds } from "./shared-stream.js";

/** Reads at a time. */
const READ_AHEAD = 32;

export type StreamStart = {
  readonly state: StreamChainState;
  /** The newest block that the stream knows of. */
  readonly knownBlock: number;
  /** The stream's end when it was looked at. */
  readonly last: number;
};

/** The stream cannot be the one that led to this journal, or no longer is. Nothing here can mend that. */
export class HistoryError extends HansaError {
  override readonly name = "HistoryError";
}

/** @throws HistoryError, or what the stream's servers throw while they cannot be reached */
export async function findStart(log: BlockLog, stream: SharedStream): Promise<StreamStart> {
  const bounds = await stream.bounds();
  for (let number = log.height - 1; ; number--) {
    assert(number >= 0, "no block stands at the beginning of the stream");
    const block = splitBlock(await log.block(number));
    const position = positionOf(block);
    if (position.sequence > bounds.last) continue;
    checkBeginning(bounds, position, `block ${number} of channel ${log.channelId}`);
    if (!(await leadsTo(stream, position))) continue;
    const configNumber = lastConfigNumber(block);
    const config = ChannelConfig.fromBlock(await log.block(Number(configNumber)));
    const tip = { number: block.header.number, headerHash: blockHeaderHash(block.header) };
    const from = Math.max(idsFrom(position), bounds.first - 1);
    const earlier = await readBetween(stream, from, position.sequence - 1);
    const state = startStreamChain(stream.id, { config, tip, lastConfigNumber: configNumber }, position, earlier);
    return { state, knownBlock: number, last: bounds.last };
  }
}

/** @param what the block that ends at the position @throws HistoryError when what follows it is no longer kept */
export function checkBeginning(bounds: StreamBounds, { sequence }: StreamPosition, what: string): void {
  if (bounds.first <= Math.max(1, sequence)) return;
  throw new HistoryError(
    "STREAM_TRIMMED",
    `the stream begins at message ${bounds.first}, ${what} in this node's journal ends at message ${sequence}`,
    { nextStep: "copy the journal folder of an orderer that is up to date to this node" },
  );
}

/** Whether the message at this position is still the one that was read there. */
export async function leadsTo(stream: SharedStream, { sequence, messageHash }: StreamPosition): Promise<boolean> {
  return sequence === 0 || equalBytes(sha256(await readForSure(stream, sequence)), messageHash);
}

/** The messages after `from` up to and with `to`, oldest first. */
export async function readBetween(stream: SharedStream, from: number, to: number): Promise<Placed[]> {
  const read: Placed[] = [];
  for (let at = from + 1; at <= to; at += READ_AHEAD) {
    const sequences = Array.from({ length: Math.min(READ_AHEAD, to + 1 - at) }, (_, i) => at + i);
    const messages = await Promise.all(sequences.map((sequence) => readForSure(stream, sequence)));
    messages.forEach((message, i) => {
      read.push({ sequence: at + i, message });
    });
  }
  return read;
}

/** A message within the stream's bounds. @throws HansaError while the server that was asked is not up to date */
async function readForSure(stream: SharedStream, sequence: number): Promise<Uint8Array> {
  const message = await stream.read(sequence);
  if (message !== undefined) return message;
  throw new HansaError("STREAM_BEHIND", `message ${sequence} cannot be read yet`);
}
