import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Bytes, sha256, unixMs } from "@hansa/primitives";
import { hansa } from "@hansa/wire";
import { type BlockContents, emptyTip, type JournalBlock, nextBlock, tipAfter, verifyBlock } from "./block.js";
import { JournalError } from "./error.js";
import { blockPath, digestAt, entryPath, verifyPath } from "./proof.js";
import { channelStrandId } from "./strand-id.js";
import { completedNodes, NodeList } from "./tree.js";

const strandId = channelStrandId("deliveries", sha256(Buffer.from("genesis")));

function contents(n: number, envelopes: number): BlockContents {
  return {
    channelId: "deliveries",
    timestampMs: unixMs(1_000 * n),
    headerHash: sha256(Buffer.from(`header ${n}`)),
    envelopes: Array.from({ length: envelopes }, (_, i) => Buffer.from(`envelope ${n}.${i}`)),
  };
}

function strand(length: number): { blocks: JournalBlock[]; nodes: NodeList } {
  const nodes = new NodeList();
  const blocks: JournalBlock[] = [];
  let tip = emptyTip(strandId);
  for (let n = 0; n < length; n++) {
    const block = nextBlock(tip, contents(n, 1 + (n % 5)));
    verifyBlock(block, tip);
    nodes.append(completedNodes(n, block.blockHash, nodes.read));
    blocks.push(block);
    tip = tipAfter(block);
  }
  return { blocks, nodes };
}

describe("a journal block", () => {
  it("binds strand, number, time, channel and header in entry 0", () => {
    const block = nextBlock({ ...emptyTip(strandId), size: 7 }, contents(7, 2));
    const binding = hansa.journal.BlockBinding.decode(block.binding);
    assert.equal(binding.format, "hansa.journal.block/1");
    assert.equal(binding.address?.strandId, strandId);
    assert.equal(Number(binding.address?.sequenceNo), 7);
    assert.equal(Number(binding.timestampMs), 7_000);
    assert.equal(binding.channelId, "deliveries");
    assert.deepEqual(Buffer.from(binding.headerHash), Buffer.from(contents(7, 2).headerHash));
    assert.deepEqual(block.entryHashes[0], sha256(block.binding));
    assert.deepEqual(block.entryHashes[2], sha256(Buffer.from("envelope 7.1")));
  });

  it("never runs back in time", () => {
    const tip = { ...emptyTip(strandId), size: 1, lastTimestampMs: unixMs(9_000) };
    assert.equal(nextBlock(tip, contents(3, 1)).timestampMs, 9_000);
  });

  it("names the hash that does not hold", () => {
    const { blocks } = strand(3);
    const block = blocks[2] as JournalBlock;
    const forged = sha256(Buffer.from("forged"));
    const attempts: [string, JournalBlock][] = [
      ["entry 0", { ...block, binding: Buffer.from("other") }],
      ["entriesHash", { ...block, entryHashes: [...block.entryHashes, forged] }],
      ["blockHash", { ...block, previousBlockHash: forged }],
    ];
    for (const [what, damaged] of attempts) {
      assert.throws(
        () => verifyBlock(damaged),
        (error) => error instanceof JournalError && error.fault.code === "HASH_MISMATCH" && error.fault.what === what,
      );
    }
  });

  it("gives 22-character strand ids that depend on name and genesis", () => {
    assert.match(strandId, /^[0-9A-Za-z]{22}$/);
    assert.notEqual(strandId, channelStrandId("deliveries", sha256(Buffer.from("other genesis"))));
    assert.notEqual(strandId, channelStrandId("orders", sha256(Buffer.from("genesis"))));
  });
});

describe("proofs over a strand", () => {
  it("leads every entry and every block to every later digest", () => {
    const { blocks, nodes } = strand(13);
    for (const tip of blocks) {
      const digest = digestAt(tip, nodes.read);
      for (const block of blocks.slice(0, tip.address.sequenceNo + 1)) {
        const path = blockPath(block.address, tip.address.sequenceNo, nodes.read);
        assert.ok(verifyPath(block.blockHash, path, digest.hash));
        block.entryHashes.forEach((leaf, i) => {
          const whole = entryPath(block, i, tip.address.sequenceNo, nodes.read);
          assert.ok(verifyPath(leaf, whole, digest.hash));
          assert.ok(!verifyPath(sha256(leaf), whole, digest.hash));
        });
      }
    }
  });

  it("refuses a digest older than the block, an entry that is not there, and malformed hashes", () => {
    const { blocks, nodes } = strand(4);
    const block = blocks[3] as JournalBlock;
    const fails = (code: string, act: () => unknown) =>
      assert.throws(act, (error) => error instanceof JournalError && error.code === code);
    fails("TIP_TOO_OLD", () => blockPath(block.address, 2, nodes.read));
    fails("ENTRY_NOT_FOUND", () => entryPath(block, block.entryHashes.length, 3, nodes.read));
    const short: Bytes = Buffer.alloc(31);
    assert.ok(!verifyPath(short, [], short));
    assert.ok(!verifyPath(block.blockHash, [short], digestAt(block, nodes.read).hash));
  });
});
