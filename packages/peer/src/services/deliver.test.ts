import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type orderer, toLong } from "@hansa/wire";
import { resolveSeek } from "./deliver.js";
import { ResponseCache } from "./response-cache.js";

type Position = orderer.SeekPosition.$Properties;
const at = (number: bigint): Position => ({ specified: { number: toLong(number) } });
const oldest: Position = { oldest: {} };
const newest: Position = { newest: {} };
const next: Position = { nextCommit: {} };

describe("seek", () => {
  const cases: [what: string, start: Position, stop: Position, expected: ReturnType<typeof resolveSeek>][] = [
    ["all there is", oldest, newest, { start: 0, stop: 9, exists: true }],
    ["the first", oldest, oldest, { start: 0, stop: 0, exists: true }],
    ["the last", newest, newest, { start: 9, stop: 9, exists: true }],
    ["one", at(3n), at(3n), { start: 3, stop: 3, exists: true }],
    ["what is due next", at(10n), at(10n), { start: 10, stop: 10, exists: true }],
    ["from the next on without end", next, at(2n ** 64n - 1n), { start: 10, stop: 2 ** 64, exists: true }],
    ["beyond what is due", at(11n), at(20n), { start: 0, stop: 20, exists: false }],
    ["backwards", at(5n), at(4n), undefined],
    ["no kind of start", {}, at(4n), { start: 0, stop: 4, exists: false }],
  ];
  for (const [what, start, stop, expected] of cases) {
    it(`finds ${what} in a chain of ten`, () => assert.deepEqual(resolveSeek(start, stop, 10), expected));
  }
});

describe("response cache", () => {
  it("makes a response once and stays within its bytes", async () => {
    const cache = new ResponseCache();
    let made = 0;
    const make = async () => {
      made += 1;
      return new Uint8Array(3 * 1024 * 1024);
    };
    await Promise.all([cache.get("0", make), cache.get("0", make)]);
    assert.equal(made, 1);
    for (let i = 1; i < 20; i++) await cache.get(String(i), make);
    assert.ok(cache.bytes <= 16 * 1024 * 1024);
    await cache.get("19", make);
    assert.equal(made, 20);
    await assert.rejects(
      cache.get("bad", () => Promise.reject(new Error("gone"))),
      /gone/,
    );
    await cache.get("bad", make);
  });
});
