/** A node killed while it orders the members' acts: whatever it acknowledged counts afterwards, once. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { type Act, derivedId, Identities, verifyStrand } from "@hansa/governance";
import type { UnixMs } from "@hansa/primitives";
import { RpcStatus } from "@hansa/transport";
import { GovernanceClient, TestGovernance, type TestMember } from "./governance-testing.js";
import { startOrderer } from "./orderer.js";
import { startOrdererProcess } from "./orderer-process.js";
import { testClock } from "./testing.js";

const root = mkdtempSync(path.join(tmpdir(), "hansa-orderer-governance-crash-"));
after(() => rmSync(root, { recursive: true, force: true }));

const HOUR_MS = 3_600_000;

const CHILD = `
  const { identity, dataFolder, behindMs } = setup;
  const clock = { now: () => Date.now() - behindMs };
  const orderer = await startOrderer({ identity, dataFolder, clock, listen: { address: "127.0.0.1:0" } });
`;

describe("a node that is killed while members act", () => {
  it("keeps every acknowledged act, and the network's time", async () => {
    const network = new TestGovernance(["Brewery", "Pub", "Cellar", "Inn"]);
    const [brewery] = network.members as [TestMember];
    const identity = network.operatorOrg.credentials("orderer");
    const dataFolder = path.join(root, "data");
    const setup = path.join(root, "setup.json");
    writeFileSync(setup, JSON.stringify({ identity, dataFolder, behindMs: Date.now() - testClock.now() }));

    const acknowledged: string[] = [];
    let isFounded = false;
    let aheadMs = 0;
    for (let round = 0; round < 4; round++) {
      const { child, address } = await startOrdererProcess(CHILD, setup);
      const exited = new Promise((resolve) => child.once("exit", resolve));
      const client = new GovernanceClient(address);
      if (!isFounded) await client.submit(network.founded());
      isFounded = true;
      aheadMs += HOUR_MS;
      const advance: Act = { kind: "clockAdvanced", to: (testClock.now() + aheadMs) as UnixMs };
      await client.submit(network.sign(advance, network.operator));
      let answers = 0;
      const killAfter = 10 + 30 * round;
      const acts = Array.from({ length: 200 }, async (_, i) => {
        const name = `${round}-${i}`;
        try {
          await client.submit(network.invite(name, brewery, "000000000099"));
          acknowledged.push(derivedId("p", name));
          if (++answers === killAfter) child.kill("SIGKILL");
        } catch (error) {
          assert.ok(error instanceof RpcStatus, String(error));
        }
      });
      await Promise.all(acts);
      await exited;
      client.close();
    }

    const orderer = await startOrderer({
      identity,
      dataFolder,
      clock: testClock,
      listen: { address: "127.0.0.1:0" },
    });
    const client = new GovernanceClient(orderer.address);
    await client.submit(network.invite("last", brewery, "000000000099"));
    const blocks = await client.strand(network.operator);
    const verified = verifyStrand(blocks, new Identities().verifier());
    assert.ok(verified.ok);
    const proposals = verified.position.state?.proposals;
    for (const id of acknowledged) assert.ok(proposals?.has(id), `${id} was acknowledged and is lost`);
    assert.ok(acknowledged.length >= 10 + 40 + 70 + 100);
    const lag = testClock.now() + 4 * HOUR_MS - (blocks.at(-1)?.block.timestampMs ?? 0);
    assert.ok(lag >= 0 && lag < 5_000, `the network's time is ${lag} ms off`);
    client.close();
    await orderer.stop();
  });
});
