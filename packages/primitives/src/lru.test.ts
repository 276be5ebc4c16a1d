import assert from "node:assert/strict";
import { test } from "node:test";
import { LruMap } from "./lru.js";

test("keeps what is used and at most its capacity", () => {
  const map = new LruMap<number, string>(100);
  map.set(-1, "often used");
  for (let i = 0; i < 1_000; i++) {
    map.set(i, `value ${i}`);
    if (i % 10 === 0) assert.equal(map.get(-1), "often used");
    assert.ok(map.size <= 100);
  }
  for (let i = 951; i < 1_000; i++) assert.equal(map.get(i), `value ${i}`);
  assert.equal(map.get(0), undefined);
});

test("forgets what it is told to forget, in both generations", () => {
  const map = new LruMap<string, number>(6);
  for (const key of ["a", "b", "c"]) map.set(key, 1);
  map.set("a", 2);
  assert.equal(map.get("a"), 2);
  map.delete("a");
  map.delete("c");
  assert.deepEqual(
    ["a", "b", "c"].map((key) => map.get(key)),
    [undefined, 1, undefined],
  );
  map.clear();
  assert.equal(map.size, 0);
  assert.throws(() => new LruMap(0), RangeError);
});
