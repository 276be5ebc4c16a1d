import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { NO_VECTORS, vector, vectorsFolder } from "../testing/vectors.js";
import { filteredBlock } from "./filtered-block.js";

describe("filtered block", () => {
  const folder = vectorsFolder();
  it("equals what a Fabric peer sends, and is refused where that peer refuses", {
    skip: folder ? false : NO_VECTORS,
  }, () => {
    const refused: number[] = [];
    for (let number = 0; number <= 145; number++) {
      const made = filteredBlock(vector(`${number}.block`));
      if (!existsSync(join(folder ?? "", `filtered/${number}.pb`))) {
        assert.equal(made, undefined, `block ${number}`);
        refused.push(number);
        continue;
      }
      assert.deepEqual(Buffer.from(made ?? []), Buffer.from(vector(`filtered/${number}.pb`)), `block ${number}`);
    }
    assert.deepEqual(refused, [114, 115]);
  });
});
