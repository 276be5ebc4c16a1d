/** What every JournalStore must do; run on each implementation. */
import assert from "node:assert/strict";
import { it } from "node:test";
import {
  blockLeaf,
  blockPath,
  channelStrandId,
  digestAt,
  emptyTip,
  entryLeaf,
  type JournalBlock,
  JournalError,
  type JournalRecord,
  type JournalStore,
  joinLog,
  type LogProof,
  logProof,
  nextBlock,
  rootFrom,
  type StrandInfo,
  type StrandTip,
  tipAfter,
  verifyPath,
} from "@hansa/journal";
import { AssertionFailed, type Bytes, sha256, toHex, unixMs } from "@hansa/primitives";

export const strandInfo = (name: string): StrandInfo => ({
  strandId: channelStrandId(name, sha256(Buffer.from("genesis"))),
  name,
});

export function sampleRecord(tip: StrandTip, contentBytes = 300): JournalRecord {
  const n = tip.size;
  const envelopes = Array.from({ length: n % 4 }, (_, i) => Buffer.from(`envelope ${n}.${i}`));
  const headerHash = sha256(Buffer.from(`header ${n}`));
  const block = nextBlock(tip, { channelId: "deliveries", timestampMs: unixMs(1_000 + n), headerHash, envelopes });
  return { block, content: Buffer.alloc(contentBytes, `content of block ${n}; `) };
}

export function sampleRecords(tip: StrandTip, count: number, contentBytes?: number): JournalRecord[] {
  const records: JournalRecord[] = [];
  for (let i = 0; i < count; i++) {
    const record = sampleRecord(tip, contentBytes);
    records.push(record);
    tip = tipAfter(record.block);
  }
  return records;
}

const failsWith = (code: string) => (error: unknown) => error instanceof JournalError && error.code === code;

export function journalStoreSuite(make: () => Promise<JournalStore>): void {
  const info = strandInfo("deliveries");

  it("lists, opens and removes what was created", async () => {
    const store = await make();
    assert.deepEqual(await store.list(), []);
    const strand = await store.create(info);
    assert.deepEqual(strand.info, info);
    assert.deepEqual(strand.tip, emptyTip(info.strandId));
    assert.deepEqual(await store.list(), [info]);
    assert.equal(await store.open(info.strandId), strand);
    await assert.rejects(store.create(info), failsWith("STRAND_EXISTS"));
    await store.remove(info.strandId);
    await store.remove(info.strandId);
    assert.deepEqual(await store.list(), []);
    await assert.rejects(store.open(info.strandId), failsWith("STRAND_NOT_FOUND"));
    assert.equal((await store.create(info)).tip.size, 0);
    await store.close();
  });

  it("returns every block and its content as appended", async () => {
    const store = await make();
    const strand = await store.create(info);
    const records = sampleRecords(strand.tip, 25);
    await strand.append(records.slice(0, 1));
    await strand.append(records.slice(1, 9));
    await strand.append([]);
    await strand.append(records.slice(9));
    assert.deepEqual(strand.tip, tipAfter((records[24] as JournalRecord).block));
    for (const { block, content } of records) {
      const { sequenceNo } = block.address;
      assert.deepEqual(normal(await strand.block(sequenceNo)), normal(block));
      assert.deepEqual(Buffer.from(await strand.content(sequenceNo)), Buffer.from(content));
      const both = await strand.record(sequenceNo);
      assert.deepEqual(normal(both.block), normal(block));
      assert.deepEqual(Buffer.from(both.content), Buffer.from(content));
    }
    // All at once: none may see what another one reads.
    const peeked = await Promise.all(
      records.map((_, n) => strand.peek(n, ({ block, content }) => ({ block, content: Buffer.from(content) }))),
    );
    for (const [n, { block, content }] of records.entries()) {
      assert.deepEqual(normal(peeked[n]!.block), normal(block));
      assert.deepEqual(peeked[n]!.content, Buffer.from(content));
    }
    for (const missing of [25, -1, 1.5]) {
      await assert.rejects(
        strand.peek(missing, () => assert.fail("there is none")),
        failsWith("BLOCK_NOT_FOUND"),
      );
      await assert.rejects(strand.block(missing), failsWith("BLOCK_NOT_FOUND"));
      await assert.rejects(strand.content(missing), failsWith("BLOCK_NOT_FOUND"));
    }
    await store.close();
  });

  it("takes appends that are made before the last one is durable, in order", async () => {
    const store = await make();
    const strand = await store.create(info);
    const records = sampleRecords(strand.tip, 40);
    const finished: number[] = [];
    await Promise.all(
      records.map((record, i) =>
        strand.append([record]).then(() => {
          assert.ok(strand.tip.size > i);
          finished.push(i);
        }),
      ),
    );
    assert.deepEqual(
      finished,
      records.map((_, i) => i),
    );
    assert.equal(strand.tip.size, 40);
    await store.close();
  });

  it("keeps the tree that proves each block at each tip", async () => {
    const store = await make();
    const strand = await store.create(info);
    const records = sampleRecords(strand.tip, 21);
    await strand.append(records);
    for (const { block: tip } of records) {
      const digest = digestAt(tip, strand);
      for (const { block } of records.slice(0, tip.address.sequenceNo + 1)) {
        const path = blockPath(block.address, tip.address.sequenceNo, strand.node);
        assert.ok(verifyPath(block.blockHash, path, digest.hash));
        block.entryHashes.forEach((hash, index) => {
          const proof = logProof(block, index, tip.address.sequenceNo, strand.logNode);
          assert.deepEqual(logRootFrom(hash, index, block, tip, proof), Buffer.from(digest.logRoot));
        });
      }
    }
    await store.close();
  });

  it("refuses a block that does not follow the tip, and goes on", async () => {
    const store = await make();
    const strand = await store.create(info);
    const [first, second] = sampleRecords(strand.tip, 2) as [JournalRecord, JournalRecord];
    const attempt = async (record: JournalRecord) => strand.append([record]);
    await assert.rejects(attempt(second), AssertionFailed);
    await attempt(first);
    await assert.rejects(attempt(first), AssertionFailed);
    await assert.rejects(
      attempt(sampleRecord({ ...strand.tip, lastBlockHash: sha256(first.content) })),
      AssertionFailed,
    );
    await attempt(second);
    assert.equal(strand.tip.size, 2);
    await store.close();
  });
}

function logRootFrom(hash: Bytes, index: number, block: JournalBlock, tip: JournalBlock, proof: LogProof) {
  const entries = rootFrom(entryLeaf(hash), index, proof.entryCount, proof.entryPath, joinLog);
  assert.ok(entries !== undefined);
  const leaf = blockLeaf(sha256(proof.binding), proof.entryCount, entries);
  const { sequenceNo } = block.address;
  return Buffer.from(rootFrom(leaf, sequenceNo, tip.address.sequenceNo + 1, proof.blockPath, joinLog) ?? []);
}

/** The block with hashes as text: views and buffers of the same bytes compare equal. */
function normal(block: JournalBlock): unknown {
  return {
    ...block,
    binding: toHex(block.binding),
    entryHashes: block.entryHashes.map(toHex),
    entriesHash: toHex(block.entriesHash),
    previousBlockHash: toHex(block.previousBlockHash),
    blockHash: toHex(block.blockHash),
  };
}
