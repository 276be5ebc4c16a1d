import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HansaError } from "@hansa/primitives";
import { unlessInterrupted } from "./interruption.js";

describe("Ctrl-C", () => {
  const pending = new Promise<never>(() => {});

  it("leaves a command that waits for something", async () => {
    const interrupt = new AbortController();
    const call = unlessInterrupted(pending, "query", interrupt.signal);
    interrupt.abort();
    await assert.rejects(call, {
      code: "INTERRUPTED",
      message: "hansa query was interrupted; what it had sent may still take effect.",
    });
    await assert.rejects(unlessInterrupted(pending, "query", AbortSignal.abort()), { code: "INTERRUPTED" });
  });

  it("lets a command say itself what it means", async () => {
    const interrupt = new AbortController();
    const own = new Promise<never>((_, reject) => {
      interrupt.signal.addEventListener("abort", () => reject(new HansaError("INTERRUPTED", "It goes on by itself.")));
    });
    const call = unlessInterrupted(own, "network create", interrupt.signal);
    interrupt.abort();
    await assert.rejects(call, { message: "It goes on by itself." });
  });

  it("changes nothing where nobody presses it", async () => {
    assert.equal(await unlessInterrupted(Promise.resolve(7), "query", new AbortController().signal), 7);
  });
});
