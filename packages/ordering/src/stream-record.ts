/**
 * What orderers that share a stream write into it, as bytes and as values. Source of the shapes: proto/hansa/ordering.proto.
 */
import type { SignedData, SigningIdentity } from "@hansa/msp";
import { type Bytes, bytesKey, NO_BYTES, type UnixMs } from "@hansa/primitives";
import { common, decode, encode, hansa, METADATA, type SplitBlock, toLong, toNumber, WireError } from "@hansa/wire";

const { SignedRecord, Record, StreamPosition: WirePosition } = hansa.ordering;

/** Length of a record's id. */
export const RECORD_ID_BYTES = 16;

export type SubmittedItem = {
  readonly envelope: Bytes;
  readonly configSequence: bigint;
  readonly isConfig: boolean;
};

export type RecordBody =
  | {
      readonly kind: "submission";
      readonly items: readonly SubmittedItem[];
      /** Wishes a cut if the last one was so long ago by the stream's time; undefined wishes none. */
      readonly cutAfterMs: number | undefined;
    }
  | { readonly kind: "cut"; readonly blockNumber: bigint }
  | { readonly kind: "restored"; readonly block: Bytes; readonly timestampMs: UnixMs };

export type StreamRecord = {
  /** A key made of the record's id. */
  readonly id: string;
  /** The stream that it was written for; empty in records of earlier versions. */
  readonly streamId: string;
  readonly afterSequence: number;
  readonly timestampMs: UnixMs;
  readonly body: RecordBody;
};

/** Where a block's last message stands in the stream. Before the first message: sequence 0. */
export type StreamPosition = {
  readonly sequence: number;
  readonly messageHash: Bytes;
  /** Of the message's items, those up to the block's last. */
  readonly itemsTaken: number;
  /** The stream's time at that message. */
  readonly timeMs: UnixMs;
  /** The stream's time when the block was cut. */
  readonly cutAtMs: UnixMs;
};

export const STREAM_START: StreamPosition = {
  sequence: 0,
  messageHash: NO_BYTES,
  itemsTaken: 0,
  timeMs: 0 as UnixMs,
  cutAtMs: 0 as UnixMs,
};

export type RecordFields = {
  /** RECORD_ID_BYTES of chance. */
  readonly id: Bytes;
  readonly streamId: string;
  readonly afterSequence: number;
  readonly timestampMs: UnixMs;
  readonly body: RecordBody;
};

/** The bytes of a message of the stream. */
export function signRecord(fields: RecordFields, orderer: SigningIdentity): Bytes {
  const { id, streamId, afterSequence, timestampMs, body } = fields;
  const record = encode(Record, {
    id,
    streamId,
    afterSequence: toLong(afterSequence),
    timestampMs: toLong(timestampMs),
    ...wireBody(body),
  });
  return encode(SignedRecord, { record, identity: orderer.serialized, signature: orderer.sign(record) });
}

function wireBody(body: RecordBody): hansa.ordering.IRecord {
  switch (body.kind) {
    case "submission":
      return {
        submission: {
          items: body.items.map((item) => ({ ...item, configSequence: toLong(item.configSequence) })),
          cut: body.cutAfterMs !== undefined,
          cutAfterMs: body.cutAfterMs ?? 0,
        },
      };
    case "cut":
      return { cut: { blockNumber: toLong(body.blockNumber) } };
    case "restored":
      return { restored: { block: body.block, timestampMs: toLong(body.timestampMs) } };
  }
}

/** A message of the stream, read but not judged; undefined when it is no record at all. */
export function readRecord(message: Bytes): { record: StreamRecord; signed: SignedData } | undefined {
  try {
    const { record: bytes, identity, signature } = decode(SignedRecord, message, "hansa.ordering.SignedRecord");
    const record = decode(Record, bytes, "hansa.ordering.Record");
    const body = readBody(record);
    if (body === undefined || record.id.length !== RECORD_ID_BYTES) return undefined;
    return {
      record: {
        id: bytesKey(record.id),
        streamId: record.streamId,
        afterSequence: toNumber(record.afterSequence),
        timestampMs: toNumber(record.timestampMs) as UnixMs,
        body,
      },
      signed: { identity, message: bytes, signature },
    };
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function readBody({ submission, cut, restored }: hansa.ordering.IRecord): RecordBody | undefined {
  if (submission) {
    const items = (submission.items ?? []).map(({ envelope, configSequence, isConfig }) => ({
      envelope: envelope ?? NO_BYTES,
      configSequence: BigInt(toNumber(configSequence)),
      isConfig: isConfig ?? false,
    }));
    return { kind: "submission", items, cutAfterMs: submission.cut ? (submission.cutAfterMs ?? 0) : undefined };
  }
  if (cut) return { kind: "cut", blockNumber: BigInt(toNumber(cut.blockNumber)) };
  if (restored) {
    const timestampMs = toNumber(restored.timestampMs) as UnixMs;
    return { kind: "restored", block: restored.block ?? NO_BYTES, timestampMs };
  }
  return undefined;
}

export function encodePosition({ sequence, messageHash, itemsTaken, timeMs, cutAtMs }: StreamPosition): Bytes {
  const [timestampMs, cutAt] = [toLong(timeMs), toLong(cutAtMs)];
  return encode(WirePosition, { sequence: toLong(sequence), messageHash, itemsTaken, timestampMs, cutAtMs: cutAt });
}

/** Where the block ends in the stream; a genesis block, and one that no stream led to, end before its first message. */
export function positionOf({ metadata }: SplitBlock): StreamPosition {
  const slot = metadata[METADATA.ORDERER] ?? NO_BYTES;
  if (slot.length === 0) return STREAM_START;
  const { value } = decode(common.Metadata, slot, "common.Metadata of ORDERER");
  return decodePosition(value);
}

/** @param bytes hansa.ordering.StreamPosition @throws WireError */
export function decodePosition(bytes: Bytes): StreamPosition {
  const { sequence, messageHash, itemsTaken, timestampMs, cutAtMs } = decode(
    WirePosition,
    bytes,
    "hansa.ordering.StreamPosition",
  );
  return {
    sequence: toNumber(sequence),
    messageHash,
    itemsTaken,
    timeMs: toNumber(timestampMs) as UnixMs,
    cutAtMs: toNumber(cutAtMs) as UnixMs,
  };
}
