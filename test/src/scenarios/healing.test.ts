/** Any process may be killed at any time: the network heals, and nothing that was acknowledged is lost. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Layout, type NetworkStatus, NetworkView } from "@hansa/network";
import { temporaryFolder } from "../support/folder.js";
import { hansa } from "../support/hansa-command.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const networkFile = path.join(repositoryRoot, "network-configs/beer-supply-chain.yaml");
const { folder, remove } = temporaryFolder();
let orders = 0;

async function status(): Promise<NetworkStatus & { running: boolean }> {
  const { stdout } = await hansa(folder, "status", "--json");
  return JSON.parse(stdout) as NetworkStatus & { running: boolean };
}

/** Places an order, as soon as the network takes one. */
async function placeOrder(): Promise<void> {
  const id = `B-${++orders}`;
  await until(`order ${id}`, async () => {
    const { exit, stdout, stderr } = await hansa(
      folder,
      "invoke",
      "shipment",
      "PlaceOrder",
      id,
      "Pils",
      "4",
      "8",
      "--as",
      "Pub",
    );
    // An answer may be lost with the process that owed it, after the order was placed.
    if (exit === 0 || /exists already/.test(stdout + stderr)) return true;
    return undefined;
  });
}

/** Every order that was acknowledged, as another member's peer has it. */
async function expectOrders(): Promise<void> {
  const view = await NetworkView.open(new Layout(path.join(folder, ".hansa/beer-supply-chain")));
  try {
    const contract = view.member("Carrier").gateway().getNetwork("deliveries").getContract("shipment");
    for (let order = 1; order <= orders; order++) {
      // A peer that has just come back catches up, and its contract starts.
      const found = await until(`order B-${order}`, () =>
        contract.evaluateTransaction("ReadOrder", `B-${order}`).catch(() => undefined),
      );
      assert.match(Buffer.from(found).toString("utf8"), /"status":"placed"/);
    }
  } finally {
    view.closeConnections();
  }
}

describe("a network that stays up", () => {
  before(async () => {
    const { exit, stderr } = await hansa(folder, "up", networkFile);
    assert.equal(exit, 0, stderr);
  });
  after(async () => {
    await hansa(folder, "down", "--wipe");
    remove();
  });

  for (const id of ["peer0.pub", "orderer", "peer0.brewery", "peer0.carrier", "ca.brewery"]) {
    it(`starts ${id} again when it is killed`, async () => {
      await placeOrder();
      const killed = (await status()).nodes.find((node) => node.id === id)!;
      process.kill(killed.pid!, "SIGKILL");
      const healed = await until(`${id} to run again`, async () => {
        const node = (await status()).nodes.find((each) => each.id === id)!;
        return node.state === "running" && node.pid !== killed.pid ? node : undefined;
      });
      assert.equal(healed.restarts, 1);
      assert.equal(healed.address, killed.address);
      assert.match(healed.lastFailure!, /SIGKILL/);
      await placeOrder();
    });
  }

  it("starts contracts again when they are killed", async () => {
    for (const node of (await status()).nodes.filter((each) => each.kind === "peer"))
      for (const pid of childrenOf(node.pid!)) process.kill(pid, "SIGKILL");
    await placeOrder();
  });

  it("has lost nothing", expectOrders);

  it("takes every process with it when the supervisor is killed, and starts again with its data", async () => {
    const { supervisorPid, nodes } = await status();
    const pids = nodes.flatMap((node) => [node.pid!, ...childrenOf(node.pid!)]);
    process.kill(supervisorPid, "SIGKILL");
    await until("every process to end", async () => (pids.some(isAlive) ? undefined : true), 15_000);
    assert.equal((await status()).running, false);
    const { exit, stderr } = await hansa(folder, "up", networkFile);
    assert.equal(exit, 0, stderr);
    await expectOrders();
    await placeOrder();
  });

  it("stops and starts with all its data", async () => {
    assert.equal((await hansa(folder, "down")).exit, 0);
    assert.equal((await hansa(folder, "up", networkFile)).exit, 0);
    await expectOrders();
  });
});

function childrenOf(pid: number): number[] {
  const rows = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  return rows
    .map((row) => row.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (parent === pid ? [child!] : []));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
