import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Act, derivedId, GovernanceRefusal, readStrandBlock } from "@hansa/governance";
import type { JournalStore } from "@hansa/journal";
import { type Bytes, type Logger, silentLogger, systemRandom, toHex, type UnixMs } from "@hansa/primitives";
import { MemoryJournalStore } from "@hansa/storage";
import type { GovernanceOrder, Ordered } from "../governance-order.js";
import { GovernanceStrand } from "../governance-strand.js";
import { TestGovernance, TestMember } from "../governance-testing.js";
import { testClock } from "../testing.js";
import { SharedGovernance } from "./governance.js";
import { NO_FAULTS, TestStreams } from "./testing.js";

const INN = new TestMember("Inn");

type Node = { readonly store: JournalStore; readonly governance: GovernanceOrder };
type StartOptions = { store?: JournalStore; isAlive?: () => boolean; behindMs?: number; logger?: Logger };

const options = (network: TestGovernance, store: JournalStore, behindMs = 0) => ({
  store,
  identity: network.operatorOrg.identity("orderer"),
  clock: { now: () => (testClock.now() - behindMs) as UnixMs },
  logger: silentLogger,
});

/** An orderer on these streams; with a store one that comes back. */
async function startNode(network: TestGovernance, streams: TestStreams, given: StartOptions = {}): Promise<Node> {
  const { store = new MemoryJournalStore(), isAlive, behindMs, logger = silentLogger } = given;
  const source = streams.source(isAlive);
  const shared = { ...options(network, store, behindMs), logger, source, random: systemRandom };
  return { store, governance: await SharedGovernance.open(shared) };
}

/** Where the record stands, or why it stands nowhere. */
async function submit({ governance }: Node, record: Bytes): Promise<Ordered | GovernanceRefusal> {
  const submission = governance.submit(record);
  if (submission.kind === "refused") return submission.refusal;
  if (submission.kind === "unavailable") throw new Error(submission.reason);
  return submission.ordered.catch((error: unknown) => {
    if (error instanceof GovernanceRefusal) return error;
    throw error;
  });
}

async function ordered(node: Node, record: Bytes): Promise<Ordered> {
  const answer = await submit(node, record);
  if (answer instanceof GovernanceRefusal) throw answer;
  return answer;
}

async function refused(node: Node, record: Bytes): Promise<string> {
  const answer = await submit(node, record);
  assert.ok(answer instanceof GovernanceRefusal, "the record was ordered");
  return answer.reason;
}

async function contents({ governance }: Node): Promise<string[]> {
  const blocks = Array.from({ length: governance.height }, (_, number) => governance.block(number));
  return (await Promise.all(blocks)).map(toHex);
}

async function hashes(node: Node): Promise<string[]> {
  return (await contents(node)).map((content) => toHex(readStrandBlock(Buffer.from(content, "hex")).block.blockHash));
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (holds()) return;
    await pause(10);
  }
  throw new Error(`waited in vain until ${what}`);
}

async function assertSame(nodes: readonly Node[], read = contents): Promise<void> {
  const height = Math.max(...nodes.map(({ governance }) => governance.height));
  await until(`all have ${height} blocks`, () => nodes.every(({ governance }) => governance.height === height));
  const [first, ...others] = await Promise.all(nodes.map(read));
  for (const other of others) assert.deepEqual(other, first);
  const states = nodes.map(({ governance }) => governance.state);
  for (const state of states) assert.deepEqual(state, states[0]);
}

const stop = (nodes: readonly Node[]) => Promise.all(nodes.map(({ governance }) => governance.halt("test is over")));

async function foundedBy(count: number, streams: TestStreams) {
  const network = new TestGovernance();
  const nodes = await Promise.all(Array.from({ length: count }, () => startNode(network, streams)));
  await ordered(nodes[0]!, network.founded());
  const [brewery, pub, cellar] = network.members as [TestMember, TestMember, TestMember];
  return { network, nodes, brewery, pub, cellar };
}

describe("orderers that share the governance strand", () => {
  for (const seed of [1, 2]) {
    it(`write the same strand with every answered act on it once, whatever goes wrong (seed ${seed})`, async () => {
      const streams = new TestStreams(seed, { ...NO_FAULTS, delayMs: 2 });
      const { network, nodes, brewery, pub, cellar } = await foundedBy(3, streams);
      streams.faults = { lostAck: 0.2, lostMessage: 0.1, appendedTwice: 0.2, missed: 0.2, unread: 0.1, delayMs: 4 };
      const at = () => nodes[Math.floor(streams.chance() * 3)]!;
      const decided = Array.from({ length: 8 }, async (_, i) => {
        await pause(streams.chance() * 100);
        await ordered(at(), network.invite(`p${i}`, brewery, INN.accountId));
        // Whoever is asked next, and however far that one has read: what was answered counts.
        assert.equal(await refused(at(), network.invite(`p${i}`, pub, INN.accountId)), "ALREADY_EXISTS");
        const voters = [brewery, pub, cellar];
        const answers = await Promise.all(voters.map((voter) => submit(at(), network.vote(`p${i}`, voter))));
        const refusals = answers.filter((answer) => answer instanceof GovernanceRefusal);
        assert.deepEqual(
          refusals.map(({ reason }) => reason),
          ["ILLEGAL_ACTION"],
          "two of three decide",
        );
      });
      await Promise.all(decided);
      await assertSame(nodes);
      const { proposals } = nodes[0]!.governance.state!;
      assert.equal(proposals.size, 8);
      for (const { status, votes } of proposals.values()) {
        assert.equal(status, "APPROVED");
        assert.equal(votes.length, 2);
      }
      const count = (await contents(nodes[0]!))
        .map((content) => readStrandBlock(Buffer.from(content, "hex")).records.length)
        .reduce((sum, each) => sum + each, 0);
      assert.equal(count, 1 + 8 * 3, "refused acts left no entry");
      await stop(nodes);
    });
  }

  it("refuse in the rules' words, also what a node that lags behind would take or refuse otherwise", async () => {
    const streams = new TestStreams(4);
    const { network, nodes, brewery, pub } = await foundedBy(2, streams);
    const [one, two] = nodes as [Node, Node];
    streams.faults = { ...NO_FAULTS, missed: 1, delayMs: 2 };
    await ordered(one, network.invite("late", brewery, INN.accountId));
    await ordered(two, network.vote("late", pub));
    assert.equal(await refused(one, network.vote("late", pub)), "ALREADY_EXISTS");
    assert.equal(await refused(two, network.vote("never", pub)), "NOT_FOUND");
    const forged = network.sign({ kind: "left", memberId: brewery.memberId }, pub.signer);
    assert.equal(await refused(two, forged), "INVALID");
    const elsewhere = new TestGovernance();
    const unfounded = await startNode(network, new TestStreams(5));
    assert.equal(await refused(unfounded, elsewhere.founded()), "INVALID");
    await assertSame(nodes);
    await stop([...nodes, unfounded]);
  });

  it("have one time, which does not depend on whose clock is right and is where the operator moved it", async () => {
    const streams = new TestStreams(6);
    const network = new TestGovernance();
    const nodes = [await startNode(network, streams), await startNode(network, streams, { behindMs: 5_000 })];
    const [right, behind] = nodes as [Node, Node];
    const [brewery, pub] = network.members as [TestMember, TestMember];
    const founded = await ordered(right, network.founded());
    const proposed = await ordered(behind, network.invite("one", brewery, INN.accountId));
    assert.ok(proposed.block.timestampMs >= founded.block.timestampMs);
    const to = (testClock.now() + 25 * 3_600_000) as UnixMs;
    await ordered(behind, network.sign({ kind: "clockAdvanced", to } satisfies Act, network.operator));
    assert.equal(await refused(behind, network.vote("one", pub)), "ILLEGAL_ACTION", "it has expired");
    const next = await ordered(right, network.invite("two", brewery, INN.accountId));
    assert.ok(next.block.timestampMs >= to);
    await assertSame(nodes);
    assert.deepEqual([next.block.timestampMs], [right.governance.state!.time]);
    await stop(nodes);
  });

  it("go on without one of them, also the one that founded; it comes back to the same strand", async () => {
    const streams = new TestStreams(7, { ...NO_FAULTS, missed: 0.2, delayMs: 2 });
    const network = new TestGovernance();
    let isAlive = true;
    const doomed = await startNode(network, streams, { isAlive: () => isAlive });
    const others = [await startNode(network, streams), await startNode(network, streams)];
    const [brewery, pub] = network.members as [TestMember, TestMember];
    await ordered(doomed, network.founded());
    isAlive = false;
    await ordered(others[0]!, network.invite("one", brewery, INN.accountId));
    for (const [i, voter] of [brewery, pub].entries()) await ordered(others[i]!, network.vote("one", voter));
    await doomed.governance.halt("killed");
    const again = await startNode(network, streams, { store: doomed.store });
    assert.equal(await refused(again, network.vote("one", pub)), "ILLEGAL_ACTION");
    await ordered(again, network.accept("one", INN));
    const late = await startNode(network, streams);
    await until("the late one has it all", () => late.governance.height === again.governance.height);
    await assertSame([again, late, ...others]);
    await stop([again, late, ...others]);
  });

  it("say that they cannot be reached, in time, and order again when they can", async () => {
    const streams = new TestStreams(8);
    const { network, nodes, brewery } = await foundedBy(1, streams);
    const [node] = nodes as [Node];
    streams.isDown = true;
    const waiting = ordered(node, network.invite("one", brewery, INN.accountId));
    await pause(100);
    streams.isDown = false;
    await waiting;
    streams.isDown = true;
    const lost = assert.rejects(ordered(node, network.invite("two", brewery, INN.accountId)), /is over/);
    const unsure = assert.rejects(ordered(node, network.vote("none", brewery)), /is over/);
    await pause(20);
    const begun = performance.now();
    await stop(nodes);
    await Promise.all([lost, unsure]);
    assert.ok(performance.now() - begun < 5_000);
    assert.equal(node.governance.submit(network.vote("one", brewery)).kind, "unavailable");
  });
});

describe("a governance strand that its stream does not know", () => {
  it("is carried over from the journal of the one orderer that kept it", async () => {
    const network = new TestGovernance();
    const [brewery, pub] = network.members as [TestMember, TestMember];
    const store = new MemoryJournalStore();
    const alone = await GovernanceStrand.open(options(network, store));
    const old: Node = { store, governance: alone };
    await ordered(old, network.founded());
    await ordered(old, network.invite("one", brewery, INN.accountId));
    const to = (testClock.now() + 3_600_000) as UnixMs;
    await ordered(old, network.sign({ kind: "clockAdvanced", to } satisfies Act, network.operator));
    await alone.halt("updated");

    const streams = new TestStreams(9, { ...NO_FAULTS, missed: 0.3, delayMs: 2 });
    const others = [await startNode(network, streams), await startNode(network, streams)];
    const first = await startNode(network, streams, { store });
    await until("the others have it", () => others.every(({ governance }) => governance.height === 3));
    await ordered(others[1]!, network.vote("one", brewery));
    await ordered(first, network.vote("one", pub));
    await assertSame([first, ...others], hashes);
    await stop([first]);
    const again = await startNode(network, streams, { store });
    await ordered(others[0]!, network.accept("one", INN));
    await assertSame([again, ...others], hashes);
    await stop([again, ...others]);
  });

  it("gets back what the servers lost, and the others get it from there", async () => {
    const streams = new TestStreams(10);
    const { network, nodes, brewery, pub } = await foundedBy(1, streams);
    const [one] = nodes as [Node];
    await ordered(one, network.invite("one", brewery, INN.accountId));
    await ordered(one, network.vote("one", brewery));
    const [id] = [...streams.streams.keys()] as [string];
    streams.truncate(id, 1);
    await until("the blocks are in the stream again", () => (streams.streams.get(id)?.length ?? 0) >= 3);
    const two = await startNode(network, streams);
    await ordered(two, network.vote("one", pub));
    await assertSame([one, two], hashes);

    // And once more, with all nodes stopped and nothing left.
    await stop([one, two]);
    streams.truncate(id, 0);
    const stores = [one.store, two.store, new MemoryJournalStore()];
    const again = await Promise.all(stores.map((store) => startNode(network, streams, { store })));
    await ordered(again[0]!, network.accept("one", INN));
    await assertSame(again, hashes);
    await stop(again);
  });

  it("stops an orderer whose journal holds another history, and leaves its blocks readable", async () => {
    const streams = new TestStreams(11);
    const { network, nodes, brewery, pub } = await foundedBy(2, streams);
    const [one, two] = nodes as [Node, Node];
    await until("both are founded", () => two.governance.height === 1);
    await stop([two]);
    await ordered(one, network.invite("mine", brewery, INN.accountId));
    await stop([one]);
    const [id] = [...streams.streams.keys()] as [string];
    streams.truncate(id, 1);
    const other = await startNode(network, streams, { store: two.store });
    await ordered(other, network.invite("theirs", pub, INN.accountId));
    const errors: string[] = [];
    const logger = { ...silentLogger, error: (text: string) => errors.push(text), child: () => logger } as Logger;
    const stopped = await startNode(network, streams, { store: one.store, logger });
    await until("it stops", () => stopped.governance.isHalted);
    assert.equal(stopped.governance.submit(network.vote("theirs", brewery)).kind, "unavailable");
    assert.equal(stopped.governance.height, 2);
    assert.ok(stopped.governance.state?.proposals.has(derivedId("p", "mine")));
    assert.match(errors.join(), /governance stopped/);
    await ordered(other, network.vote("theirs", brewery));
    await stop([stopped, other]);
  });
});
