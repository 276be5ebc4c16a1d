/**
 * A journal as QLDB streams it to Kinesis: of each block one BLOCK_SUMMARY, then one REVISION_DETAILS for each revision,
 * and a CONTROL record where the stream begins and where it is complete. A record is an Ion struct
 * `{ qldbStreamArn, recordType, payload }`.
 *
 * Where QLDB has documents, a channel has envelopes, as in an export: a revision is an envelope, its document id the
 * transaction's. The one table is named after the channel, its id is the strand's.
 */
import type { Bytes } from "@hansa/primitives";
import { blockValue } from "../export/block-value.js";
import { writeValue } from "../export/format.js";
import { ionBinaryDocument } from "../export/ion-binary.js";
import type { ExportFormat, Value } from "../export/value.js";
import type { JournalRecord } from "../store.js";

export type StreamRecordType = "CONTROL" | "BLOCK_SUMMARY" | "REVISION_DETAILS";

export type StreamRecord = {
  readonly recordType: StreamRecordType;
  readonly payload: Value;
};

export type StreamIdentity = {
  readonly arn: string;
  readonly strandId: string;
  readonly channel: string;
};

type Fields = { readonly [field: string]: Value };

export function controlRecord(controlRecordType: "CREATED" | "COMPLETED"): StreamRecord {
  return { recordType: "CONTROL", payload: { controlRecordType } };
}

/** The records of one block, in their order. */
export function blockRecords(record: JournalRecord, { strandId, channel }: StreamIdentity): StreamRecord[] {
  const { revisions, channelBlock, ...summary } = blockValue(record) as Fields;
  const list = revisions as readonly Fields[];
  const revisionSummaries = list.map(({ hash, metadata }) => ({
    hash: hash as Value,
    documentId: (metadata as Fields).id as Value,
  }));
  const tableInfo = { tableName: channel, tableId: strandId };
  return [
    { recordType: "BLOCK_SUMMARY", payload: { ...summary, revisionSummaries } },
    ...list.map((revision): StreamRecord => ({ recordType: "REVISION_DETAILS", payload: { tableInfo, revision } })),
  ];
}

/** A record's bytes. In Ion binary each stands by itself; the others end with a line feed. */
export function streamRecordBytes(arn: string, { recordType, payload }: StreamRecord, format: ExportFormat): Bytes {
  const value = { qldbStreamArn: arn, recordType, payload };
  return format === "ION_BINARY" ? ionBinaryDocument(value) : writeValue(value, format);
}
