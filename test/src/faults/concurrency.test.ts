/** Commands and networks that get in each other's way: one of them is told, and nothing is lost or left running. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { askStatus, findSupervisor, Layout } from "@hansa/network";
import { temporaryFolder } from "../support/folder.js";
import { hansa } from "../support/hansa-command.js";
import { until } from "../support/until.js";
import { isAlive } from "./processes.js";

const { folder, remove } = temporaryFolder();
const places: string[] = [];
after(async () => {
  for (const place of places) await hansa(place, "down", "--wipe");
  remove();
});

/** A folder with a network file of one member. */
function place(name: string, settings = ""): { cwd: string; layout: Layout } {
  const cwd = path.join(folder, name);
  mkdirSync(cwd);
  writeFileSync(
    path.join(cwd, "hansa.yaml"),
    `network: ${name}\nmembers: [{ name: Solo }]\nchannels: [{ name: trade }]\n${settings}`,
  );
  places.push(cwd);
  return { cwd, layout: new Layout(path.join(cwd, ".hansa", name)) };
}

async function processesOf(layout: Layout): Promise<number[]> {
  const supervisor = await findSupervisor(layout);
  if (supervisor === undefined) return [];
  const { nodes } = await askStatus(supervisor);
  return [supervisor.pid, ...nodes.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))];
}

describe("hansa up", () => {
  it("twice at once starts one network", async () => {
    const { cwd, layout } = place("twice");
    const outcomes = await Promise.all([hansa(cwd, "up"), hansa(cwd, "up")]);
    const won = outcomes.filter(({ exit }) => exit === 0);
    assert(won.length >= 1, outcomes.map(({ stderr }) => stderr).join("\n"));
    for (const { exit, stderr } of outcomes) {
      if (exit === 0) continue;
      assert.notEqual(exit, 1, stderr);
      assert.match(stderr, /is being started or run by process \d+/);
      assert.doesNotMatch(stderr, /\n\s+at /);
    }
    const pids = await processesOf(layout);
    assert.equal(pids.length, 5, "a supervisor, two authorities, an orderer and a peer");
    assert.equal((await hansa(cwd, "down")).exit, 0);
    await until("every process to end", async () => (pids.some(isAlive) ? undefined : true));
    assert.equal((await hansa(cwd, "up")).exit, 0);
  });

  it("names a port that another network has, and leaves that one alone", async () => {
    const first = place("first-port");
    assert.equal((await hansa(first.cwd, "up")).exit, 0);
    const supervisor = await findSupervisor(first.layout);
    const { nodes } = await askStatus(supervisor!);
    const port = nodes.find(({ kind }) => kind === "orderer")!.address.split(":")[1];
    const second = place("second-port", `orderer: { port: ${port} }\n`);
    const { exit, stderr } = await hansa(second.cwd, "up");
    assert.equal(exit, 7, stderr);
    assert.match(stderr, new RegExp(`Port ${port}, which orderer needs, is in use`));
    assert.deepEqual((await askStatus(supervisor!)).nodes, nodes);
    assert.deepEqual(await processesOf(second.layout), []);
  });
});

describe("hansa down", () => {
  it("while the network is starting leaves nothing behind, or says that it cannot", async () => {
    const { cwd, layout } = place("hasty");
    const starting = hansa(cwd, "up");
    await sleep(400);
    const down = await hansa(cwd, "down");
    assert.notEqual(down.exit, 1, down.stderr);
    await starting;
    const pids = await processesOf(layout);
    const again = await hansa(cwd, "up");
    assert.equal(again.exit, 0, again.stderr);
    assert.equal((await hansa(cwd, "down", "--wipe")).exit, 0);
    await until("every process to end", async () => (pids.some(isAlive) ? undefined : true));
  });
});
