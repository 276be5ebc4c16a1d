/** A node's log that turns many times while somebody follows it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import { temporaryFolder } from "../support/folder.js";
import { hansaProgram } from "../support/hansa-command.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const MAX_BYTES = 4 * 1024;
const BLOCKS = 80;
const NODE = "peer0.alpha";

describe("the logs of a network's processes", () => {
  const { folder, remove } = temporaryFolder();
  let network: Network;
  let following: ChildProcess | undefined;

  before(async () => {
    network = await startNetwork(
      {
        network: "chatty",
        mode: "processes",
        logs: { maxSize: "4 KB", keep: 2 },
        members: [{ name: "Alpha" }],
        channels: [{ name: "trade" }],
        contracts: [{ name: "notes", channel: "trade", path: path.join(repositoryRoot, "test/contracts/conformance") }],
      },
      { dataFolder: folder },
    );
  });
  after(async () => {
    following?.kill("SIGINT");
    await network?.stop();
    remove();
  });

  it("stay bounded, and show every line to whoever follows them", async () => {
    const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env;
    const args = [hansaProgram, "logs", NODE, "--follow", "--lines", "0", "--dir", folder];
    following = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
    let shown = "";
    following.stdout!.on("data", (chunk: Buffer) => {
      shown += chunk.toString("utf8");
    });
    const numbers = () => [...shown.matchAll(/ block committed .*\bnumber=(\d+)/g)].map((found) => Number(found[1]));
    const contract = network.member("Alpha").gateway().getNetwork("trade").getContract("notes");
    const write = (value: number) => contract.submitTransaction("put", "k", String(value));
    await until("the follower to be there", async () => {
      await write(0);
      return numbers().length > 0 ? true : undefined;
    });
    const first = numbers()[0]!;
    for (let value = 1; value <= BLOCKS; value++) await write(value);
    const [ledger] = await network.ledgers("trade");
    const last = ledger!.height - 1;
    await until("the last line", async () => (numbers().includes(last) ? true : undefined));
    assert.deepEqual(
      numbers(),
      Array.from({ length: last - first + 1 }, (_, index) => first + index),
    );

    const logs = path.join(folder, "chatty", "logs");
    const ofNode = readdirSync(logs).filter((name) => name.startsWith(`${NODE}.log`));
    assert.deepEqual(ofNode.sort(), [`${NODE}.log`, `${NODE}.log.1`, `${NODE}.log.2`]);
    for (const name of readdirSync(logs))
      assert.ok(
        statSync(path.join(logs, name)).size < 2 * MAX_BYTES,
        `${name} is ${statSync(path.join(logs, name)).size}`,
      );
  });
});
