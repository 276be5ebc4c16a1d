import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { testOrganization } from "@hansa/channel-config/testing";
import { type Act, derivedId, Identities, readSignedRecord, signedRecord } from "@hansa/governance";
import { verifyPath } from "@hansa/journal";
import { type Bytes, sha256, toHex, type UnixMs } from "@hansa/primitives";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import { encode, hansa, msp, toLong, toNumber } from "@hansa/wire";
import { founded, recomputed, start, status } from "./governance-test-node.js";
import { GovernanceClient, TestGovernance, TestMember } from "./governance-testing.js";
import { testClock } from "./testing.js";

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
