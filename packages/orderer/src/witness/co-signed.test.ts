import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { silentLogger } from "@hansa/primitives";
import fc from "fast-check";
import { CoSigned } from "./co-signed.js";
import { DigestFolder } from "./digest-folder.js";

const MEMBERS = ["A", "B", "C"];
const by = (mspId: string, peer = 0) => ({
  mspId,
  identity: Buffer.from(`${mspId}${peer}`),
  signature: Buffer.from(`signature of ${mspId}${peer}`),
});

describe("co-signed digests", () => {
  it("are witnessed when peers of more than half of the members signed, whoever signs twice", () => {
    const coSigned = new CoSigned({ newest: 4, everyBlocks: 10, stretches: 10 });
    assert.equal(coSigned.add(5, by("A")), false, "nothing is taken that was not offered");
    coSigned.open(5, Buffer.from("digest"));
    assert.ok(coSigned.add(5, by("A")));
    assert.ok(!coSigned.add(5, by("A")), "the same word again");
    assert.ok(coSigned.add(5, by("A", 1)));
    assert.deepEqual(coSigned.state(5, MEMBERS), { mspIds: ["A"], members: 3, witnessed: false });
    assert.ok(coSigned.add(5, by("C")));
    assert.deepEqual(coSigned.state(5, MEMBERS), { mspIds: ["A", "C"], members: 3, witnessed: true });
    assert.equal(coSigned.state(5, [...MEMBERS, "D"]).witnessed, false, "half is no majority");
    assert.deepEqual(coSigned.state(5, ["B"]).mspIds, [], "who left does not count");
    for (let peer = 2; peer < 9; peer++) coSigned.add(5, by("A", peer));
    assert.equal(coSigned.signatures(5).filter(({ mspId }) => mspId === "A").length, 4);
    assert.equal(coSigned.witnessedTip(5, MEMBERS), 5);
    assert.equal(coSigned.witnessedTip(6, MEMBERS), undefined);
  });

  it("stay few, with the newest and one witnessed digest for every stretch", () => {
    const tips = fc.uniqueArray(fc.nat({ max: 5_000 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(tips, fc.func(fc.boolean()), (list, isWitnessed) => {
        const rules = { newest: 5, everyBlocks: 100, stretches: 10 };
        const coSigned = new CoSigned(rules);
        let height = 0;
        for (const tip of list.toSorted((a, b) => a - b)) {
          height = tip + 1;
          coSigned.open(tip, Buffer.from(`${tip}`));
          coSigned.add(tip, by("A"));
          if (isWitnessed(tip)) coSigned.add(tip, by("B"));
          coSigned.prune(height, MEMBERS, new Set());
        }
        const kept = coSigned.tips(0);
        assert.ok(kept.length <= rules.newest + rules.stretches + 1, `${kept.length} are kept`);
        assert.equal(kept[0], height - 1);
        const old = kept.filter(
          (tip) =>
            !list
              .toSorted((a, b) => b - a)
              .slice(0, rules.newest)
              .includes(tip),
        );
        assert.ok(
          old.every((tip) => isWitnessed(tip)),
          "of old ones only witnessed ones are kept",
        );
      }),
    );
  });

  it("do not lose what somebody waits for", () => {
    const coSigned = new CoSigned({ newest: 1, everyBlocks: 100, stretches: 10 });
    for (const tip of [3, 7]) coSigned.open(tip, Buffer.from("x"));
    assert.deepEqual(coSigned.prune(8, MEMBERS, new Set([3])), []);
    assert.deepEqual(coSigned.prune(8, MEMBERS, new Set()), [3]);
  });

  it("are on disk when they are said to be, and gone when they are not needed", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "hansa-witnessed-"));
    const files = new DigestFolder(folder, silentLogger);
    assert.equal(files.load().size, 0);
    const signed = {
      digest: Buffer.from("digest"),
      signatures: [{ identity: Buffer.from("i"), signature: Buffer.from("s") }],
    };
    await Promise.all([files.save(1, { digest: Buffer.from("old") }), files.save(1, signed), files.save(12, signed)]);
    assert.deepEqual(readdirSync(folder).sort(), ["1.digest", "12.digest"]);
    writeFileSync(path.join(folder, "3.digest"), Buffer.of(255));
    const kept = new DigestFolder(folder, silentLogger).load();
    assert.deepEqual([...kept.keys()], [1, 12]);
    assert.equal(Buffer.from(kept.get(1)!.digest).toString(), "digest");
    files.remove(12);
    await files.close();
    assert.deepEqual(readdirSync(folder).sort(), ["1.digest", "3.digest"]);
    rmSync(folder, { recursive: true });
    await assert.rejects(files.save(4, signed), /ENOENT/);
  });
});
