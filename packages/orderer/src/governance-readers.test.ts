import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { testOrganization } from "@hansa/channel-config/testing";
import { type Act, derivedId } from "@hansa/governance";
import { verifyPath } from "@hansa/journal";
import { type Bytes, equalBytes, sha256 } from "@hansa/primitives";
import { GrpcStatus } from "@hansa/transport";
import { encode, HeaderType, hansa, services, toNumber } from "@hansa/wire";
import { closing, founded, start, status } from "./governance-test-node.js";
import { TestGovernance, type TestMember } from "./governance-testing.js";
import { TestClient, testClock } from "./testing.js";

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
