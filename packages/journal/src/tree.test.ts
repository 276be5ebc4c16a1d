import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Bytes, sha256 } from "@hansa/primitives";
import { dot, foldPath, merklePath, merkleRoot } from "./hash.js";
import { joinLog } from "./log.js";
import { completedNodes, consistencyPath, isConsistent, NodeList, nodeCount, treePath, treeRoot } from "./tree.js";

const SIZE = 70;
const leaves: Bytes[] = Array.from({ length: SIZE }, (_, i) => sha256(Buffer.from(`leaf ${i}`)));
const nodes = new NodeList();
const logNodes = new NodeList();
leaves.forEach((leaf, i) => {
  assert.equal(nodes.count, nodeCount(i));
  nodes.append(completedNodes(i, leaf, nodes.read));
  logNodes.append(completedNodes(i, leaf, logNodes.read, joinLog));
});

describe("the growing tree", () => {
  it("has the root of the plain list at every size", () => {
    for (let size = 0; size <= SIZE; size++) {
      assert.deepEqual(treeRoot(size, nodes.read), merkleRoot(leaves.slice(0, size)), `size ${size}`);
    }
  });

  it("gives the path of the plain list for every leaf at every size", () => {
    for (let size = 1; size <= SIZE; size++) {
      for (let i = 0; i < size; i++) {
        const path = treePath(i, size, nodes.read);
        assert.deepEqual(path, merklePath(leaves.slice(0, size), i), `leaf ${i} of ${size}`);
        assert.deepEqual(foldPath(leaves[i] as Bytes, path), treeRoot(size, nodes.read));
      }
    }
  });

  for (const [name, list, join] of [
    ["dot", nodes, dot],
    ["log", logNodes, joinLog],
  ] as const)
    it(`shows that later roots extend earlier ones, and only those (${name})`, () => {
      for (let later = 1; later <= SIZE; later++) {
        const laterRoot = treeRoot(later, list.read, join);
        for (let earlier = 1; earlier <= later; earlier++) {
          const earlierRoot = treeRoot(earlier, list.read, join);
          const path = consistencyPath(earlier, later, list.read, join);
          const holds = (e: Bytes, l: Bytes, p: readonly Bytes[]) =>
            isConsistent({ size: earlier, root: e }, { size: later, root: l }, p, join);
          assert.ok(holds(earlierRoot, laterRoot, path), `${earlier} to ${later}`);
          const forged = sha256(earlierRoot);
          assert.ok(!holds(forged, laterRoot, path));
          assert.ok(!holds(earlierRoot, forged, path));
          if (path.length > 0) assert.ok(!holds(earlierRoot, laterRoot, path.slice(1)));
          assert.ok(!holds(earlierRoot, laterRoot, [...path, forged]));
        }
      }
    });
});
