/** Contracts that loop, exit, throw, flood and never start: callers get errors, and everything else goes on. */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import type { Contract, GatewayError } from "@hyperledger/fabric-gateway";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const contractFolder = (name: string) => path.join(repositoryRoot, "test/contracts", name);
const EXECUTE_MS = 3_000;
let network: Network;
let misbehaving: Contract;
let bench: Contract;
let calls = 0;

before(async () => {
  network = await startNetwork(
    {
      network: "misbehaving",
      contractTimeouts: { execute: `${EXECUTE_MS}ms`, start: "5s" },
      members: [{ name: "Alpha" }, { name: "Beta" }],
      channels: [{ name: "trade" }],
      contracts: [
        { name: "bench", channel: "trade", path: contractFolder("bench") },
        { name: "misbehaving", channel: "trade", path: contractFolder("misbehaving") },
      ],
    },
    { mode: "processes" },
  );
  const channel = network.member("Alpha").gateway().getNetwork("trade");
  misbehaving = channel.getContract("misbehaving");
  bench = channel.getContract("bench");
});
after(() => network?.stop());

async function failure(call: Promise<unknown>): Promise<string> {
  const error = (await call.then(
    () => assert.fail("it did not fail"),
    (reason: unknown) => reason,
  )) as GatewayError;
  assert(Array.isArray(error.details), error.stack);
  const text = [error.message, ...error.details.map(({ message }) => message)].join("\n");
  return text;
}

/** The channel and its other contract, at once. */
async function expectChannelWorks(): Promise<void> {
  await bench.submitTransaction("create", `after-${calls++}`, "value");
}

/** The contract itself, as soon as it runs again. */
async function expectContractWorks(): Promise<void> {
  const key = `key-${calls++}`;
  await until(
    "the contract to answer again",
    async () =>
      misbehaving.submitTransaction("put", key, "value").then(
        () => true,
        () => undefined,
      ),
    60_000,
  );
  assert.equal(Buffer.from(await misbehaving.evaluateTransaction("get", key)).toString(), "value");
}

describe("a contract that", () => {
  const cases: readonly [string, () => Promise<unknown>, RegExp][] = [
    ["throws", () => misbehaving.submitTransaction("throwError"), /chaincode response 500, this contract throws/],
    ["throws nothing", () => misbehaving.submitTransaction("throwNothing"), /./],
    [
      "never answers",
      () => misbehaving.submitTransaction("neverAnswer"),
      /timeout expired while executing transaction/,
    ],
    ["exits in the middle", () => misbehaving.submitTransaction("exit"), /chaincode stream terminated/],
    [
      "loops forever",
      () => misbehaving.submitTransaction("loopForever"),
      /timeout expired while executing transaction/,
    ],
  ];
  for (const [what, call, expected] of cases)
    it(`${what} fails its caller, and nobody else`, async () => {
      assert.match(await failure(call()), expected);
      await expectChannelWorks();
      await expectContractWorks();
    });

  it("answers megabytes is heard, as far as the client's own limit goes", async () => {
    assert.equal((await misbehaving.evaluateTransaction("answer", "3")).length, 3 * 1024 * 1024);
    assert.match(await failure(misbehaving.evaluateTransaction("answer", "40")), /Received message larger than max/);
    await expectChannelWorks();
    await expectContractWorks();
  });

  it("has an uncaught rejection harms nobody", async () => {
    await misbehaving.submitTransaction("rejectLater").catch(() => {});
    await expectChannelWorks();
    await expectContractWorks();
  });

  it("floods its output is heard", async () => {
    assert.equal(Buffer.from(await misbehaving.evaluateTransaction("flood", "40")).toString(), "flooded");
    await expectChannelWorks();
    await expectContractWorks();
  });

  for (const [name, expected] of [
    ["dies-at-start", /this contract cannot be loaded/],
    ["never-registers", /is not running/],
  ] as const)
    it(`${name} is reported, and the channel goes on`, async () => {
      await network.deploy({ name, channel: "trade", path: contractFolder(name) }).catch(() => {});
      const contract = network.member("Alpha").gateway().getNetwork("trade").getContract(name);
      assert.match(await failure(contract.submitTransaction("anything")), expected);
      await expectChannelWorks();
    });

  it("left all ledgers equal", async () => {
    await until("equal ledgers", async () => {
      const [first, second] = await network.ledgers("trade");
      return first!.blockHash === second!.blockHash && first!.commitHash === second!.commitHash ? true : undefined;
    });
    assert(
      network.nodes().every(({ restarts }) => restarts === 0),
      "no node was restarted",
    );
  });
});
