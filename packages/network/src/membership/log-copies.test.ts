import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { silentLogger } from "@hansa/primitives";
import { parseNetworkObject } from "../config/parse.js";
import { NetworkView } from "../library/network-view.js";
import { withIds } from "../plan/ids.js";
import { Layout } from "../plan/layout.js";
import { NEW_STATE } from "../plan/state-file.js";
import type { NetworkCore } from "./core.js";
import { LogCopies } from "./log-copies.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-logs-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("copies of logs", () => {
  let run = 0;
  let network: NetworkCore;
  let layout: Layout;
  let group: string;
  let memberId: string;
  let nodeId: string;
  beforeEach(() => {
    const home = path.join(folder, String(++run));
    layout = new Layout(path.join(home, "trade"));
    mkdirSync(layout.logs, { recursive: true });
    const config = withIds(parseNetworkObject({ network: "trade", members: [{ name: "Pub" }] }));
    const packageId = `shipment_1.0:${"ab".repeat(32)}`;
    const contract = { channel: "c", name: "shipment", version: "2.0", sequence: 2, packageId };
    const view = new NetworkView(layout, config, { ...NEW_STATE, contracts: [contract] });
    network = { layout, view, logger: silentLogger, state: () => view.state } as unknown as NetworkCore;
    memberId = config.members[0]!.memberId!;
    nodeId = config.members[0]!.peers[0]!.nodeId!;
    group = path.join(home, "log-groups/aws/managedblockchain", config.networkId!, memberId);
  });

  it("begin where the log stands, and go on after a kill without a gap", async () => {
    const log = layout.log("ca.pub");
    writeFileSync(log, "before\n");
    const first = await LogCopies.open(network);
    await first.set({ kind: "ca", memberId }, true);
    appendFileSync(log, "one\n");
    await first.close();
    assert.equal(readFileSync(path.join(group, "ca"), "utf8"), "one\n");
    // Written while nobody copied, as by a node that ended after its supervisor.
    appendFileSync(log, "two\n");
    const second = await LogCopies.open(network);
    await second.close();
    assert.equal(readFileSync(path.join(group, "ca"), "utf8"), "one\ntwo\n");
    // A log that was cut short is begun anew.
    writeFileSync(log, "new\n");
    await second.close();
    await second.set({ kind: "ca", memberId }, false);
    appendFileSync(log, "unseen\n");
    await second.close();
    assert.equal(readFileSync(path.join(group, "ca"), "utf8"), "one\ntwo\nnew\n");
  });

  it("name contracts' streams after member, node, chaincode and version", async () => {
    const copies = await LogCopies.open(network);
    await copies.set({ kind: "chaincode", nodeId }, true);
    await copies.set({ kind: "peer", nodeId }, true);
    const logs = path.join(layout.node("peer0.pub"), "chaincodes/logs");
    mkdirSync(logs, { recursive: true });
    writeFileSync(path.join(logs, `shipment_1.0.${"ab".repeat(32)}.log`), "deployed\n");
    writeFileSync(path.join(logs, `other_3.1.${"cd".repeat(32)}.log`), "by hand\n");
    writeFileSync(layout.log("peer0.pub"), "peer\n");
    await copies.close();
    const read = (stream: string) => readFileSync(path.join(group, stream), "utf8");
    assert.equal(read(`${memberId}-${nodeId}-shipment-2.0`), "deployed\n");
    assert.equal(read(`${memberId}-${nodeId}-other-3.1`), "by hand\n");
    assert.equal(read(nodeId), "peer\n");
  });

  it("are refused for strangers, and start anew when what was noted does not read", async () => {
    const copies = await LogCopies.open(network);
    await assert.rejects(copies.set({ kind: "ca", memberId: "m-NOBODY" }, true), { code: "UNKNOWN_MEMBER" });
    await assert.rejects(copies.set({ kind: "peer", nodeId: "nd-NOBODY" }, true), { code: "UNKNOWN_NODE" });
    await copies.close();
    assert.equal(existsSync(layout.loggingFile), false);
    writeFileSync(layout.loggingFile, '{"targets":');
    await (await LogCopies.open(network)).close();
  });
});
