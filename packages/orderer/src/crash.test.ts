/** A node killed while it writes: whatever it acknowledged is there afterwards. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { RpcClient } from "@hansa/transport";
import { orderer as ab, Status, services, splitBlock } from "@hansa/wire";
import { startOrderer } from "./orderer.js";
import { startOrdererProcess } from "./orderer-process.js";
import { TestClient, testClock, testNetwork } from "./testing.js";

const root = mkdtempSync(path.join(tmpdir(), "hansa-orderer-crash-"));
after(() => rmSync(root, { recursive: true, force: true }));

const CHILD = `
  const { testClock } = await import(modules + "/testing.js");
  const { identity, dataFolder } = setup;
  const orderer = await startOrderer({ identity, dataFolder, clock: testClock, listen: { address: "127.0.0.1:0" } });
`;

describe("an ordering node that is killed", () => {
  it("has every acknowledged message once, in order, each time it comes back", async () => {
    const { orgs, ordererOrg, genesis } = testNetwork();
    const member = orgs[0]!.identity("client");
    const identity = ordererOrg.credentials("orderer");
    const dataFolder = path.join(root, "data");
    const setup = path.join(root, "setup.json");
    writeFileSync(setup, JSON.stringify({ identity, dataFolder }));
    const node = { identity, dataFolder, clock: testClock, listen: { address: "127.0.0.1:0" } };
    const first = await startOrderer(node);
    await first.join(genesis);
    await first.stop();

    const acknowledged: string[] = [];
    let sent = 0;
    for (let round = 0; round < 4; round++) {
      const { child, address } = await startOrdererProcess(CHILD, setup);
      const client = new TestClient(address);
      const rpc = new RpcClient(address);
      const call = rpc.bidi(services.AtomicBroadcast.methods.Broadcast);
      const names: string[] = [];
      const killAfter = 20 + 60 * round;
      let answers = 0;
      const ended = new Promise<void>((resolve) => {
        call.incoming.subscribe(
          (bytes) => {
            assert.equal(ab.BroadcastResponse.decode(bytes).status, Status.SUCCESS);
            acknowledged.push(names[answers++] as string);
            if (answers === killAfter) child.kill("SIGKILL");
          },
          () => resolve(),
        );
      });
      for (let i = 0; i < 400; i++) {
        const name = `message ${sent++}`;
        names.push(name);
        void call.send(client.envelope(member, "trade", { data: name }));
        if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      const exited = once(child, "exit");
      await ended;
      if (child.exitCode === null && child.signalCode === null) await exited;
      rpc.close();
      client.close();
    }

    const orderer = await startOrderer(node);
    const client = new TestClient(orderer.address);
    const { blocks } = await client.deliver(member, "trade", { oldest: {} }, { newest: {} });
    const text = blocks
      .slice(1)
      .flatMap((block) => splitBlock(block).envelopes.map((each) => Buffer.from(each).toString("latin1")));
    const ordered = text.map((each) => /message \d+/.exec(each)?.[0] as string);
    const numbers = ordered.map((name) => Number(name.slice("message ".length)));
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
      "each once, in order",
    );
    for (const name of acknowledged) assert.ok(ordered.includes(name), `${name} was acknowledged and is lost`);
    assert.ok(acknowledged.length >= 20 + 80 + 140 + 200);
    client.close();
    await orderer.stop();
  });
});
