import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { testOrganization } from "@hansa/channel-config/testing";
import {
  type Act,
  derivedId,
  GOVERNANCE_STRAND,
  type GovernanceState,
  Identities,
  readSignedRecord,
  signedRecord,
  verifyStrand,
} from "@hansa/governance";
import { JournalError, type JournalStore, verifyPath } from "@hansa/journal";
import { type Bytes, type Clock, equalBytes, sha256, silentLogger, toHex, type UnixMs } from "@hansa/primitives";
import { FileJournalStore, MemoryJournalStore } from "@hansa/storage";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import { encode, HeaderType, hansa, msp, services, toLong, toNumber } from "@hansa/wire";
import type { OrdererConfig } from "./config.js";
import { GovernanceStrand } from "./governance-strand.js";
import { DEFAULT_RULES, GovernanceClient, TestGovernance, TestMember } from "./governance-testing.js";
import { startOrderer } from "./orderer.js";
import { TestClient, testClock, testNetwork } from "./testing.js";

const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing.reverse()) await close();
});

async function dataFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "hansa-orderer-governance-"));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function start(network: TestGovernance, config: Partial<OrdererConfig> = {}) {
  const orderer = await startOrderer({
    identity: network.operatorOrg.identity("orderer"),
    clock: testClock,
    listen: { address: "127.0.0.1:0" },
    ...config,
  });
  const client = new GovernanceClient(orderer.address);
  let stopping: Promise<void> | undefined;
  const stop = () => {
    client.close();
    stopping ??= orderer.stop();
    return stopping;
  };
  closing.push(stop);
  return { orderer, client, stop };
}

async function founded(names?: readonly string[], config: Partial<OrdererConfig> = {}) {
  const network = new TestGovernance(names);
  const running = await start(network, config);
  await running.client.submit(network.founded());
  return { network, ...running };
}

/** What a member makes of the strand on its own. */
async function recomputed(network: TestGovernance, client: GovernanceClient): Promise<GovernanceState> {
  const verified = verifyStrand(await client.strand(network.operator), new Identities().verifier());
  assert.ok(verified.ok);
  assert.ok(verified.position.state);
  return verified.position.state;
}

const status = (code: number) => (error: unknown) => error instanceof RpcStatus && error.code === code;

describe("the governance strand", () => {
  it("takes every act with its signatures, and gives a receipt that proves it", async () => {
    const network = new TestGovernance(["Brewery", "Pub", "Cellar"]);
    const [brewery, pub, cellar] = network.members as [TestMember, TestMember, TestMember];
    const { client } = await start(network);
    const inn = new TestMember("Inn");
    const ordered: Bytes[] = [];
    const submit = async (record: Bytes) => {
      ordered.push(record);
      const receipt = await client.submit(record);
      const { digest, leaf, path: siblings } = receipt.proof as hansa.journal.InclusionProof;
      const signature = digest?.signatures?.[0]?.signature as Bytes;
      const signedDigest = digest?.digest as Bytes;
      const identities = new Identities();
      const { operatorOrg } = network;
      const node = identities.identity(operatorOrg.mspConfig, operatorOrg.identity("orderer").serialized);
      assert.ok(node.verify(signedDigest, signature));
      assert.deepEqual(Buffer.from(leaf ?? []), Buffer.from(sha256(record)));
      assert.ok(verifyPath(sha256(record), siblings ?? [], hansa.journal.Digest.decode(signedDigest).hash as Bytes));
      return receipt;
    };

    const founding = await submit(network.founded());
    assert.equal(toNumber(founding.address?.sequenceNo), 0);
    assert.equal(founding.entryIndex, 1);
    await submit(network.invite("inn", brewery, inn.accountId));
    await submit(network.vote("inn", brewery));
    await submit(network.vote("inn", pub));
    await submit(network.accept("inn", inn));
    const enacted = (enactmentId: string): Act => ({ kind: "enacted", enactmentId, channels: [] });
    await submit(network.sign(enacted(`join:${inn.memberId}`), network.operator));
    await submit(network.invite("late", pub, "000000000099"));
    for (const member of [brewery, cellar, inn]) await submit(network.vote("late", member));
    const rejected: Act = { kind: "invitationRejected", invitationId: derivedId("in", "late") };
    await submit(network.sign(rejected, network.operator));
    await submit(network.propose("out", pub, { removals: [cellar.memberId] }));
    for (const member of [brewery, pub, inn]) await submit(network.vote("out", member));
    await submit(network.sign(enacted(`removal:${derivedId("p", "out")}`), network.operator));
    const advance: Act = { kind: "clockAdvanced", to: (testClock.now() + 3_600_000) as UnixMs };
    await submit(network.sign(advance, network.operator));
    await submit(network.sign({ kind: "left", memberId: pub.memberId }, pub.signer));

    const state = await recomputed(network, client);
    const statuses = [...state.members.values()].map(({ name, status }) => `${name} ${status}`);
    assert.deepEqual(statuses, ["Brewery active", "Pub leaving", "Cellar left", "Inn active"]);
    const kept = (await client.strand(brewery.signer)).flatMap(({ records }) => records);
    assert.deepEqual(kept.map(toHex), ordered.map(toHex));
  });

  it("is founded by an administrator of the node's own organisation, once", async () => {
    const network = new TestGovernance();
    const { client } = await start(network);
    const [brewery] = network.members as [TestMember];
    assert.equal(await client.refusal(network.vote("x", brewery)), "NOT_FOUND");
    assert.deepEqual(await client.strand(network.operator), []);

    const notOurs = /founded here by an administrator of OrdererMSP/;
    const impostor = testOrganization("OrdererMSP");
    const foreign = new TestGovernance(["Brewery"], impostor);
    await assert.rejects(client.submit(foreign.founded()), notOurs);
    const other = new TestGovernance(["Brewery"], testOrganization("OtherMSP"));
    await assert.rejects(client.submit(other.founded()), notOurs);
    // The organisation's own definition, with a second root that is the impostor's.
    const both = mergedRoots(network.operatorOrg.mspConfig, impostor.mspConfig);
    const smuggled = { operatorMspConfig: both, operatorIdentity: impostor.identity("admin").serialized };
    const bySmuggler = network.sign(network.founding(smuggled), impostor.identity("admin"));
    assert.ok(new Identities().identity(both, impostor.identity("admin").serialized).roles.admin);
    await assert.rejects(client.submit(bySmuggler), notOurs);
    const client0 = network.operatorOrg.identity("client");
    const byClient = network.sign(network.founding({ operatorIdentity: client0.serialized }), client0);
    assert.equal(await client.refusal(byClient), "INVALID");
    assert.equal(await client.refusal(network.sign(network.founding(), brewery.signer)), "INVALID");
    const clientAsMember = { ...brewery.identity, governanceIdentity: brewery.org.identity("client").serialized };
    assert.equal(await client.refusal(network.founded({ members: [clientAsMember] })), "INVALID");

    const outcomes = await Promise.all([network.founded(), network.founded()].map((each) => client.refusal(each)));
    assert.deepEqual(outcomes.map(String).sort(), ["ALREADY_EXISTS", "undefined"]);
    assert.equal(await client.refusal(network.founded()), "ALREADY_EXISTS");
    assert.equal((await client.strand(network.operator)).length, 1);
  });

  it("refuses what is not signed as it must be, and nothing changes", async () => {
    const { network, client } = await founded();
    const [brewery, pub] = network.members as [TestMember, TestMember];
    await client.submit(network.invite("inn", brewery, "000000000099"));
    const before = await client.strand(network.operator);
    const vote: Act = { kind: "voted", proposalId: derivedId("p", "inn"), memberId: brewery.memberId, yes: true };
    const good = network.sign(vote, brewery.signer);
    const { record, signatures } = readSignedRecord(good);
    const [signature] = signatures as [(typeof signatures)[number]];
    const spoilt = Buffer.from(signature.signature);
    spoilt[spoilt.length - 1] = (spoilt.at(-1) as number) ^ 1;
    const changed = Buffer.from(record);
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
    const anotherAdmin = testOrganization("BreweryMSP").identity("admin");

    for (const forged of [
      network.sign(vote),
      network.sign(vote, pub.signer),
      network.sign(vote, anotherAdmin),
      network.sign(vote, network.operator),
      network.sign(vote, brewery.org.identity("client")),
      network.sign(vote, brewery.signer, pub.signer),
      network.sign(vote, brewery.signer, brewery.signer),
      signedRecord(record, [{ ...signature, signature: spoilt }]),
      signedRecord(record, [{ ...signature, signature: new Uint8Array(0) }]),
      signedRecord(record, [{ ...signature, identity: Buffer.from("nobody") }]),
      network.sign({ kind: "left", memberId: pub.memberId }, brewery.signer),
      network.sign({ kind: "clockAdvanced", to: (testClock.now() + 9e6) as UnixMs }, brewery.signer),
    ]) {
      assert.equal(await client.refusal(forged), "INVALID");
    }
    const other = new TestGovernance();
    assert.equal(await client.refusal(other.sign(vote, brewery.signer)), "INVALID");
    assert.notEqual(await client.refusal(signedRecord(changed, signatures)), undefined);
    const inn = new TestMember("Inn");
    const accepted: Act = { kind: "invitationAccepted", invitationId: derivedId("in", "inn"), member: inn.identity };
    assert.equal(await client.refusal(network.sign(accepted, inn.signer)), "INVALID");
    assert.equal(await client.refusal(network.sign(accepted, network.operator)), "INVALID");
    assert.deepEqual(await client.strand(network.operator), before);
    await client.submit(good);
  });

  it("refuses replayed records and those that the rules do not allow, with the rule's reason", async () => {
    const { network, client } = await founded();
    const [brewery, pub] = network.members as [TestMember, TestMember];
    const proposal = network.invite("inn", brewery, "000000000099");
    const vote = network.vote("inn", brewery);
    await client.submit(proposal);
    await client.submit(vote);
    assert.equal(await client.refusal(proposal), "ALREADY_EXISTS");
    assert.notEqual(await client.refusal(vote), undefined);
    assert.notEqual(await client.refusal(network.vote("inn", brewery, false)), undefined);
    assert.equal(await client.refusal(network.vote("nothing", pub)), "NOT_FOUND");
    assert.equal(await client.refusal(network.vote("inn", new TestMember("Inn"))), "NOT_FOUND");
    const error: unknown = await client.submit(network.vote("nothing", pub)).catch((cause: unknown) => cause);
    assert.ok(error instanceof RpcStatus);
    assert.equal(error.code, GrpcStatus.FAILED_PRECONDITION);
    assert.equal((await client.strand(network.operator)).length, 3);
  });

  it("answers garbage and oversized bytes with INVALID_ARGUMENT and lives on", async () => {
    const { network, orderer, client } = await founded();
    const [brewery] = network.members as [TestMember];
    const record = (fields: hansa.governance.IRecord) =>
      signedRecord(encode(hansa.governance.Record, { networkId: network.networkId, ...fields }), []);
    for (const bytes of [
      new Uint8Array(0),
      Buffer.from("garbage that is no message"),
      Buffer.alloc(1024 * 1024 + 1),
      record({}),
      record({ format: "hansa.governance.record/1" }),
      record({ format: "another/1", left: { memberId: "m-1" } }),
      record({ format: "hansa.governance.record/1", clockAdvanced: { toMs: toLong(2n ** 64n - 1n) } }),
    ]) {
      await assert.rejects(client.submit(bytes), status(GrpcStatus.INVALID_ARGUMENT));
      await assert.rejects(orderer.governance.submit(bytes), status(GrpcStatus.INVALID_ARGUMENT));
    }
    // What came along with the record and is not signed is not kept.
    const vote = network.invite("inn", brewery, "000000000099");
    await client.submit(Buffer.concat([vote, Buffer.from([0x7a, 3, 1, 2, 3])]));
    const [, block] = await client.strand(network.operator);
    assert.deepEqual(block?.records.map(toHex), [toHex(vote)]);
  });

  it("brings concurrent acts of many callers into one serial order", async () => {
    const names = Array.from({ length: 12 }, (_, i) => `${String.fromCharCode(65 + i)}ember`);
    const { network, client, orderer } = await founded(names);
    const [first] = network.members as [TestMember];
    const proposals = ["one", "two", "three"];
    for (const proposal of proposals) await client.submit(network.invite(proposal, first, "000000000099"));
    const clients = await Promise.all(network.members.map(async () => new GovernanceClient(orderer.address)));
    const outcomes = await Promise.all(
      network.members.flatMap((member, i) =>
        // Everybody votes on everything, twice, and with different opinions.
        proposals.flatMap((proposal) =>
          [true, false].map((yes) => (clients[i] as GovernanceClient).refusal(network.vote(proposal, member, yes))),
        ),
      ),
    );
    for (const each of clients) each.close();
    const accepted = outcomes.filter((each) => each === undefined).length;
    const state = await recomputed(network, client);
    let votes = 0;
    for (const { votes: cast, status: decided } of state.proposals.values()) {
      votes += cast.length;
      assert.equal(new Set(cast.map(({ memberId }) => memberId)).size, cast.length, "no second vote");
      assert.ok(["APPROVED", "REJECTED", "IN_PROGRESS"].includes(decided));
    }
    assert.equal(votes, accepted);
    const blocks = await client.strand(network.operator);
    const order = blocks.flatMap(({ records }) => records.map(toHex));
    assert.equal(new Set(order).size, order.length);
    assert.equal(order.length, 1 + proposals.length + accepted);
    assert.ok(blocks.length < order.length, "waiting acts share blocks");
  });

  it("has members leave at the same instant, the last one deleting the network", async () => {
    const { network, client } = await founded(["Brewery", "Pub", "Cellar", "Inn"]);
    const leaving = network.members.map((member) =>
      client.refusal(network.sign({ kind: "left", memberId: member.memberId }, member.signer)),
    );
    const outcomes = await Promise.all(leaving);
    assert.deepEqual(new Set(outcomes), new Set([undefined]));
    assert.equal((await recomputed(network, client)).status, "DELETED");
    const [brewery] = network.members as [TestMember];
    assert.equal(await client.refusal(network.invite("x", brewery, "000000000099")), "ILLEGAL_ACTION");
  });
});

describe("the network's time", () => {
  it("expires proposals by ordered time, runs on from an advance, and survives restarts", async () => {
    const folder = await dataFolder();
    const clock: Clock & { ms: number } = { ms: testClock.now(), now: () => clock.ms as UnixMs };
    const network = new TestGovernance();
    const [brewery, pub] = network.members as [TestMember, TestMember];
    const run = () => start(network, { dataFolder: folder, clock });
    const follow = (client: GovernanceClient) =>
      client.followStream(client.followEnvelope(network.operator, {}, { timestampMs: clock.ms }));
    const times = async (client: GovernanceClient) => {
      const stamps: number[] = [];
      for await (const bytes of follow(client).incoming) {
        stamps.push(toNumber(hansa.governance.StrandBlock.decode(bytes).block?.timestampMs));
      }
      return stamps;
    };
    const first = await run();
    await first.client.submit(network.founded());
    await first.client.submit(network.invite("inn", brewery, "000000000099"));
    const advance = (hours: number): Act => ({ kind: "clockAdvanced", to: (clock.ms + hours * 3_600_000) as UnixMs });
    await first.client.submit(network.sign(advance(23), network.operator));
    await first.client.submit(network.vote("inn", brewery));
    clock.ms += 3_600_000 + 1;
    assert.equal(await first.client.refusal(network.vote("inn", pub)), "ILLEGAL_ACTION", "24 hours are over");
    await first.stop();

    const second = await run();
    clock.ms += 1000;
    await second.client.submit(network.invite("again", brewery, "000000000099"));
    const newest = (await times(second.client)).at(-1);
    assert.equal(newest, clock.ms + 23 * 3_600_000, "the clock's advance is still there");
    await second.client.submit(network.sign(advance(48), network.operator));
    // A clock that is set back does not turn the network's time back.
    clock.ms -= 60_000;
    await second.client.submit(network.invite("third", pub, "000000000098"));
    assert.equal(await second.client.refusal(network.sign(advance(0), network.operator)), "INVALID");
    await second.stop();
    const third = await run();
    clock.ms += 61_000;
    await third.client.submit(network.invite("fourth", pub, "000000000097"));
    const stamps = await times(third.client);
    assert.deepEqual(
      stamps,
      [...stamps].sort((a, b) => a - b),
      "never backwards",
    );
    assert.equal(stamps.at(-1), clock.ms + 48 * 3_600_000);
  });

  it("moves only where the rules allow it", async () => {
    const network = new TestGovernance();
    const { client } = await start(network);
    await client.submit(network.founded({ rules: { ...DEFAULT_RULES, simulatedClock: false } }));
    const advance: Act = { kind: "clockAdvanced", to: (testClock.now() + 9e6) as UnixMs };
    assert.equal(await client.refusal(network.sign(advance, network.operator)), "ILLEGAL_ACTION");
  });
});

describe("following the strand", () => {
  it("gives members and the operator what there is and what comes, to nobody else", async () => {
    const { network, client } = await founded();
    const [brewery, pub] = network.members as [TestMember, TestMember];
    const stream = client.followStream(client.followEnvelope(pub.org.identity("client"), { stay: true }));
    const incoming = stream.incoming[Symbol.asyncIterator]();
    const next = async () => hansa.governance.StrandBlock.decode((await incoming.next()).value as Uint8Array);
    assert.equal(toNumber((await next()).block?.address?.sequenceNo), 0);
    const waiting = next();
    await client.submit(network.invite("inn", brewery, "000000000099"));
    assert.equal(toNumber((await waiting).block?.address?.sequenceNo), 1);
    stream.close();

    for (const reader of [network.operator, brewery.signer, pub.org.identity("peer")]) {
      assert.equal((await client.strand(reader, 1)).length, 1);
    }
    const denied = async (envelope: Bytes, code: number) => {
      await assert.rejects(async () => {
        for await (const _ of client.followStream(envelope).incoming);
      }, status(code));
    };
    const stranger = testOrganization("StrangerMSP").identity("admin");
    const homonym = testOrganization("PubMSP").identity("admin");
    await denied(client.followEnvelope(stranger), GrpcStatus.PERMISSION_DENIED);
    await denied(client.followEnvelope(homonym), GrpcStatus.PERMISSION_DENIED);
    await denied(client.followEnvelope(pub.signer, {}, { spoil: true }), GrpcStatus.PERMISSION_DENIED);
    await denied(client.followEnvelope(pub.signer, {}, { channelId: "trade" }), GrpcStatus.INVALID_ARGUMENT);
    const transaction = { type: HeaderType.ENDORSER_TRANSACTION };
    await denied(client.followEnvelope(pub.signer, {}, transaction), GrpcStatus.INVALID_ARGUMENT);
    const stale = { timestampMs: testClock.now() - 3_600_000 };
    await denied(client.followEnvelope(pub.signer, {}, stale), GrpcStatus.INVALID_ARGUMENT);
    await denied(Buffer.from("garbage"), GrpcStatus.INVALID_ARGUMENT);
    await denied(new Uint8Array(0), GrpcStatus.INVALID_ARGUMENT);
    assert.deepEqual(await client.strand(pub.signer, 1_000_000), []);
  });

  it("ends for a member that is out", async () => {
    const { network, client } = await founded();
    const [brewery, pub, cellar] = network.members as [TestMember, TestMember, TestMember];
    const stream = client.followStream(client.followEnvelope(cellar.signer, { stay: true }));
    const ended = assert.rejects(async () => {
      for await (const _ of stream.incoming);
    }, status(GrpcStatus.PERMISSION_DENIED));
    await client.submit(network.propose("out", brewery, { removals: [cellar.memberId] }));
    await client.submit(network.vote("out", brewery));
    await client.submit(network.vote("out", pub));
    const enacted: Act = { kind: "enacted", enactmentId: `removal:${derivedId("p", "out")}`, channels: [] };
    await client.submit(network.sign(enacted, network.operator));
    await ended;
    await assert.rejects(client.strand(cellar.signer), status(GrpcStatus.PERMISSION_DENIED));
  });

  it("ends when the node stops, and serves callers in the same process", async () => {
    const { network, client, orderer, stop } = await founded();
    const received: Uint8Array[] = [];
    const abort = new AbortController();
    const send = (bytes: Uint8Array) => {
      received.push(bytes);
      return undefined;
    };
    const envelope = client.followEnvelope(network.operator, { stay: true });
    const following = orderer.governance.follow(envelope, send, abort.signal);
    const [brewery] = network.members as [TestMember];
    await orderer.governance.submit(network.invite("inn", brewery, "000000000099"));
    while (received.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    abort.abort();
    await following;
    const another = orderer.governance.follow(envelope, send, new AbortController().signal);
    const refused = assert.rejects(another, status(GrpcStatus.UNAVAILABLE));
    await stop();
    await refused;
    const late = orderer.governance.submit(network.invite("late", brewery, "000000000099"));
    await assert.rejects(late, status(GrpcStatus.UNAVAILABLE));
  });
});

describe("the journal's service on the governance strand", () => {
  it("answers members with digests and proofs", async () => {
    const { network, client, orderer } = await founded();
    const [brewery] = network.members as [TestMember];
    const record = network.invite("inn", brewery, "000000000099");
    await client.submit(record);
    const caller = new TestClient(orderer.address);
    closing.push(() => caller.close());
    const { GetDigest, GetInclusionProof, GetBlockInfo, GetConsistencyProof, GetReceipt } = services.Journal.methods;
    const ask = (method: { path: string } & typeof GetDigest, bytes: Bytes, by = brewery.org.identity("client")) =>
      client.rpc.unary(method, caller.envelope(by, ".governance", { type: HeaderType.MESSAGE }, bytes));
    const { journal } = hansa;
    const proofOf = encode(journal.GetInclusionProofRequest, { sequenceNo: 1, entryIndex: 1 });
    const proof = journal.InclusionProof.decode(await ask(GetInclusionProof as never, proofOf));
    const digest = journal.Digest.decode(proof.digest?.digest as Bytes);
    assert.equal(digest.channelId, ".governance");
    assert.ok(equalBytes(proof.leaf, sha256(record)));
    assert.ok(verifyPath(proof.leaf, proof.path, digest.hash));
    await ask(GetBlockInfo as never, encode(journal.GetBlockInfoRequest, {}));
    await ask(GetConsistencyProof as never, encode(journal.GetConsistencyProofRequest, { earlierTipSequenceNo: 0 }));
    const newest = encode(journal.GetDigestRequest, {});
    const stranger = testOrganization("StrangerMSP").identity("client");
    await assert.rejects(ask(GetDigest, newest, stranger), status(GrpcStatus.PERMISSION_DENIED));
    const receipt = encode(journal.GetReceiptRequest, { sequenceNo: 1, entryIndex: 1 });
    await assert.rejects(ask(GetReceipt as never, receipt), status(GrpcStatus.INVALID_ARGUMENT));
    const unfounded = await start(new TestGovernance());
    const envelope = caller.envelope(brewery.signer, ".governance", { type: HeaderType.MESSAGE }, newest);
    await assert.rejects(unfounded.client.rpc.unary(GetDigest, envelope), status(GrpcStatus.NOT_FOUND));
  });
});

describe("the governance strand on disk", () => {
  it("stands beside channels and comes back whole", async () => {
    const folder = await dataFolder();
    const { genesis, ordererOrg } = testNetwork();
    const network = new TestGovernance(undefined, ordererOrg);
    const [brewery] = network.members as [TestMember];
    const first = await start(network, { dataFolder: folder });
    await first.orderer.join(genesis);
    await first.client.submit(network.founded());
    for (let i = 0; i < 20; i++) await first.client.submit(network.invite(`p${i}`, brewery, "000000000099"));
    const before = await first.client.strand(network.operator);
    await first.stop();
    const second = await start(network, { dataFolder: folder });
    assert.deepEqual(await second.client.strand(network.operator), before);
    assert.deepEqual(
      second.orderer.channels().map(({ channelId }) => channelId),
      ["trade"],
    );
    assert.equal(await second.client.refusal(network.founded()), "ALREADY_EXISTS");
    await second.client.submit(network.invite("more", brewery, "000000000099"));
  });

  it("undoes a founding that was cut off before its record was written", async () => {
    const folder = await dataFolder();
    const network = new TestGovernance();
    const store = new FileJournalStore(path.join(folder, "journal"));
    await store.create({ strandId: "0123456789012345678901", name: GOVERNANCE_STRAND });
    await store.close();
    const { client } = await start(network, { dataFolder: folder });
    assert.deepEqual(await client.strand(network.operator), []);
    await client.submit(network.founded());
    assert.equal((await client.strand(network.operator)).length, 1);
  });

  it("acknowledges nothing that it could not write, and takes nothing more", async () => {
    const network = new TestGovernance();
    const [brewery] = network.members as [TestMember];
    const store = new MemoryJournalStore();
    let isFull = false;
    const failing: JournalStore = {
      list: () => store.list(),
      open: (strandId) => store.open(strandId),
      remove: (strandId) => store.remove(strandId),
      close: () => store.close(),
      create: async (info) => {
        const strand = await store.create(info);
        const append = strand.append.bind(strand);
        strand.append = (records) => {
          const { strandId } = info;
          return isFull
            ? Promise.reject(new JournalError({ code: "STORE_FAILED", strandId, detail: "no space left" }))
            : append(records);
        };
        return strand;
      },
    };
    const identity = network.operatorOrg.identity("orderer");
    const strand = await GovernanceStrand.open({ store: failing, identity, clock: testClock, logger: silentLogger });
    const submit = async (record: Bytes) => {
      const submission = strand.submit(record);
      return submission.kind === "ordered" ? submission.ordered : submission;
    };
    await submit(network.founded());
    const before = strand.state;
    isFull = true;
    const acts = ["one", "two", "three"].map((name) => submit(network.invite(name, brewery, "000000000099")));
    for (const act of acts) await assert.rejects(act, /no space left/);
    assert.equal(strand.state, before);
    isFull = false;
    const later = strand.submit(network.invite("four", brewery, "000000000099"));
    assert.equal(later.kind, "unavailable");
    assert.equal(strand.height, 1);
  });

  it("cuts a torn tail and stops at a flipped byte, naming strand and block", async () => {
    const folder = await dataFolder();
    const network = new TestGovernance();
    const [brewery] = network.members as [TestMember];
    const first = await start(network, { dataFolder: folder });
    await first.client.submit(network.founded());
    for (let i = 0; i < 5; i++) await first.client.submit(network.invite(`p${i}`, brewery, "000000000099"));
    const before = await first.client.strand(network.operator);
    const strandId = before[0]?.block.address.strandId as string;
    await first.stop();

    const strandFolder = path.join(folder, "journal", strandId);
    assert.ok(readdirSync(strandFolder).includes("blocks"));
    const file = path.join(strandFolder, "blocks");
    const whole = readFileSync(file);
    // The beginning of a seventh record that was never finished.
    writeFileSync(file, Buffer.concat([whole, whole.subarray(0, 40)]));
    const torn = await start(network, { dataFolder: folder });
    assert.deepEqual(await torn.client.strand(network.operator), before);
    await torn.stop();
    assert.equal(statSync(file).size, whole.length);

    const flipped = Buffer.from(whole);
    const at = Math.floor(whole.length * 0.8);
    flipped[at] = (flipped[at] as number) ^ 1;
    writeFileSync(file, flipped);
    const strandAndBlock = new RegExp(`${strandId}, block [0-9]`);
    await assert.rejects(start(network, { dataFolder: folder }), strandAndBlock);
    writeFileSync(file, whole);
    truncateSync(file, whole.length - 10);
    await assert.rejects(start(network, { dataFolder: folder }), strandAndBlock);
    writeFileSync(file, whole);
    const mended = await start(network, { dataFolder: folder });
    assert.deepEqual(await mended.client.strand(network.operator), before);
  });
});

/** An MSP definition with the roots of both, as one who would be taken for the first might write it. */
function mergedRoots(own: Bytes, other: Bytes): Bytes {
  const [first, second] = [own, other].map((bytes) =>
    msp.FabricMSPConfig.decode(msp.MSPConfig.decode(bytes).config),
  ) as [msp.FabricMSPConfig, msp.FabricMSPConfig];
  const rootCerts = [...first.rootCerts, ...second.rootCerts];
  const { fabricNodeOus, ...rest } = first;
  const unit = (name: string) => ({ organizationalUnitIdentifier: name });
  const units = {
    enable: true,
    clientOuIdentifier: unit("client"),
    peerOuIdentifier: unit("peer"),
    adminOuIdentifier: unit("admin"),
    ordererOuIdentifier: unit("orderer"),
  };
  const config = encode(msp.FabricMSPConfig, { ...rest, rootCerts, tlsRootCerts: rootCerts, fabricNodeOus: units });
  return encode(msp.MSPConfig, { type: 0, config });
}
