import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Bytes, sha256, unixMs } from "@hansa/primitives";
import { hansa } from "@hansa/wire";
import { type BlockContents, emptyTip, type JournalBlock, nextBlock, tipAfter, verifyBlock } from "./block.js";
import { JournalError } from "./error.js";
import { rootFrom } from "./fold.js";
import { dot, merkleRoot } from "./hash.js";
import { blockLeaf, entriesLogRoot, entryLeaf, joinLog, type LogProof, logLeaf, logProof } from "./log.js";
import { blockPath, digestAt, entryPath, verifyPath } from "./proof.js";
import { channelStrandId, idFromBytes } from "./strand-id.js";
import { completedNodes, NodeList, treeRoot } from "./tree.js";

const strandId = channelStrandId("deliveries", sha256(Buffer.from("genesis")));

function contents(n: number, envelopes: number): BlockContents {
  return {
    channelId: "deliveries",
    timestampMs: unixMs(1_000 * n),
    headerHash: sha256(Buffer.from(`header ${n}`)),
    envelopes: Array.from({ length: envelopes }, (_, i) => Buffer.from(`envelope ${n}.${i}`)),
  };
}

function strand(length: number): { blocks: JournalBlock[]; nodes: NodeList; logNodes: NodeList } {
  const nodes = new NodeList();
  const logNodes = new NodeList();
  const blocks: JournalBlock[] = [];
  let tip = emptyTip(strandId);
  for (let n = 0; n < length; n++) {
    const block = nextBlock(tip, contents(n, 1 + (n % 5)));
    verifyBlock(block, tip);
    nodes.append(completedNodes(n, block.blockHash, nodes.read));
    logNodes.append(completedNodes(n, logLeaf(block), logNodes.read, joinLog));
    blocks.push(block);
    tip = tipAfter(block);
  }
  return { blocks, nodes, logNodes };
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
    assert.equal(idFromBytes(Buffer.alloc(16)), "0".repeat(22));
    assert.equal(idFromBytes(Buffer.from("0000000000000000000000000000003d", "hex")), `${"0".repeat(21)}z`);
    const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const bytes = sha256(Buffer.from("any")).subarray(0, 16);
    const value = [...idFromBytes(bytes)].reduce((sum, digit) => sum * 62n + BigInt(digits.indexOf(digit)), 0n);
    assert.equal(value, BigInt(`0x${Buffer.from(bytes).toString("hex")}`));
  });
});

describe("proofs over a strand", () => {
  it("leads every entry and every block to every later digest", () => {
    const { blocks, nodes, logNodes } = strand(13);
    for (const tip of blocks) {
      const digest = digestAt(tip, { node: nodes.read, logNode: logNodes.read });
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
    assert.ok(!verifyPath(block.blockHash, [short], treeRoot(4, nodes.read)));
  });
});

describe("a proof with any bit changed", () => {
  it("leads nowhere, by either rule", () => {
    const { blocks, nodes, logNodes } = strand(6);
    const block = blocks[3] as JournalBlock;
    const digest = digestAt(blocks[5] as JournalBlock, { node: nodes.read, logNode: logNodes.read });
    const leaf = block.entryHashes[2] as Bytes;
    const path = entryPath(block, 2, 5, nodes.read);
    const proof = logProof(block, 2, 5, logNodes.read);
    const leads = (hash: Bytes, { binding, entryCount, entryPath: inBlock, blockPath: above }: LogProof) => {
      const entries = rootFrom(entryLeaf(hash), 2, entryCount, inBlock, joinLog);
      const top = entries && rootFrom(blockLeaf(sha256(binding), entryCount, entries), 3, 6, above, joinLog);
      return top !== undefined && Buffer.from(top).equals(digest.logRoot);
    };
    assert.ok(verifyPath(leaf, path, digest.hash) && leads(leaf, proof));
    const eachBit = (items: readonly Bytes[], check: (changed: Bytes[]) => void) => {
      items.forEach((item, i) => {
        for (let bit = 0; bit < item.length * 8; bit++) {
          const copy = Buffer.from(item);
          copy[bit >> 3] = copy.readUInt8(bit >> 3) ^ (1 << (bit & 7));
          check(items.map((each, j) => (j === i ? copy : each)));
        }
      });
    };
    eachBit([leaf], ([hash]) =>
      assert.ok(!verifyPath(hash as Bytes, path, digest.hash) && !leads(hash as Bytes, proof)),
    );
    eachBit([digest.hash], ([hash]) => assert.ok(!verifyPath(leaf, path, hash as Bytes)));
    eachBit(path, (changed) => assert.ok(!verifyPath(leaf, changed, digest.hash)));
    eachBit([proof.binding], ([binding]) => assert.ok(!leads(leaf, { ...proof, binding: binding as Bytes })));
    eachBit(proof.entryPath, (changed) => assert.ok(!leads(leaf, { ...proof, entryPath: changed })));
    eachBit(proof.blockPath, (changed) => assert.ok(!leads(leaf, { ...proof, blockPath: changed })));
  });
});

describe("proofs in the log", () => {
  it("lead every entry to every later root, from its own place alone", () => {
    const { blocks, logNodes } = strand(9);
    for (const tip of blocks) {
      const size = tip.address.sequenceNo + 1;
      const root = Buffer.from(treeRoot(size, logNodes.read, joinLog));
      for (const block of blocks.slice(0, size)) {
        block.entryHashes.forEach((hash, index) => {
          const proof = logProof(block, index, tip.address.sequenceNo, logNodes.read);
          const at = (entry: number, sequenceNo: number, count = proof.entryCount) => {
            const entries = rootFrom(entryLeaf(hash), entry, count, proof.entryPath, joinLog);
            if (entries === undefined) return undefined;
            const leaf = blockLeaf(sha256(proof.binding), count, entries);
            return rootFrom(leaf, sequenceNo, size, proof.blockPath, joinLog);
          };
          const leads = (found: Bytes | undefined) => found !== undefined && root.equals(found);
          const { sequenceNo } = block.address;
          assert.ok(leads(at(index, sequenceNo)));
          for (let other = 0; other < size; other++) {
            if (other !== sequenceNo) assert.ok(!leads(at(index, other)), `block ${sequenceNo} as ${other} of ${size}`);
          }
          for (let other = 0; other < block.entryHashes.length; other++) {
            if (other !== index) assert.ok(!leads(at(other, sequenceNo)), `entry ${index} as ${other}`);
          }
          for (const count of [proof.entryCount - 1, proof.entryCount + 1]) {
            assert.ok(!leads(at(index, sequenceNo, count)), `one of ${count} entries`);
          }
        });
      }
    }
  });

  it("has the roots of RFC 9162's own construction", () => {
    const { blocks, logNodes } = strand(11);
    const root = (data: readonly Bytes[]): Bytes => {
      if (data.length === 1) return sha256(Buffer.concat([Buffer.of(0), data[0] as Bytes]));
      let half = 1;
      while (half * 2 < data.length) half *= 2;
      return sha256(Buffer.concat([Buffer.of(1), root(data.slice(0, half)), root(data.slice(half))]));
    };
    const data = blocks.map(({ binding, entryHashes }) => {
      const count = Buffer.alloc(8);
      count.writeBigUInt64BE(BigInt(entryHashes.length));
      return Buffer.concat([sha256(binding), count, root(entryHashes)]);
    });
    for (let size = 1; size <= data.length; size++) {
      assert.deepEqual(treeRoot(size, logNodes.read, joinLog), root(data.slice(0, size)), `size ${size}`);
    }
  });

  it("tells two orders of the same blocks apart where the dot rule does not", () => {
    const [a, b] = [sha256(Buffer.from("a")), sha256(Buffer.from("b"))];
    assert.deepEqual(merkleRoot([a, b]), merkleRoot([b, a]));
    assert.notDeepEqual(merkleRoot([a, b], joinLog), merkleRoot([b, a], joinLog));
    // A node of the tree passes for a leaf under the dot rule.
    const c = sha256(Buffer.from("c"));
    assert.deepEqual(merkleRoot([a, b, c]), merkleRoot([dot(a, b), c]));
    assert.notDeepEqual(entriesLogRoot([a, b, c]), entriesLogRoot([joinLog(a, b), c]));
  });
});
