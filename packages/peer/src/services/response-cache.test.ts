import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ResponseCache } from "./response-cache.js";

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
