import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { HansaError, silentLogger } from "@hansa/primitives";
import type { NewPeer, RunningNetwork } from "../membership/running-network.js";
import { Layout } from "../plan/layout.js";
import type { PlannedNode } from "../plan/plan.js";
import { askAddPeer, askChannels, askStatus, findSupervisor } from "./control-client.js";
import { serveControl } from "./control-server.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-control-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const node = { id: "peer0.pub", kind: "peer", organization: { name: "Pub" } } as PlannedNode;

function running(layout: Layout, refused: HansaError | undefined = undefined): RunningNetwork {
  const network = {
    layout,
    config: () => ({ name: "trade" }),
    state: () => ({ ports: { "peer0.pub": { port: 20_001 } } }),
    addPeer: async (peer: NewPeer) => {
      if (refused !== undefined) throw refused;
      added.push(peer);
    },
    channels: async () => [{ name: "orders", mspIds: ["PubMSP"] }],
    reports: () => [
      {
        node,
        state: "restarting" as const,
        pid: undefined,
        restarts: 2,
        startedAtMs: 2_000,
        lastFailure: "it was ended by SIGKILL",
      },
    ],
  };
  return network as unknown as RunningNetwork;
}

const added: NewPeer[] = [];
const controls = { startedAtMs: 1_000, stop: async () => {}, exit: () => {} };

describe("the supervisor's control socket", () => {
  for (const name of ["short", "long-".repeat(30)]) {
    it(`answers its owner, in a folder with a name of ${name.length} characters`, async (test) => {
      const layout = new Layout(path.join(folder, name));
      mkdirSync(layout.root);
      const evidence = path.join(layout.node("peer0.pub"), "evidence", "fork.json");
      mkdirSync(path.dirname(evidence), { recursive: true });
      writeFileSync(evidence, "{}");
      assert.equal(await findSupervisor(layout), undefined);
      const close = await serveControl(running(layout), controls, silentLogger);
      let isOpen = true;
      test.after(() => (isOpen ? close() : undefined));
      const supervisor = (await findSupervisor(layout))!;
      assert.equal(statSync(supervisor.socket).mode & 0o077, 0);
      const { network, nodes } = await askStatus(supervisor);
      assert.equal(network, "trade");
      assert.deepEqual(nodes, [
        {
          id: "peer0.pub",
          kind: "peer",
          organization: "Pub",
          state: "restarting",
          pid: undefined,
          address: "127.0.0.1:20001",
          adminAddress: undefined,
          operationsUrl: undefined,
          restarts: 2,
          startedAtMs: 2_000,
          lastFailure: "it was ended by SIGKILL",
          alarms: [evidence],
        },
      ]);
      await close();
      isOpen = false;
      assert.equal(existsSync(supervisor.socket), false);
      assert.equal(await findSupervisor(layout), undefined);
    });
  }

  it("has the network changed, and says why it could not be", async () => {
    const layout = new Layout(path.join(folder, "changes"));
    mkdirSync(layout.root);
    const refused = new HansaError("UNKNOWN_MEMBER", "There is no such member.", { nextStep: "Look it up." });
    for (const refusal of [undefined, refused]) {
      const close = await serveControl(running(layout, refusal), controls, silentLogger);
      const supervisor = (await findSupervisor(layout))!;
      const asked = askAddPeer(supervisor, { mspId: "PubMSP", peerName: "peer1", extraHosts: ["pub.test"] });
      if (refusal === undefined) await asked;
      else
        await assert.rejects(asked, {
          code: refused.code,
          message: refused.message,
          nextStep: refused.nextStep,
        });
      assert.deepEqual(await askChannels(supervisor), [{ name: "orders", mspIds: ["PubMSP"] }]);
      await assert.rejects(askAddPeer(supervisor, { mspId: "", peerName: "peer1" }), {
        code: "USAGE",
        message: "The request says nothing about mspId.",
      });
      await close();
    }
    assert.deepEqual(added, [{ mspId: "PubMSP", peerName: "peer1", extraHosts: ["pub.test"] }]);
  });

  it("is not looked for where a killed supervisor left its record", async () => {
    const layout = new Layout(path.join(folder, "killed"));
    mkdirSync(layout.root);
    for (const record of [
      `{"pid":${process.pid},"socket":"${layout.root}/control.sock"}`,
      '{"pid":999999999,"socket":"x"}',
      "{",
    ]) {
      writeFileSync(layout.supervisorFile, record);
      assert.equal(await findSupervisor(layout), undefined);
    }
  });
});
