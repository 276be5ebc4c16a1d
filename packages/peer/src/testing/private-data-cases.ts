/** What two peers do with private data, for a test that runs them; both know the chaincode "store" and its recipe by then. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { it } from "node:test";
import { sha256Hex, silentLogger } from "@hansa/primitives";
import { common, decode, encode, HeaderType, hansa, kvrwset, rwset, toLong } from "@hansa/wire";
import { startPeer } from "../peer.js";
import { ask, type Definition, endorse, install, lifecycleCall, makeProposal, query } from "./client.js";
import { testOrg } from "./consortium.js";
import { makeNodePackage } from "./make-package.js";
import {
  brewery,
  breweryAdmin,
  CHANNEL,
  CONTRACT,
  call,
  pub,
  pubAdmin,
  type TwoPeers,
  text,
  user,
} from "./two-peers.js";

export function testPrivateData(running: () => TwoPeers): void {
  it("passes private data to the peers of members, as many as the collection requires, and takes no false data", async () => {
    const peers = running();
    const { first, second } = peers;
    const members = [brewery, pub].map(({ mspId }) => ({
      principalClassification: common.MSPPrincipal.Classification.ROLE,
      principal: encode(common.MSPRole, { mspIdentifier: mspId, role: common.MSPRole.MSPRoleType.MEMBER }),
    }));
    const policy = (identities: typeof members) => ({
      signaturePolicy: {
        identities,
        rule: { nOutOf: { n: 1, rules: identities.map((_, signedBy) => ({ signedBy })) } },
      },
    });
    const deal = {
      name: "deal",
      memberOrgsPolicy: policy(members),
      endorsementPolicy: policy(members),
      requiredPeerCount: 1,
      maximumPeerCount: 1,
    };
    const bytes = makeNodePackage("store_1", CONTRACT);
    const packageId = `store_1:${sha256Hex(bytes)}`;
    const define = async (definition: Definition) => {
      const approval = lifecycleCall(CHANNEL, "ApproveChaincodeDefinitionForMyOrg", definition);
      assert.equal(await peers.submit(approval, breweryAdmin, [first]), 0);
      assert.equal(await peers.submit(approval, pubAdmin, [second]), 0);
      assert.equal(
        await peers.submit(lifecycleCall(CHANNEL, "CommitChaincodeDefinition", definition), breweryAdmin),
        0,
      );
    };
    await define({ name: "vault", sequence: 1, packageId, collections: [deal] });
    const vault = (...args: string[]) => ({ channelId: CHANNEL, chaincode: "vault", args });
    const value = Buffer.from("12 barrels for 900");
    const fields = { ...vault("putDeal", "d1"), transient: { value } };
    // Only one peer simulates; the other has the value from it.
    assert.equal(await peers.submit(fields, user, [first]), 0);
    assert.equal(await text(second, user, vault("getDeal", "d1")), value.toString());

    // What a member's peer passes on that does not hash to what the block says is never used: neither beside the value,
    const colluding = pub.identity("peer1", "peer");
    const lie = async (txId: string, key: string) => {
      const writes = encode(kvrwset.KVRWSet, { writes: [{ key, value: Buffer.from("1 barrel for 9000") }] });
      const privateRwset = encode(rwset.TxPvtReadWriteSet, {
        nsPvtRwset: [{ namespace: "vault", collectionPvtRwset: [{ collectionName: "deal", rwset: writes }] }],
      });
      const lies = encode(hansa.peer.PrivateWrites, { channelId: CHANNEL, txId, privateRwset });
      const signed = { writes: lies, creator: colluding.serialized, signature: colluding.sign(lies) };
      await peers.connectionTo(second.address).pushPrivate(encode(hansa.peer.SignedPrivateWrites, signed), {
        timeoutMs: 2_000,
      });
    };
    const lied = async (key: string) => {
      const { txId, envelope } = await endorse([first], user, { ...vault("putDeal", key), transient: { value } });
      await lie(txId, key);
      await peers.order(txId, envelope);
      return text(second, user, vault("getDeal", key));
    };
    assert.equal(await lied("d2"), value.toString());

    // nor in its place.
    const asked = { ...deal, requiredPeerCount: 0, maximumPeerCount: 0 };
    await define({ name: "vault", sequence: 2, packageId, collections: [asked] });
    assert.equal(await lied("d3"), value.toString());
    await define({ name: "vault", sequence: 3, packageId, collections: [deal] });

    await second.stop();
    const { response } = await ask(first, makeProposal(user, fields));
    assert.match(
      response?.message ?? "",
      /failed to distribute private collection, txID .*: Failed disseminating 1 out of 1 private dissemination plans/,
    );
    await peers.restart("second", { listenAddress: second.address });
  });

  it("takes private data from peers of members only", async () => {
    const peers = running();
    const { first } = peers;
    const client = peers.connectionTo(first.address);
    const writes = encode(hansa.peer.PrivateWrites, { channelId: CHANNEL, txId: "0".repeat(64) });
    const push = (signer: typeof user) =>
      client.pushPrivate(
        encode(hansa.peer.SignedPrivateWrites, {
          writes,
          creator: signer.serialized,
          signature: signer.sign(writes),
        }),
        { timeoutMs: 2_000 },
      );
    await push(pub.identity("peer1", "peer"));
    await assert.rejects(push(user), { code: 7 });
    await assert.rejects(push(testOrg("StrangerMSP").identity("x", "peer")), { code: 7 });
    await assert.rejects(client.pushPrivate(Buffer.from("?"), { timeoutMs: 2_000 }), { code: 3 });
  });

  it("gives a peer that comes late the private data that its organisation may have, and nobody else's", async () => {
    const peers = running();
    const { first, second } = peers;
    const { certPem, keyPem } = brewery.identity("peer1", "peer");
    const asked: string[] = [];
    const late = await startPeer({
      name: "peer1.brewery",
      identity: { mspId: brewery.mspId, certPem, keyPem },
      localMsp: brewery.mspConfig,
      listenAddress: "127.0.0.1:0",
      dataDirectory: join(peers.folder, "late"),
      otherPeers: () =>
        [second, first].map(({ mspId, address }) => ({
          mspId,
          address,
          connection: {
            ...peers.connectionTo(address),
            pullPrivate: (question, limits) => {
              asked.push(mspId);
              return peers.connectionTo(address).pullPrivate(question, limits);
            },
          },
        })),
      logger: silentLogger,
    });
    try {
      await query(late, breweryAdmin, {
        chaincode: "cscc",
        args: ["JoinChain", peers.genesis],
        type: HeaderType.CONFIG,
      });
      await install(late, breweryAdmin, makeNodePackage("store_1", CONTRACT));
      for (let round = 0; late.ledgerHeight(CHANNEL) < first.ledgerHeight(CHANNEL); round++) {
        assert.ok(round < 400, "it does not catch up");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      // What its organisation approved is private data, too: it knows by that which package it is to run.
      assert.ok(late.hasChaincode(CHANNEL, "store"));
      assert.equal(await text(late, user, call("getPrivate", "recipe")), "hops");
      const deal = { channelId: CHANNEL, chaincode: "vault", args: ["getDeal", "d1"] };
      assert.equal(await text(late, user, deal), "12 barrels for 900");
      assert.equal(asked[0], brewery.mspId);
    } finally {
      await late.stop();
    }
  });

  it("answers questions for private data of peers of members only, by their time", async () => {
    const peers = running();
    const { first } = peers;
    const pull = (signer: typeof user, fields: object = {}) => {
      const question = encode(hansa.peer.PrivateQuestion, {
        format: "hansa.peer.private-question/1",
        channelId: CHANNEL,
        timestampMs: toLong(Date.now()),
        ...fields,
      });
      const signed = { question, creator: signer.serialized, signature: signer.sign(question) };
      return peers.connectionTo(first.address).pullPrivate(encode(hansa.peer.SignedPrivateQuestion, signed), {
        timeoutMs: 2_000,
      });
    };
    const countFor = async (signer: typeof user) => {
      let count = 0;
      for (let blockNumber = 0; blockNumber < first.ledgerHeight(CHANNEL); blockNumber++) {
        const bytes = await pull(signer, { blockNumber: toLong(blockNumber) });
        count += decode(hansa.peer.PrivateBlock, bytes, "PrivateBlock").transactions.length;
      }
      return count;
    };
    const own = await countFor(brewery.identity("peer2", "peer"));
    const others = await countFor(pub.identity("peer1", "peer"));
    assert.ok(others > 0 && others < own, `${others} of ${own}`);
    const peer = pub.identity("peer1", "peer");
    await assert.rejects(pull(user), { code: 7 });
    await assert.rejects(pull(testOrg("StrangerMSP").identity("x", "peer")), { code: 7 });
    await assert.rejects(pull(peer, { timestampMs: toLong(Date.now() - 3_600_000) }), { code: 7 });
    await assert.rejects(pull(peer, { format: "" }), { code: 3 });
    await assert.rejects(pull(peer, { channelId: "nowhere" }), { code: 5 });
    await assert.rejects(pull(peer, { blockNumber: toLong(9_999) }), { code: 5 });
  });
}
