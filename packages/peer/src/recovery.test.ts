import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLogger } from "@hansa/primitives";
import { splitBlock } from "@hansa/wire";
import { startPeer } from "./peer.js";
import { TestOrderer, testGenesis, testOrg } from "./testing/consortium.js";

const CHANNEL = "trade";
const KILLS = 6;

describe("a peer that is killed at any instant", () => {
  it("goes on where it was, and ends with the same ledger as one that was not", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hansa-recovery-"));
    const org = testOrg("BreweryMSP");
    const ordering = testOrg("OrdererMSP");
    const orderer = new TestOrderer(ordering.identity("orderer", "orderer"));
    const genesis = testGenesis(CHANNEL, [org], ordering, await orderer.start());
    orderer.addChannel(genesis);
    const { certPem, keyPem } = org.identity("peer0", "peer");
    const shared = {
      identity: { mspId: org.mspId, certPem, keyPem },
      listenAddress: "127.0.0.1:0",
    };
    const settings = JSON.stringify({
      ...shared,
      name: "killed",
      dataDirectory: join(folder, "killed"),
      localMsp: { config: Buffer.from(org.mspConfig.config ?? "").toString("base64") },
      genesis: Buffer.from(genesis).toString("base64"),
    });
    const program = fileURLToPath(new URL("./testing/peer-process.js", import.meta.url));
    let ordered = 1;
    const heights: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const child = spawn(process.execPath, [program, settings], { stdio: ["ignore", "pipe", "inherit"] });
      const lines = createInterface({ input: child.stdout });
      const exited = once(child, "exit");
      let seen = 0;
      for await (const line of lines) {
        const height = Number(line);
        assert.ok(Number.isInteger(height), line);
        if (seen === 0) assert.ok(height >= (heights.at(-1) ?? 0), "nothing that was committed is lost");
        heights.push(height);
        seen += 1;
        for (let i = 0; i < 3; i++, ordered++) orderer.order(CHANNEL, Buffer.from(`not a transaction ${ordered}`));
        // A different moment each time, in the midst of a commit more often than not.
        if (seen === 4 + kill * 3) setTimeout(() => child.kill("SIGKILL"), kill);
      }
      await exited;
    }

    const killed = await startPeer({
      ...shared,
      name: "killed",
      dataDirectory: join(folder, "killed"),
      localMsp: org.mspConfig,
      logger: silentLogger,
    });
    const other = await startPeer({
      ...shared,
      name: "other",
      dataDirectory: join(folder, "other"),
      localMsp: org.mspConfig,
      logger: silentLogger,
    });
    await other.join(genesis);
    try {
      const signal = AbortSignal.timeout(20_000);
      for (const peer of [killed, other]) {
        let number = 0;
        for await (const _ of peer.blocks(CHANNEL, 0, signal)) if (++number === ordered) break;
        assert.equal(peer.ledgerHeight(CHANNEL), ordered);
      }
      for (let number = 1; number < ordered; number++) {
        const mine = splitBlock(await killed.block(CHANNEL, number));
        const theirs = splitBlock(await other.block(CHANNEL, number));
        assert.deepEqual(mine.metadata.map(hex), theirs.metadata.map(hex), `metadata of block ${number}`);
        assert.deepEqual(mine.envelopes.map(hex), theirs.envelopes.map(hex));
      }
    } finally {
      await Promise.all([killed.stop(), other.stop()]);
      await orderer.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
