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
  startNetwork,
  stopControlPlane,
} from "@hansa/network";
import { temporaryFolder } from "../support/folder.js";
import { Assembly, createNetwork, foundingOf, joiningMember } from "../support/governing.js";
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

describe("a control plane that is started again", () => {
  const { folder, remove } = temporaryFolder();
  after(remove);

  it("starts the networks again that were made through it, and no others", async () => {
    const ana = joiningMember("Ana", 1);
    const first = await startControlPlane({ dataFolder: folder, mode: "inline" });
    const { networkId } = await createNetwork(first.operator, ana);
    // The same request again gives what is there.
    const again = await first.operator.create({ ...foundingOf(ana), networkId });
    assert.equal(again.networkId, networkId);
    const own = await startNetwork(
      { network: "own", mode: "inline", members: [{ name: "A" }] },
      { dataFolder: folder },
    );
    await until("both networks", async () => first.operator.networks().length === 2 || undefined);
    await own.stop();
    await first.stop();

    const second = await startControlPlane({ dataFolder: folder, mode: "inline" });
    const network = second.operator.network(networkId)!;
    await until("the network", async () => network.isRunning || undefined);
    await new Assembly(network).propose(ana, { removals: [ana.memberId] });
    const others = second.operator.networks().filter((each) => each !== network);
    assert.deepEqual(
      others.map((each) => [each.governance.name, each.isRunning]),
      [["own", false]],
    );
    await second.stop();
    assert.equal(network.isRunning, false);
  });
});
