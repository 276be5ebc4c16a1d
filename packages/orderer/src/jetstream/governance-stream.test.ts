import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Bytes, silentLogger, systemRandom } from "@hansa/primitives";
import { MemoryJournalStore } from "@hansa/storage";
import { TestGovernance } from "../governance-testing.js";
import { testClock } from "../testing.js";
import { SharedGovernance } from "./governance.js";
import { governanceStreamId } from "./governance-stream.js";
import { TestStreams } from "./testing.js";

const INN_ACCOUNT = "000000000099";

/** @param networkId what the orderer is told of its network; undefined as by earlier versions */
function startNode(
  { operatorOrg }: TestGovernance,
  streams: TestStreams,
  networkId: string | undefined,
  store = new MemoryJournalStore(),
): Promise<SharedGovernance> {
  return SharedGovernance.open({
    store,
    identity: operatorOrg.identity("orderer"),
    clock: testClock,
    logger: silentLogger,
    source: streams.source(),
    random: systemRandom,
    networkId,
  });
}

async function ordered(node: SharedGovernance, record: Bytes): Promise<void> {
  const submission = node.submit(record);
  assert.equal(submission.kind, "ordered");
  if (submission.kind === "ordered") await submission.ordered;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (holds()) return;
    await pause(5);
  }
  throw new Error(`waited in vain until ${what}`);
}

const stop = (nodes: readonly SharedGovernance[]) => Promise.all(nodes.map((node) => node.halt("test is over")));

describe("networks whose orderers have one authority and the same servers", () => {
  it("have a strand each", async () => {
    const streams = new TestStreams(1);
    const one = new TestGovernance();
    const two = new TestGovernance(["Farm", "Mill", "Bakery"], one.operatorOrg);
    const ofOne = [await startNode(one, streams, one.networkId), await startNode(one, streams, one.networkId)] as const;
    const ofTwo = await startNode(two, streams, two.networkId);
    await ordered(ofOne[0], one.founded());
    await ordered(ofTwo, two.founded());
    await ordered(ofTwo, two.invite("one", two.members[0]!, INN_ACCOUNT));
    await until("the other orderer has the founding", () => ofOne[1].height === 1);
    assert.deepEqual(
      [...ofOne, ofTwo].map(({ state, height }) => [state?.networkId, height]),
      [
        [one.networkId, 1],
        [one.networkId, 1],
        [two.networkId, 2],
      ],
    );
    assert.equal(streams.streams.size, 2);
    await stop([...ofOne, ofTwo]);
  });

  it("stay apart when the first of them has the stream that earlier versions named after the authority", async () => {
    const streams = new TestStreams(2);
    const one = new TestGovernance();
    const two = new TestGovernance(["Farm", "Mill", "Bakery"], one.operatorOrg);
    const store = new MemoryJournalStore();
    const before = await startNode(one, streams, undefined, store);
    await ordered(before, one.founded());
    await stop([before]);
    // The one has its journal, the other nothing; both find the strand where it is.
    const nodes = [await startNode(one, streams, one.networkId, store), await startNode(one, streams, one.networkId)];
    await ordered(nodes[1]!, one.invite("one", one.members[0]!, INN_ACCOUNT));
    await until("both have it", () => nodes.every(({ height }) => height === 2));
    assert.deepEqual([...streams.streams.keys()], [governanceStreamId(one.operatorOrg.identity("orderer"))]);
    const other = await startNode(two, streams, two.networkId);
    await ordered(other, two.founded());
    assert.equal(other.state?.networkId, two.networkId);
    assert.equal(streams.streams.size, 2);
    await stop([...nodes, other]);
  });

  it("are not mixed up by an orderer that is told the other's id", async () => {
    const streams = new TestStreams(3);
    const one = new TestGovernance();
    const store = new MemoryJournalStore();
    const node = await startNode(one, streams, one.networkId, store);
    await ordered(node, one.founded());
    await stop([node]);
    await assert.rejects(startNode(one, streams, "n-ANOTHER", store), {
      code: "OTHER_NETWORK",
      message: new RegExp(`strand of network ${one.networkId}, .* belongs to n-ANOTHER`),
      nextStep: /tell it networkId n-/,
    });
  });
});
