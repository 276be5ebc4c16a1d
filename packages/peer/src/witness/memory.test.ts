import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import {
  completedNodes,
  digestAt,
  digestBytes,
  emptyTip,
  joinLog,
  logLeaf,
  NodeList,
  nextBlock,
  tipAfter,
} from "@hansa/journal";
import { unixMs } from "@hansa/primitives";
import { blockDataHash, blockHeaderHash, joinBlock } from "@hansa/wire";
import { SignedDigests } from "./signed-digests.js";
import { StrandView } from "./strand-view.js";
import { readWitnessFile, writeWitnessFile } from "./witness-file.js";

const folder = mkdtempSync(path.join(tmpdir(), "hansa-witness-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const signedAt = (tip: number) => ({
  tip,
  digest: Buffer.from(`digest ${tip}`),
  orderer: { identity: Buffer.from("orderer"), signature: Buffer.from(`signature ${tip}`) },
  ownSignature: Buffer.from(`own ${tip}`),
});

/** Channel blocks as a peer has them: with other metadata than the orderer's. */
function channelBlocks(count: number): Uint8Array[] {
  let previousHash: Uint8Array = Buffer.alloc(0);
  return Array.from({ length: count }, (_, n) => {
    const envelopes = Array.from({ length: 1 + (n % 3) }, (_, i) => Buffer.from(`envelope ${n}.${i}`));
    const header = { number: BigInt(n), previousHash, dataHash: blockDataHash(envelopes) };
    previousHash = blockHeaderHash(header);
    return joinBlock({ header, envelopes, metadata: [Buffer.from(`peer's own ${n}`)] });
  });
}

describe("what a witness computes and remembers", () => {
  it("is the orderer's digest at every tip, also when it goes on from what was saved", () => {
    const [nodes, logNodes] = [new NodeList(), new NodeList()];
    let tip = emptyTip("strand");
    let view = StrandView.empty("strand");
    for (const [n, block] of channelBlocks(40).entries()) {
      const envelopes = Array.from({ length: 1 + (n % 3) }, (_, i) => Buffer.from(`envelope ${n}.${i}`));
      const header = { number: BigInt(n), previousHash: tipHash, dataHash: blockDataHash(envelopes) };
      const headerHash = blockHeaderHash(header);
      tipHash = headerHash;
      const made = nextBlock(tip, { channelId: "trade", timestampMs: unixMs(1_000 + n), headerHash, envelopes });
      nodes.append(completedNodes(n, made.blockHash, nodes.read));
      logNodes.append(completedNodes(n, logLeaf(made), logNodes.read, joinLog));
      tip = tipAfter(made);
      assert.ok(view.append(block, "trade", 1_000 + n));
      const expected = digestBytes(digestAt(made, { node: nodes.read, logNode: logNodes.read }), "trade");
      assert.deepEqual(Buffer.from(view.digest("trade")), Buffer.from(expected), `tip ${n}`);
      if (n % 7 === 0) view = StrandView.restore(JSON.parse(JSON.stringify(view.save())));
    }
    assert.ok(!view.append(channelBlocks(1)[0]!, "trade", 1), "time does not run backwards");
    assert.equal(view.size, 40);
  });

  it("is read again as it was written, and not at all when it was damaged", async () => {
    const file = path.join(folder, "witness");
    assert.equal(readWitnessFile(file), undefined);
    const view = StrandView.empty("strand");
    view.append(channelBlocks(1)[0]!, "trade", 5);
    await writeWitnessFile(file, { view, signed: new SignedDigests([signedAt(0)]) });
    const read = readWitnessFile(file);
    assert.deepEqual(read?.signed.all, [signedAt(0)]);
    assert.deepEqual(read?.view.save(), view.save());
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace('"size":1', '"size":2'));
    assert.equal(readWitnessFile(file), undefined);
    writeFileSync(file, text.slice(0, -20));
    assert.equal(readWitnessFile(file), undefined);
  });

  it("keeps all of the newest digests and some of all ages", () => {
    let signed = new SignedDigests();
    for (let tip = 0; tip < 1_000; tip++) signed = signed.with(signedAt(tip));
    const tips = signed.all.map(({ tip }) => tip);
    assert.ok(tips.length <= 64, `${tips.length}`);
    assert.deepEqual(
      tips.slice(-20),
      Array.from({ length: 20 }, (_, i) => 980 + i),
    );
    assert.equal(tips[0], 0);
    assert.equal(
      signed.before(500)?.tip,
      tips.findLast((tip) => tip < 500),
    );
    assert.equal(signed.after(999), undefined);
    assert.equal(signed.at(999)?.tip, 999);
  });
});

let tipHash: Uint8Array = Buffer.alloc(0);
