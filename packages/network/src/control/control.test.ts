import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { silentLogger } from "@hansa/primitives";
import { Layout } from "../plan/layout.js";
import type { PlannedNode } from "../plan/plan.js";
import { askStatus, findSupervisor } from "./control-client.js";
import { serveControl } from "./control-server.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-control-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const node = { id: "peer0.pub", kind: "peer", organization: { name: "Pub" } } as PlannedNode;

function controlled() {
  return {
    network: "trade",
    ports: { "peer0.pub": { port: 20_001 } },
    startedAtMs: 1_000,
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
    stop: async () => {},
    exit: () => {},
  };
}

describe("the supervisor's control socket", () => {
  for (const name of ["short", "long-".repeat(30)]) {
    it(`answers its owner, in a folder with a name of ${name.length} characters`, async () => {
      const layout = new Layout(path.join(folder, name));
      mkdirSync(layout.root);
      assert.equal(await findSupervisor(layout), undefined);
      const close = await serveControl(layout, controlled(), silentLogger);
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
          restarts: 2,
          startedAtMs: 2_000,
          lastFailure: "it was ended by SIGKILL",
        },
      ]);
      await close();
      assert.equal(existsSync(supervisor.socket), false);
      assert.equal(await findSupervisor(layout), undefined);
    });
  }

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
