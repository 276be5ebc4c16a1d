/** Private data that reaches its members late, loses its members, or has to go. Seen through Fabric's client library. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import type { GatewayError } from "@hyperledger/fabric-gateway";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const CHANNEL = "trade";
const BOTH = "OR('Org1MSP.member', 'Org2MSP.member')";
const common = { requiredPeerCount: 0, maxPeerCount: 1, blockToLive: 0, memberOnlyRead: true, memberOnlyWrite: true };
const collections = (secretPolicy: string) => [
  { ...common, name: "deals", policy: BOTH },
  { ...common, name: "strict", policy: BOTH, requiredPeerCount: 1 },
  { ...common, name: "brief", policy: BOTH, blockToLive: 2 },
  { ...common, name: "secret", policy: secretPolicy },
];

describe("private data", () => {
  let network: Network;
  const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-private-"));
  const collectionsFile = path.join(folder, "collections.json");
  const define = (secretPolicy: string) => writeFileSync(collectionsFile, JSON.stringify(collections(secretPolicy)));
  const deploy = () =>
    network.deploy({
      name: "conformance",
      channel: CHANNEL,
      path: path.join(repositoryRoot, "test/contracts/conformance"),
      endorsement: "any",
      collections: collectionsFile,
    });

  before(async () => {
    define("OR('Org1MSP.member')");
    network = await startNetwork({
      network: "private-data",
      mode: "inline",
      members: [{ name: "Org1" }, { name: "Org2" }],
      channels: [{ name: CHANNEL }],
    });
    await deploy();
  });
  after(async () => {
    await network?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const contractOf = (member: string) =>
    network.member(member).gateway().getNetwork(CHANNEL).getContract("conformance");
  const put = (collection: string, key: string, value = `value of ${key}`) =>
    contractOf("Org1").submit("putPrivate", {
      arguments: [collection, key],
      transientData: { value },
      endorsingOrganizations: ["Org1MSP"],
    });
  const submit = (...[name, ...args]: [string, ...string[]]) =>
    contractOf("Org1").submit(name, { arguments: args, endorsingOrganizations: ["Org1MSP"] });
  const ask = async (member: string, fn: string, collection: string, key: string) =>
    Buffer.from(
      await contractOf(member).evaluate(fn, {
        arguments: [collection, key],
        endorsingOrganizations: [`${member}MSP`],
      }),
    ).toString();
  const get = (member: string, collection: string, key: string) => ask(member, "getPrivate", collection, key);
  const failure = async (work: Promise<unknown>): Promise<string> => {
    const error = (await work.then(
      () => assert.fail("it was not refused"),
      (reason: unknown) => reason,
    )) as GatewayError;
    return `${error.message} ${JSON.stringify(error.details)}`;
  };
  const height = async (member: string) =>
    (await network.ledgers(CHANNEL)).find(({ peer }) => peer.endsWith(member.toLowerCase()))?.height ?? 0;
  const becomes = (what: string, isSo: () => Promise<boolean>) =>
    until(what, async () => ((await isSo()) ? true : undefined), 20_000);
  const caughtUp = async (member: string, to: number) =>
    becomes("the height", async () => (await height(member).catch(() => 0)) >= to);
  /** Private values of all blocks that a member's peer gives its user. */
  const kept = async (member: string) => {
    const events = await network
      .member(member)
      .gateway()
      .getNetwork(CHANNEL)
      .getBlockAndPrivateDataEvents({ startBlock: 0n });
    const seen: string[] = [];
    const end = await height(member);
    for await (const event of events) {
      event.getPrivateDataMapMap().forEach((writes: { serializeBinary(): Uint8Array }) => {
        seen.push(Buffer.from(writes.serializeBinary()).toString("latin1"));
      });
      if (Number(event.getBlock()?.getHeader()?.getNumber()) >= end - 1) break;
    }
    events.close();
    return seen;
  };

  it("reaches a peer that was down, when the block comes", async () => {
    await network.stopNode("peer0.org2");
    await put("deals", "k1");
    assert.match(
      await failure(put("strict", "k1")),
      /failed to distribute private collection, txID .*, channel trade: Failed disseminating 1 out of 1 private dissemination plans/,
    );
    await network.startNode("peer0.org2");
    await becomes("the value", async () => (await get("Org2", "deals", "k1").catch(() => "")) === "value of k1");
    await put("strict", "k1");
    // Org2's peer may commit a moment after the one that was asked.
    await becomes("the value", async () => (await get("Org2", "strict", "k1").catch(() => "")) === "value of k1");
  });

  it("is missed where nobody could give it, and reads say so; it comes when somebody can, after a restart, too", async () => {
    await network.stopNode("peer0.org2");
    await put("deals", "k2");
    await network.stopNode("peer0.org1");
    await network.startNode("peer0.org2");
    const refused = /private data matching public hash version is not available/;
    await becomes("the value", async () => refused.test(await failure(get("Org2", "deals", "k2"))));
    const explained = await failure(get("Org2", "deals", "k2"));
    assert.match(explained, /Explanation: .*conformance putPrivate\(deals, k2\)/);
    assert.match(explained, /collection deals of conformance is for Org1MSP, Org2MSP: Org2MSP should have it/);
    assert.match(explained, /It has asked \S+ \(Org1MSP\), which did not answer/);
    await network.stopNode("peer0.org2");
    await network.startNode("peer0.org1");
    await network.startNode("peer0.org2");
    await becomes("the value", async () => (await get("Org2", "deals", "k2").catch(() => "")) === "value of k2");
    const log = readFileSync(path.join(network.layout.root, "logs/peer0.org2.log"), "utf8");
    assert.match(log, /missing private data came in/);
  });

  it("comes to a member that a later definition adds, from the beginning", async () => {
    await put("secret", "s1");
    await put("secret", "s2");
    await put("secret", "s2", "changed");
    assert.match(await failure(get("Org2", "secret", "s1")), /tx creator does not have read access permission/);
    define(BOTH);
    await deploy();
    await becomes("the value", async () => (await get("Org2", "secret", "s1").catch(() => "")) === "value of s1");
    await becomes("the value", async () => (await get("Org2", "secret", "s2").catch(() => "")) === "changed");
  });

  it("is gone from state and past when it is purged, also where it comes late", async () => {
    await put("deals", "p1", "to be purged, one");
    await network.stopNode("peer0.org2");
    await put("deals", "p2", "to be purged, two");
    await submit("purgePrivate", "deals", "p1");
    await submit("purgePrivate", "deals", "p2");
    await put("deals", "p3");
    const end = await height("Org1").catch(() => 0);
    await network.startNode("peer0.org2");
    await becomes("the value", async () => (await get("Org2", "deals", "p3").catch(() => "")) === "value of p3");
    await caughtUp("Org2", end);
    for (const member of ["Org1", "Org2"]) {
      assert.equal(await get(member, "deals", "p1"), "");
      assert.equal(await ask(member, "hashPrivate", "deals", "p2"), "");
    }
    for (const member of ["Org1", "Org2"]) {
      const all = (await kept(member)).join();
      assert.ok(all.includes("value of p3"), `${member} keeps what was not purged`);
      assert.ok(!all.includes("to be purged"), `${member} keeps what was purged`);
    }
    const log = readFileSync(path.join(network.layout.root, "logs/peer0.org2.log"), "utf8");
    assert.doesNotMatch(log, /does not match its hash/, "what a purge leaves is no wrong data");
  });

  it("expires with its collection's blockToLive, state and past", async () => {
    await put("brief", "b1", "short-lived");
    await becomes("the value", async () => (await get("Org2", "brief", "b1").catch(() => "")) === "short-lived");
    for (const key of ["x1", "x2", "x3"]) await put("deals", key);
    for (const member of ["Org1", "Org2"]) {
      await becomes("the value", async () => (await ask(member, "hashPrivate", "brief", "b1")) === "");
      assert.equal(await get(member, "brief", "b1"), "");
      assert.ok(!(await kept(member)).join().includes("short-lived"));
    }
  });
});
