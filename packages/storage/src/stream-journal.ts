/**
 * Streams a journal to a target, block after block, and remembers how far it came. A batch counts when the target has
 * it and the position file says so; a run that ends in between hands that batch over again: at least once.
 */
import {
  blockRecords,
  controlRecord,
  type JournalRecord,
  type StrandTip,
  type StreamRecord,
  tipAfter,
  verifyBlock,
} from "@hansa/journal";
import { HansaError } from "@hansa/primitives";
import { type StreamPosition, writePosition } from "./stream-position.js";
import { StreamRefused, type StreamTarget } from "./stream-target.js";

export type StreamJournalOptions = {
  /** Where to begin: `nextSequenceNo` of a new stream may be any block. */
  readonly position: StreamPosition;
  readonly positionFile: string;
  readonly arn: string;
  /** The stream begins with this run. */
  readonly isNew: boolean;
  /** The blocks there are from a number on, in order. Asked again after a pause when the stream follows. */
  readonly blocks: (from: number) => AsyncIterable<JournalRecord>;
  readonly target: StreamTarget;
  /** The last block; the stream is complete after it. */
  readonly until?: number;
  /** Whether to wait for blocks that are not there yet. */
  readonly follow: boolean;
  readonly signal?: AbortSignal;
  /** How often a batch is tried again before the stream gives up. Default 8, over some two minutes. */
  readonly retries?: number;
  readonly firstRetryMs?: number;
  readonly onProgress?: (position: StreamPosition) => void;
  /** A batch was refused and is tried again after a pause. */
  readonly onRetry?: (refusal: StreamRefused, pauseMs: number) => void;
};

export type StreamSummary = { readonly blocks: number; readonly records: number; readonly nextSequenceNo: number };

const BATCH_BLOCKS = 100;
const BATCH_BYTES = 2 * 1024 * 1024;
const POLL_MS = 500;
const RETRIES = 8;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;

/** @throws StreamRefused when the target takes no more, HansaError STREAM_BROKEN for blocks that do not follow each other */
export async function streamJournal(options: StreamJournalOptions): Promise<StreamSummary> {
  const { arn, blocks, until = Number.POSITIVE_INFINITY, follow, signal } = options;
  const { strandId, channel } = options.position;
  let { position } = options;
  let pending: StreamRecord[] = options.isNew ? [controlRecord("CREATED")] : [];
  let pendingBytes = 0;
  let next = position.nextSequenceNo;
  let tip: StrandTip | undefined;
  const sent = { blocks: 0, records: 0 };

  const flush = async (): Promise<void> => {
    if (pending.length === 0) return;
    await handOver(options, pending);
    sent.records += pending.length;
    sent.blocks += next - position.nextSequenceNo;
    const { mark } = options.target;
    position = { ...position, nextSequenceNo: next, ...(mark === undefined ? {} : { mark }) };
    await writePosition(options.positionFile, position);
    pending = [];
    pendingBytes = 0;
    options.onProgress?.(position);
  };

  while (next <= until && !signal?.aborted) {
    for await (const record of blocks(next)) {
      if (signal?.aborted || next > until) break;
      mustFollow(record, strandId, next, tip);
      tip = tipAfter(record.block);
      pending.push(...blockRecords(record, { arn, strandId, channel }));
      pendingBytes += record.content.length;
      next++;
      if (next - position.nextSequenceNo >= BATCH_BLOCKS || pendingBytes >= BATCH_BYTES) await flush();
    }
    await flush();
    if (!follow) break;
    if (next <= until) await pause(POLL_MS, signal);
  }
  if (next > until) {
    pending = [controlRecord("COMPLETED")];
    await flush();
  }
  return { ...sent, nextSequenceNo: next };
}

async function handOver(options: StreamJournalOptions, records: readonly StreamRecord[]): Promise<void> {
  const { target, signal, retries = RETRIES, firstRetryMs = FIRST_RETRY_MS, onRetry } = options;
  for (let attempt = 0; ; attempt++) {
    try {
      return await target.send(records);
    } catch (error) {
      const isOver = !(error instanceof StreamRefused) || !error.isPassing || attempt >= retries || signal?.aborted;
      if (isOver) throw error;
      const pauseMs = Math.min(firstRetryMs * 2 ** attempt, LAST_RETRY_MS);
      onRetry?.(error, pauseMs);
      await pause(pauseMs, signal);
    }
  }
}

function mustFollow({ block }: JournalRecord, strandId: string, next: number, tip: StrandTip | undefined): void {
  const { address } = block;
  if (address.strandId !== strandId || address.sequenceNo !== next) {
    const found = `block ${address.sequenceNo} of strand ${address.strandId}`;
    throw new HansaError("STREAM_BROKEN", `${found} came where block ${next} of strand ${strandId} belongs.`, {
      nextStep: "Begin another stream: the channel is not the one that this stream has been of",
    });
  }
  verifyBlock(block, tip);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}
