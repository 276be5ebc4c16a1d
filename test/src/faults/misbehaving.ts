/**
 * What is expected of contracts that loop, exit, throw, flood, hoard, differ, reach for what is not theirs and break the
 * rules of the conversation with their peer: callers get errors, and everything else goes on.
 */
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import type { Contract, GatewayError } from "@hyperledger/fabric-gateway";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const contractFolder = (name: string) => path.join(repositoryRoot, "test/contracts", name);
/** Short, as some cases wait for it, yet long enough for all others on a busy machine. */
const EXECUTE_MS = 1_500;
const MOST_LOG_BYTES = 9 * 1024 * 1024;

async function failure(call: Promise<unknown>): Promise<string> {
  const error = (await call.then(
    () => assert.fail("it did not fail"),
    (reason: unknown) => reason,
  )) as GatewayError;
  assert(Array.isArray(error.details), error.stack);
  return [error.message, ...error.details.map(({ message }) => message)].join("\n");
}

export function testMisbehaving(contractsRun: "process" | "worker", mode: "processes" | "inline"): void {
  describe(`a contract in a ${contractsRun} that`, () => {
    let network: Network;
    let misbehaving: Contract;
    let bench: Contract;
    let calls = 0;

    before(async () => {
      network = await startNetwork(
        {
          network: "misbehaving",
          contractTimeouts: { execute: `${EXECUTE_MS}ms`, start: "6s" },
          contractMemory: "500 MB",
          contractsRun,
          members: [{ name: "Alpha" }, { name: "Beta" }],
          channels: [{ name: "trade" }],
          contracts: [
            { name: "bench", channel: "trade", path: contractFolder("bench") },
            { name: "misbehaving", channel: "trade", path: contractFolder("misbehaving") },
          ],
        },
        { mode },
      );
      const channel = network.member("Alpha").gateway().getNetwork("trade");
      misbehaving = channel.getContract("misbehaving");
      bench = channel.getContract("bench");
    });
    after(() => network?.stop());

    const submit = (...call: string[]) => misbehaving.submitTransaction(call[0]!, ...call.slice(1));
    /**
     * At one peer only: a gateway would ask the next one after a failure, and the case would take twice as long. The peers
     * take turns, as each waits longer before it starts a contract again that keeps dying.
     */
    const evaluateAt = async (member: "Alpha" | "Beta", ...call: string[]) => {
      const proposal = { arguments: call.slice(1), endorsingOrganizations: [`${member}MSP`] };
      return Buffer.from(await misbehaving.evaluate(call[0]!, proposal)).toString();
    };
    const evaluate = (...call: string[]) => evaluateAt("Alpha", ...call);

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
          submit("put", key, "value").then(
            () => true,
            () => undefined,
          ),
        60_000,
      );
      assert.equal(await evaluate("get", key), "value");
    }

    const cases: readonly [string, () => Promise<unknown>, RegExp][] = [
      ["throws", () => submit("throwError"), /chaincode response 500, this contract throws/],
      ["throws nothing", () => submit("throwNothing"), /./],
      ["never answers", () => submit("neverAnswer"), /timeout expired while executing transaction/],
      ["exits in the middle", () => submit("exit"), /chaincode stream terminated/],
      ["exits again", () => submit("exit"), /chaincode stream terminated/],
      ["hoards objects", () => evaluateAt("Alpha", "hoard"), /chaincode stream terminated|timeout expired/],
      ["sends garbage", () => evaluateAt("Beta", "sendGarbage"), /chaincode stream terminated: .*message/],
      [
        "registers again",
        () => evaluateAt("Alpha", "registerAgain"),
        /Fabric side handler cannot handle message \(REGISTER\)/,
      ],
      ["answers 110 MB", () => evaluateAt("Beta", "answer", "110"), /chaincode stream terminated|timeout expired/],
      ["writes to a collection that there is none of", () => submit("putElsewhere", "none"), /collection.*none/],
      ["differs from peer to peer", () => submit("differ"), /ProposalResponsePayloads do not match/],
    ];
    for (const [what, call, expected] of cases)
      it(`${what} fails its caller, and nobody else`, async () => {
        assert.match(await failure(call()), expected);
        await expectChannelWorks();
        await expectContractWorks();
      });

    it("loops forever fails its caller, and others are not slowed meanwhile", async () => {
      const looping = failure(submit("loopForever"));
      const spinning = failure(submit("spin"));
      const startedAt = performance.now();
      for (let at = 0; at < 5; at++) await expectChannelWorks();
      const tookMs = performance.now() - startedAt;
      assert(tookMs < 5 * EXECUTE_MS, `five transactions took ${Math.round(tookMs)} ms`);
      for (const failed of [looping, spinning])
        assert.match(await failed, /timeout expired while executing transaction|chaincode stream terminated/);
      await expectContractWorks();
    });

    it("spins through the event loop fails its caller, and answers others", async () => {
      const spinning = failure(evaluateAt("Beta", "spin"));
      assert.equal(await evaluate("get", "nothing"), "");
      assert.match(await spinning, /timeout expired while executing transaction/);
      await expectChannelWorks();
    });

    it("answers megabytes is heard, as far as the client's own limit goes", async () => {
      assert.equal((await evaluate("answer", "3")).length, 3 * 1024 * 1024);
      assert.match(await failure(evaluate("answer", "8")), /Received message larger than max/);
      await expectChannelWorks();
      await expectContractWorks();
    });

    it("has an uncaught rejection harms nobody", async () => {
      await submit("rejectLater").catch(() => {});
      await expectChannelWorks();
      await expectContractWorks();
    });

    it("floods its output is heard, and its log stays small", async () => {
      assert.equal(await evaluate("flood", "40"), "flooded");
      await expectChannelWorks();
      await expectContractWorks();
      for (const peer of ["peer0.alpha", "peer0.beta"]) {
        const logs = path.join(network.layout.node(peer), "chaincodes/logs");
        for (const name of readdirSync(logs)) assert(statSync(path.join(logs, name)).size < MOST_LOG_BYTES, name);
      }
    });

    it("writes keys that others mean something by only writes to its own state", async () => {
      await submit("putReserved", "initialized", "9.9");
      await submit("putEmptyKey");
      assert.equal(await evaluate("getReserved", "initialized"), "9.9");
      await expectContractWorks();
      await expectChannelWorks();
    });

    it("calls the lifecycle commits nothing by that", async () => {
      assert.match(await failure(submit("callSystem", "_lifecycle", "CommitChaincodeDefinition", "garbage")), /./);
      assert.match(await failure(submit("callSystem", "lscc", "upgrade", "trade", "bench")), /./);
      await expectChannelWorks();
      await expectContractWorks();
    });

    it("answers for strangers, or twice, is heard once", async () => {
      assert.equal(await evaluate("sendForStranger"), "sent");
      assert.equal(await evaluate("answerTwice"), "first");
      await expectChannelWorks();
      await expectContractWorks();
    });

    // Where the system tells what a process holds; of a thread, only the heap is bounded.
    const outsideTheHeap = contractsRun === "process" && process.platform === "linux";
    it("hoards buffers is ended before it takes the machine", { skip: !outsideTheHeap && "not bounded" }, async () => {
      assert.match(await failure(evaluateAt("Beta", "hoardBuffers")), /chaincode stream terminated|timeout expired/);
      await expectChannelWorks();
      await expectContractWorks();
    });

    for (const [name, expected] of [
      ["dies-at-start", /this contract cannot be loaded/],
      ["never-registers", /it has not answered in the time it has to start/],
    ] as const)
      it(`${name} is refused when it is deployed, and the channel goes on`, async () => {
        const deploying = network.deploy({ name, channel: "trade", path: contractFolder(name) });
        await assert.rejects(deploying, { code: "CONTRACT_NOT_RUNNING", message: expected });
        await expectChannelWorks();
      });

    it("misbehaved leaves all ledgers equal, and no node was restarted", async () => {
      await until("equal ledgers", async () => {
        const [first, second] = await network.ledgers("trade");
        return first!.blockHash === second!.blockHash && first!.commitHash === second!.commitHash ? true : undefined;
      });
      assert(network.nodes().every(({ restarts }) => restarts === 0));
    });
  });
}
