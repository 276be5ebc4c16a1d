/** An ordering node that keeps a governance strand, for these tests: gone after them, with its folder. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { type GovernanceState, Identities, verifyStrand } from "@hansa/governance";
import { RpcStatus } from "@hansa/transport";
import type { OrdererConfig } from "./config.js";
import { GovernanceClient, TestGovernance } from "./governance-testing.js";
import { startOrderer } from "./orderer.js";
import { testClock } from "./testing.js";

export const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing.reverse()) await close();
});

export async function dataFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "hansa-orderer-governance-"));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function start(network: TestGovernance, config: Partial<OrdererConfig> = {}) {
  const orderer = await startOrderer({
    identity: network.operatorOrg.identity("orderer"),
    clock: testClock,
    listen: { address: "127.0.0.1:0" },
    ...config,
  });
  const client = new GovernanceClient(orderer.address);
  let stopping: Promise<void> | undefined;
  const stop = () => {
    client.close();
    stopping ??= orderer.stop();
    return stopping;
  };
  closing.push(stop);
  return { orderer, client, stop };
}

export async function founded(names?: readonly string[], config: Partial<OrdererConfig> = {}) {
  const network = new TestGovernance(names);
  const running = await start(network, config);
  await running.client.submit(network.founded());
  return { network, ...running };
}

/** What a member makes of the strand on its own. */
export async function recomputed(network: TestGovernance, client: GovernanceClient): Promise<GovernanceState> {
  const verified = verifyStrand(await client.strand(network.operator), new Identities().verifier());
  assert.ok(verified.ok);
  assert.ok(verified.position.state);
  return verified.position.state;
}

export const status = (code: number) => (error: unknown) => error instanceof RpcStatus && error.code === code;
