/** The control plane in the background: one for each data folder, found, stopped, killed and started again. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { get as getSecurely } from "node:https";
import type { AddressInfo } from "node:net";
import { after, describe, it } from "node:test";
import {
  type ControlPlaneRecord,
  controlPlaneFolder,
  findControlPlane,
  nodeProgram,
  readAccounts,
  startControlPlane,
  startControlPlaneDetached,
  stopControlPlane,
} from "@hansa/network";
import { temporaryFolder } from "../support/folder.js";
import { until } from "../support/until.js";

describe("a control plane in the background", () => {
  const { folder, remove } = temporaryFolder();
  const own = controlPlaneFolder(folder);
  const start = (options: { port?: number } = {}) =>
    startControlPlaneDetached({ dataFolder: folder, ...options }, nodeProgram());
  after(async () => {
    const running = await findControlPlane(own);
    if (running !== undefined) await stopControlPlane(running);
    remove();
  });

  let first: ControlPlaneRecord;

  it("serves until it is stopped, on HTTP and HTTPS, and asks who is calling", async () => {
    assert.equal(await findControlPlane(own), undefined);
    first = await start();
    assert.deepEqual(await findControlPlane(own), first);
    assert.equal((await fetch(`${first.url}/networks`)).status, 403);
    const ca = readFileSync(first.caFile!);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      getSecurely(`${first.httpsUrl}/networks`, { ca, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      }).once("error", reject);
    });
    assert.equal(status, 403);
    assert.equal((await readAccounts(first.accountsFile)).length, 3);
    for (const file of [first.accountsFile, first.credentialsFile, `${own}/control-plane.json`])
      assert.equal(statSync(file).mode & 0o077, 0, file);
  });

  it("is one for each data folder", async () => {
    assert.deepEqual(await start(), first);
    await assert.rejects(startControlPlane({ dataFolder: folder }), {
      code: "IN_USE",
      nextStep: "Use it, or stop it with: hansa control-plane down",
    });
  });

  it("is succeeded by another when it was killed, with the same accounts", async () => {
    const accounts = await readAccounts(first.accountsFile);
    process.kill(first.pid, "SIGKILL");
    await until("its end", async () => (await findControlPlane(own)) === undefined || undefined);
    const second = await start();
    assert.notEqual(second.pid, first.pid);
    assert.deepEqual(await readAccounts(second.accountsFile), accounts);
    await stopControlPlane(second);
    assert.equal(await findControlPlane(own), undefined);
    assert.equal(existsSync(`${own}/control-plane.json`), false);
  });

  it("says why when it cannot serve, and leaves nothing running", async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, "127.0.0.1", done));
    const { port } = taken.address() as AddressInfo;
    await assert.rejects(start({ port }), { code: "PORT_IN_USE", message: new RegExp(String(port)) });
    assert.equal(await findControlPlane(own), undefined);
    await new Promise((done) => taken.close(done));
    await stopControlPlane(await start({ port }));
  });
});
