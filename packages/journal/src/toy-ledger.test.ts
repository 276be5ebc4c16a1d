/** A three-block ledger whose hashes were computed with independent Ion libraries: the lists must fold to its digests. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBase64, NO_BYTES, toBase64 } from "@hansa/primitives";
import { dot, foldPath, merklePath, merkleRoot } from "./hash.js";
import { completedNodes, NodeList, treePath, treeRoot } from "./tree.js";

const block0 = {
  txInfo: fromBase64("MAXFqfZt+Gdt55LNw95NbvmWgjp4H5Gud2VVWDek0Rg="),
  revision: fromBase64("1EMHPenPqBTFy3MNwLrzSBVLjL0vFpn2ctoCtOOgVno="),
  dataHash: fromBase64("mmY0/chKgT4F0MfXHJa+yv63kpv3OPCbbwIre8dAshg="),
  metadataHash: fromBase64("ieuUg0PfcIuj1xBdMbgFQ5aQnN/4+Ym0bhf/BWGTeK4="),
};
const revisions1 = [
  "9nYiykZRCqdRPdVafx9o5lWMM5h6i1XR/ZUBhH/bNis=",
  "HBRHERD/xcJR9PO/oFCYLRZYRg8tcOgKLLURoG+CrK8=",
  "QNLrJGVAUiLp3EZtAeJxp6OuJ+kjg/qV4quCJJ2UoKQ=",
].map(fromBase64);
const txInfo1 = fromBase64("MToRYYK5Jbgel2PiTh/6OACqd7A8OPO4STnKvTSzSzc=");
const entriesHash2 = fromBase64("pwjbTc2y3kxagD1qo7NRVMitSgNkfxpawsnc8y6GAFA=");

const hash0 = dot(merkleRoot([block0.txInfo, block0.revision]), NO_BYTES);
const hash1 = dot(merkleRoot([txInfo1, merkleRoot(revisions1)]), hash0);
const hash2 = dot(merkleRoot([entriesHash2]), hash1);

function grown(): NodeList {
  const nodes = new NodeList();
  [hash0, hash1, hash2].forEach((hash, i) => {
    nodes.append(completedNodes(i, hash, nodes.read));
  });
  return nodes;
}

describe("the toy ledger", () => {
  it("has the known revision, entries and block hashes", () => {
    assert.equal(toBase64(dot(block0.dataHash, block0.metadataHash)), toBase64(block0.revision));
    assert.equal(toBase64(hash0), "H2BSHxQqLmoc9i5iRyfKN4bkI8JrQkxgMLH+1uHZJRs=");
    assert.equal(toBase64(merkleRoot(revisions1)), "nLpK3gPVR/xzBAuhWSciAA5ZWQO8j7LKieK7uGVmiaU=");
    const entriesHash1 = merkleRoot([txInfo1, merkleRoot(revisions1)]);
    assert.equal(toBase64(entriesHash1), "BcGumYdjZZ5SdMINMvZK3ZfdfktmdIsFSakH9xcvpMQ=");
    assert.equal(toBase64(hash1), "pMOLaLguH90lhV735B+lA8QDG2I92Ak6vMQfT7NdeHQ=");
    assert.equal(toBase64(hash2), "2Znt0db74dXVndlXq2QJ8t8gtZv/YCoijLvKE5fwkK8=");
  });

  it("has the known digest at each tip", () => {
    const { read } = grown();
    assert.equal(toBase64(treeRoot(1, read)), "H2BSHxQqLmoc9i5iRyfKN4bkI8JrQkxgMLH+1uHZJRs=");
    assert.equal(toBase64(treeRoot(2, read)), "ZUMZeoq3j+ORN31imyQ+Y69nh3gTsFpxDn0aXt5/Szw=");
    assert.equal(toBase64(treeRoot(3, read)), "lUDVCACMnSWiIbm1HFadPuB0sqghu/z6j/wBV60ND3s=");
  });

  it("proves document 3 of block 1, and block 2, against tip 2", () => {
    const { read } = grown();
    const path = [
      ...merklePath(revisions1, 1),
      ...merklePath([txInfo1, merkleRoot(revisions1)], 1),
      hash0,
      ...treePath(1, 3, read),
    ];
    assert.deepEqual(
      path.map((item) => toBase64(item).slice(0, 4)),
      ["9nYi", "QNLr", "MToR", "H2BS", "H2BS", "2Znt"],
    );
    assert.deepEqual(foldPath(revisions1[1] as Uint8Array, path), treeRoot(3, read));
    const blockPath = treePath(2, 3, read);
    assert.deepEqual(
      blockPath.map((item) => toBase64(item).slice(0, 4)),
      ["ZUMZ"],
    );
    assert.deepEqual(foldPath(hash2, blockPath), treeRoot(3, read));
  });
});
