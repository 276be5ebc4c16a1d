/** An orderer dies under load: the clients go on, and nothing that was acknowledged is lost. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { temporaryFolder } from "../support/folder.js";
import { natsServerIsMissing } from "./nats.js";
import { OrderingRun } from "./ordering-run.js";

/** What was promised to clients. The machine that runs this may be busy with other tests. */
const WITHIN_MS = 2_000;
const BUSY = 2;

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
  it("commits again within 2 s when it has one", async (context) => {
    await run("{ engine: embedded }", async (network) => {
      const pausedMs = await network.strike("orderer", 2_500);
      context.diagnostic(`transactions committed again after ${pausedMs} ms`);
      assert.ok(pausedMs < WITHIN_MS * BUSY, `${pausedMs} ms`);
    });
  });

  it(
    "goes on within 2 s when it has three, and survives the loss of a NATS server",
    natsServerIsMissing,
    async (context) => {
      await run("{ engine: jetstream, orderers: 3 }", async (network) => {
        const withoutOrdererMs = await network.strike("orderer2", 2_500);
        context.diagnostic(`orderer2 killed: transactions committed again after ${withoutOrdererMs} ms`);
        assert.ok(withoutOrdererMs < WITHIN_MS * BUSY, `${withoutOrdererMs} ms`);
        // One in three leads the stream: then the others elect another, which takes them up to 10 s.
        const pausedMs = await network.strike("nats2", 2_500);
        context.diagnostic(`nats2 killed: transactions committed again after ${pausedMs} ms`);
        assert.ok(pausedMs < 15_000, `${pausedMs} ms`);
      });
    },
  );
});
