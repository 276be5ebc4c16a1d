import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dom } from "ion-js";
import { authority, person, sampleStrand } from "../testing/sample-receipt.js";
import { blockRecords, controlRecord, streamRecordBytes } from "./records.js";

const strand = sampleStrand("deliveries", 5, person(authority("ca.pub"), "User1@pub", "client"));
const strandId = strand.blocks[0]!.address.strandId;
const identity = {
  arn: "arn:aws:qldb:local:000000000000:stream/beer/0123456789012345678901",
  strandId,
  channel: "deliveries",
};

describe("a journal's stream", () => {
  for (const format of ["ION_BINARY", "ION_TEXT"] as const) {
    it(`holds QLDB's records, as any reader of ${format} finds them`, () => {
      for (const [number, record] of strand.records.entries()) {
        const [summary, ...details] = blockRecords(record, identity).map(
          (each) => dom.load(streamRecordBytes(identity.arn, each, format))!,
        );
        assert.equal(summary?.get("qldbStreamArn")?.stringValue(), identity.arn);
        assert.equal(summary?.get("recordType")?.stringValue(), "BLOCK_SUMMARY");
        const payload = summary?.get("payload");
        assert.equal(payload?.get("blockAddress", "sequenceNo")?.numberValue(), number);
        assert.equal(payload?.get("blockAddress", "strandId")?.stringValue(), strandId);
        assert.deepEqual(
          Buffer.from(payload!.get("blockHash")!.uInt8ArrayValue()!),
          Buffer.from(record.block.blockHash),
        );
        assert.equal(payload?.get("revisions"), null);
        const summaries = payload!.get("revisionSummaries")!.elements();
        assert.equal(details.length, strand.envelopes[number]!.length);
        assert.equal(summaries.length, details.length);
        for (const [i, detail] of details.entries()) {
          assert.equal(detail.get("recordType")?.stringValue(), "REVISION_DETAILS");
          assert.equal(detail.get("payload", "tableInfo", "tableName")?.stringValue(), "deliveries");
          assert.equal(detail.get("payload", "tableInfo", "tableId")?.stringValue(), strandId);
          const revision = detail.get("payload", "revision")!;
          const envelope = revision.get("data", "envelope")!.uInt8ArrayValue()!;
          assert.deepEqual(Buffer.from(envelope), Buffer.from(strand.envelopes[number]![i]!));
          assert.deepEqual(
            Buffer.from(revision.get("hash")!.uInt8ArrayValue()!),
            Buffer.from(summaries[i]!.get("hash")!.uInt8ArrayValue()!),
          );
          assert.equal(revision.get("metadata", "id")?.stringValue(), summaries[i]!.get("documentId")?.stringValue());
        }
      }
    });
  }

  it("begins and ends with control records", () => {
    const bytes = streamRecordBytes(identity.arn, controlRecord("CREATED"), "ION_BINARY");
    const record = dom.load(bytes)!;
    assert.equal(record.get("recordType")?.stringValue(), "CONTROL");
    assert.equal(record.get("payload", "controlRecordType")?.stringValue(), "CREATED");
    assert.deepEqual(JSON.parse(Buffer.from(streamRecordBytes("a", controlRecord("COMPLETED"), "JSON")).toString()), {
      qldbStreamArn: "a",
      recordType: "CONTROL",
      payload: { controlRecordType: "COMPLETED" },
    });
  });
});
