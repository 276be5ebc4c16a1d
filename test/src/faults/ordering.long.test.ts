/** An orderer dies under load: the clients go on, and nothing that was acknowledged is lost. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { temporaryFolder } from "../support/folder.js";
import { natsServerIsMissing } from "./nats.js";
import { OrderingRun } from "./ordering-run.js";

/** Clients are promised 2 s on a machine of their own; this one may be busy with a dozen other networks. */
const WITHIN_MS = 10_000;

async function run(ordering: string, strikes: (run: OrderingRun) => Promise<void>): Promise<void> {
  const { folder, remove } = temporaryFolder();
  const network = new OrderingRun(folder, ordering);
  try {
    await network.start();
    await strikes(network);
    const { transactions } = await network.check();
    assert.ok(transactions > 20);
  } finally {
    await network.stop();
  }
  remove();
}

describe("a network whose orderer is killed", () => {
  it("commits again when it has one", async (context) => {
    await run("{ engine: embedded }", async (network) => {
      const pausedMs = await network.strike("orderer", 2_500);
      context.diagnostic(`orderer killed: longest pause ${pausedMs} ms`);
      assert.ok(pausedMs < WITHIN_MS, `${pausedMs} ms`);
    });
  });

  it("goes on when it has three, and survives the loss of a NATS server", natsServerIsMissing, async (context) => {
    await run("{ engine: jetstream, orderers: 3 }", async (network) => {
      const withoutOrdererMs = await network.strike("orderer2", 2_500);
      context.diagnostic(`orderer2 killed: longest pause ${withoutOrdererMs} ms`);
      assert.ok(withoutOrdererMs < WITHIN_MS, `${withoutOrdererMs} ms`);
      // One in three leads the stream: then the others elect another, which takes them up to 10 s.
      const pausedMs = await network.strike("nats2", 2_500);
      context.diagnostic(`nats2 killed: longest pause ${pausedMs} ms`);
      assert.ok(pausedMs < 30_000, `${pausedMs} ms`);
    });
  });
});
