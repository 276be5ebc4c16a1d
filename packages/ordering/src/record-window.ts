/**
 * Which records of a shared stream count. Its maker says what it had read of the stream; a record is ignored when it
 * stands `RECORD_WINDOW` messages or more behind that, or when the same id stands between. So nothing older has to be
 * remembered, and a maker that has read that far without meeting its record may send its messages anew.
 */
import type { SignedData } from "@hansa/msp";
import type { Bytes } from "@hansa/primitives";
import { type RecordBody, readRecord, type StreamPosition, type StreamRecord } from "./stream-record.js";

/** How many messages of the stream a record may come late, and how many ids are remembered. */
export const RECORD_WINDOW = 256;

/** One message of a submission: which record, and its place in it. */
export type ItemRef = { readonly recordId: string; readonly index: number };

export type IgnoreReason =
  | "no record"
  | "seen before"
  | "too late"
  | "of another stream"
  | "from a longer stream"
  | "not signed by an orderer"
  | "not the next block";

/** Ids of the newest records and where each came first, oldest first. */
export type RecentIds = Map<string, number>;

/** A message of the stream and where it stands. */
export type Placed = { readonly sequence: number; readonly message: Bytes };

/** Where reading has to begin so that the ids that count at a position are known: at the message after this one. */
export function idsFrom({ sequence }: Pick<StreamPosition, "sequence">): number {
  return Math.max(0, sequence - 1 - RECORD_WINDOW);
}

/** @param earlier oldest first */
export function recentIdsOf(earlier: readonly Placed[]): RecentIds {
  const recent: RecentIds = new Map();
  for (const { sequence, message } of earlier) {
    const id = readRecord(message)?.record.id;
    if (id !== undefined && !recent.has(id)) recent.set(id, sequence);
  }
  return recent;
}

/** A stream up to some message, as far as records depend on it. */
export type RecordPlace = {
  readonly streamId: string;
  readonly sequence: number;
  readonly recentIds: RecentIds;
};

/** What becomes of records, whatever a strand makes of those that count. */
export type RecordConsequence =
  /** Not ordered, and not wrong: whoever sent it may judge it anew and send it again. */
  | { readonly kind: "resubmit"; readonly item: ItemRef }
  | { readonly kind: "ignored"; readonly recordId: string | undefined; readonly reason: IgnoreReason };

type Ignored = Extract<RecordConsequence, { kind: "ignored" }>;

/**
 * The record at this place of the stream, if it counts there.
 * @param isByOrderer whether one who may write into the stream has signed it
 */
export function takeRecord(
  place: RecordPlace,
  message: Bytes,
  isByOrderer: (signed: SignedData, body: RecordBody) => boolean,
): StreamRecord | Ignored {
  const read = readRecord(message);
  if (read === undefined) return { kind: "ignored", recordId: undefined, reason: "no record" };
  const { record, signed } = read;
  const fault =
    placeRecord(place, record) ?? (isByOrderer(signed, record.body) ? undefined : "not signed by an orderer");
  return fault === undefined ? record : { kind: "ignored", recordId: record.id, reason: fault };
}

export function isIgnored(taken: StreamRecord | Ignored): taken is Ignored {
  return "kind" in taken;
}

/** Notes a record at its place, and says why it does not count there; undefined when nothing here speaks against it. */
function placeRecord(
  { streamId, sequence, recentIds: recent }: RecordPlace,
  { id, afterSequence, streamId: madeFor }: StreamRecord,
): IgnoreReason | undefined {
  const isSeen = recent.has(id);
  if (!isSeen) recent.set(id, sequence);
  for (const [known, at] of recent) {
    if (at >= sequence - RECORD_WINDOW) break;
    recent.delete(known);
  }
  if (isSeen) return "seen before";
  // Whoever may write into the servers could else have what was sent to one channel stand on another.
  if (madeFor !== "" && madeFor !== streamId) return "of another stream";
  if (afterSequence >= sequence) return "from a longer stream";
  return afterSequence < sequence - RECORD_WINDOW ? "too late" : undefined;
}
