import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { sha256Hex, silentLogger } from "@hansa/primitives";
import { RpcClient } from "@hansa/transport";
import {
  common,
  decode,
  encode,
  HeaderType,
  hansa,
  kvrwset,
  orderer,
  protos,
  rwset,
  services,
  signedEnvelope,
  toLong,
} from "@hansa/wire";
import { buildChaincode, shimProgram } from "./chaincode/build.js";
import { plainEnvironment } from "./chaincode/command.js";
import { readPackage } from "./chaincode/package.js";
import { findShippedModules } from "./chaincode/shipped-modules.js";
import type { PeerConfig } from "./config.js";
import { startPeer } from "./peer.js";
import { connectPeer, type PeerConnection } from "./peer-connection.js";
import type { RunningPeer } from "./running-peer.js";
import {
  ask,
  type Definition,
  endorse,
  install,
  lifecycleCall,
  makeProposal,
  query,
  spoiled,
} from "./testing/client.js";
import { TestOrderer, testGenesis, testOrg } from "./testing/consortium.js";
import { makeNodePackage } from "./testing/make-package.js";

const CHANNEL = "trade";
const CONTRACT = `
const { Contract } = require("fabric-contract-api");
class Store extends Contract {
  async put(ctx, key, value) { await ctx.stub.putState(key, Buffer.from(value)); ctx.stub.setEvent("put", Buffer.from(key)); }
  async get(ctx, key) { return (await ctx.stub.getState(key)).toString(); }
  async putPrivate(ctx, key) { await ctx.stub.putPrivateData("_implicit_org_" + ctx.clientIdentity.getMSPID(), key, ctx.stub.getTransient().get("value")); }
  async getPrivate(ctx, key) { return (await ctx.stub.getPrivateData("_implicit_org_" + ctx.clientIdentity.getMSPID(), key)).toString(); }
  async putDeal(ctx, key) { await ctx.stub.putPrivateData("deal", key, ctx.stub.getTransient().get("value")); }
  async getDeal(ctx, key) { return (await ctx.stub.getPrivateData("deal", key)).toString(); }
  async fail(ctx) { throw new Error("no beer left"); }
}
module.exports.contracts = [Store];
`;

const brewery = testOrg("BreweryMSP");
const pub = testOrg("PubMSP");
const ordering = testOrg("OrdererMSP");
const breweryAdmin = brewery.identity("admin", "admin");
const pubAdmin = pub.identity("admin", "admin");
const user = brewery.identity("user", "client");
const never = new AbortController().signal;

describe("a peer among others", () => {
  let folder: string;
  let testOrderer: TestOrderer;
  let genesis: Uint8Array;
  let peers: RunningPeer[];
  const configs: PeerConfig[] = [];
  const connections = new Map<string, PeerConnection>();
  const connectionTo = (address: string) => {
    const connection = connections.get(address) ?? connectPeer(address, undefined);
    connections.set(address, connection);
    return connection;
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "hansa-peer-"));
    testOrderer = new TestOrderer(ordering.identity("orderer", "orderer"));
    genesis = testGenesis(CHANNEL, [brewery, pub], ordering, await testOrderer.start());
    testOrderer.addChannel(genesis);
    for (const org of [brewery, pub]) {
      const { certPem, keyPem } = org.identity("peer0", "peer");
      configs.push({
        name: `peer0.${org.mspId}`,
        identity: { mspId: org.mspId, certPem, keyPem },
        localMsp: org.mspConfig,
        listenAddress: "127.0.0.1:0",
        dataDirectory: join(folder, org.mspId),
        chaincode: { allowAttach: org === pub },
        otherPeers: () =>
          peers
            .filter((peer) => peer.mspId !== org.mspId)
            .map(({ mspId, address }) => ({ mspId, address, connection: connectionTo(address) })),
        logger: silentLogger,
      });
    }
    peers = await Promise.all(configs.map(startPeer));
  });
  after(async () => {
    await Promise.all(peers.map((peer) => peer.stop()));
    for (const connection of connections.values()) connection.close();
    await testOrderer.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function submit(fields: Parameters<typeof endorse>[2], signer = user, by = peers): Promise<number> {
    const { txId, envelope } = await endorse(by, signer, fields);
    testOrderer.order(CHANNEL, envelope);
    const statuses = await Promise.all(peers.map((peer) => peer.commitStatus(CHANNEL, txId, never)));
    assert.equal(new Set(statuses.map(({ code }) => code)).size, 1, "all peers agree");
    return statuses[0]?.code ?? -1;
  }
  const call = (...args: string[]) => ({ channelId: CHANNEL, chaincode: "store", args });
  const text = async (...args: Parameters<typeof query>) => Buffer.from(await query(...args)).toString();

  it("joins a channel through cscc, once", async () => {
    const join = { chaincode: "cscc", args: ["JoinChain", genesis], type: HeaderType.CONFIG };
    const [first, second] = peers;
    assert.ok(first && second);
    await query(first, breweryAdmin, join);
    await query(second, pubAdmin, join);
    await assert.rejects(query(first, breweryAdmin, join), {
      message: "cannot create ledger from genesis block: ledger [trade] already exists with state [ACTIVE]",
    });
    await assert.rejects(query(first, user, join), { message: /access denied for \[JoinChain\]\[trade\]/ });
    assert.deepEqual(first.channelIds(), [CHANNEL]);
    const answer = await query(first, user, { chaincode: "cscc", args: ["GetChannels"] });
    assert.deepEqual(
      protos.ChannelQueryResponse.decode(answer).channels.map((each) => each.channelId),
      [CHANNEL],
    );
  });

  it("deploys a contract in well under a second after its package arrived", async () => {
    const [first, second] = peers;
    assert.ok(first && second);
    const startedAt = performance.now();
    const bytes = makeNodePackage("store_1", CONTRACT);
    const packageId = await install(first, breweryAdmin, bytes);
    assert.equal(await install(second, pubAdmin, bytes), packageId);
    const definition: Definition = { name: "store", sequence: 1, packageId };
    const approval = lifecycleCall(CHANNEL, "ApproveChaincodeDefinitionForMyOrg", definition);
    assert.equal(await submit(approval, breweryAdmin, [first]), 0);
    assert.equal(await submit(approval, pubAdmin, [second]), 0);
    assert.equal(await submit(lifecycleCall(CHANNEL, "CommitChaincodeDefinition", definition), breweryAdmin), 0);
    assert.ok(first.hasChaincode(CHANNEL, "store"));
    assert.deepEqual(await first.runnableChaincodes(CHANNEL), ["store"]);
    assert.equal(await submit(call("put", "ale", "12")), 0);
    console.log(`# from package to first transaction: ${Math.round(performance.now() - startedAt)} ms`);
    assert.equal(await text(first, user, call("get", "ale")), "12");
    assert.equal(await text(second, user, call("get", "ale")), "12");
  });

  it("answers queries and contract errors", async () => {
    const [first] = peers;
    assert.ok(first);
    const { response, endorsement } = await ask(first, makeProposal(user, call("fail")));
    assert.equal(response?.status, 500);
    assert.match(response?.message ?? "", /no beer left/);
    assert.equal(endorsement ?? undefined, undefined);
    const info = common.BlockchainInfo.decode(
      await query(first, user, { channelId: CHANNEL, chaincode: "qscc", args: ["GetChainInfo", CHANNEL] }),
    );
    assert.equal(Number(info.height), first.ledgerHeight(CHANNEL));
  });

  it("keeps private data of its own organisation", async () => {
    const [first] = peers;
    assert.ok(first);
    const fields = { ...call("putPrivate", "recipe"), transient: { value: Buffer.from("hops") } };
    const { txId, envelope } = await endorse([first], user, fields);
    testOrderer.order(CHANNEL, envelope);
    assert.equal((await first.commitStatus(CHANNEL, txId, never)).code, 0);
    assert.equal(await text(first, user, call("getPrivate", "recipe")), "hops");
  });

  it("passes private data to the peers of members, as many as the collection requires, and takes no false data", async () => {
    const [first, second] = peers;
    assert.ok(first && second);
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
      assert.equal(await submit(approval, breweryAdmin, [first]), 0);
      assert.equal(await submit(approval, pubAdmin, [second]), 0);
      assert.equal(await submit(lifecycleCall(CHANNEL, "CommitChaincodeDefinition", definition), breweryAdmin), 0);
    };
    await define({ name: "vault", sequence: 1, packageId, collections: [deal] });
    const vault = (...args: string[]) => ({ channelId: CHANNEL, chaincode: "vault", args });
    const value = Buffer.from("12 barrels for 900");
    const fields = { ...vault("putDeal", "d1"), transient: { value } };
    // Only one peer simulates; the other has the value from it.
    assert.equal(await submit(fields, user, [first]), 0);
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
      await connectionTo(second.address).pushPrivate(encode(hansa.peer.SignedPrivateWrites, signed), {
        timeoutMs: 2_000,
      });
    };
    const lied = async (key: string) => {
      const { txId, envelope } = await endorse([first], user, { ...vault("putDeal", key), transient: { value } });
      await lie(txId, key);
      testOrderer.order(CHANNEL, envelope);
      await Promise.all(peers.map((peer) => peer.commitStatus(CHANNEL, txId, never)));
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
    const [, config] = configs;
    assert.ok(config);
    peers[1] = await startPeer({ ...config, listenAddress: second.address });
  });

  it("takes private data from peers of members only", async () => {
    const [first] = peers;
    assert.ok(first);
    const client = connectionTo(first.address);
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
    const [first, second] = peers;
    assert.ok(first && second);
    const { certPem, keyPem } = brewery.identity("peer1", "peer");
    const asked: string[] = [];
    const late = await startPeer({
      name: "peer1.brewery",
      identity: { mspId: brewery.mspId, certPem, keyPem },
      localMsp: brewery.mspConfig,
      listenAddress: "127.0.0.1:0",
      dataDirectory: join(folder, "late"),
      otherPeers: () =>
        [second, first].map(({ mspId, address }) => ({
          mspId,
          address,
          connection: {
            ...connectionTo(address),
            pullPrivate: (question, limits) => {
              asked.push(mspId);
              return connectionTo(address).pullPrivate(question, limits);
            },
          },
        })),
      logger: silentLogger,
    });
    try {
      await query(late, breweryAdmin, { chaincode: "cscc", args: ["JoinChain", genesis], type: HeaderType.CONFIG });
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
    const [first] = peers;
    assert.ok(first);
    const pull = (signer: typeof user, fields: object = {}) => {
      const question = encode(hansa.peer.PrivateQuestion, {
        format: "hansa.peer.private-question/1",
        channelId: CHANNEL,
        timestampMs: toLong(Date.now()),
        ...fields,
      });
      const signed = { question, creator: signer.serialized, signature: signer.sign(question) };
      return connectionTo(first.address).pullPrivate(encode(hansa.peer.SignedPrivateQuestion, signed), {
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

  it("refuses what Fabric refuses, in its words", async () => {
    const [first] = peers;
    assert.ok(first);
    const good = makeProposal(user, call("get", "ale"));
    const refusal = (signed: Uint8Array) => first.endorseLocal(signed);
    await assert.rejects(refusal(spoiled(good.signed)), {
      code: 2,
      message: "error validating proposal: access denied: channel [trade] creator org [BreweryMSP]",
    });
    const stranger = testOrg("StrangerMSP").identity("x", "client");
    await assert.rejects(refusal(makeProposal(stranger, call("get", "ale")).signed), {
      message: "error validating proposal: access denied: channel [trade] creator org unknown, creator is malformed",
    });
    const expired = brewery.identity("late", "client", 1);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await assert.rejects(refusal(makeProposal(expired, call("get", "ale")).signed), {
      message: "proposal client identity expired",
    });
    for (let length = 0; length < good.signed.length; length += 97) {
      await refusal(good.signed.subarray(0, length)).then(
        () => {},
        (error: Error) => assert.equal(error.name, "RpcStatus", error.stack),
      );
    }
    const elsewhere = await ask(first, makeProposal(user, { ...call("get", "ale"), channelId: "nowhere" }));
    assert.equal(elsewhere.response?.message, "channel 'nowhere' not found");
  });

  it("delivers blocks and filtered blocks to members only", async () => {
    const [first] = peers;
    assert.ok(first);
    const client = new RpcClient(first.address);
    const seek = (signer: typeof user, stop: number) =>
      signedEnvelope({
        type: HeaderType.DELIVER_SEEK_INFO,
        channelId: CHANNEL,
        creator: signer.serialized,
        nonce: Buffer.alloc(24, 1),
        timestampMs: Date.now(),
        data: encode(orderer.SeekInfo, {
          start: { specified: { number: toLong(0) } },
          stop: { specified: { number: toLong(stop) } },
        }),
        sign: (payload) => signer.sign(payload),
      });
    const read = async (method: keyof typeof services.Deliver.methods, envelope: Uint8Array) => {
      const stream = client.bidi(services.Deliver.methods[method]);
      void stream.send(envelope);
      const answers: protos.DeliverResponse[] = [];
      for await (const bytes of stream.incoming) {
        const answer = protos.DeliverResponse.decode(bytes);
        answers.push(answer);
        if (answer.Type === "status") break;
      }
      stream.close();
      return answers;
    };
    const height = first.ledgerHeight(CHANNEL);
    const blocks = await read("Deliver", seek(user, height - 1));
    assert.equal(blocks.length, height + 1);
    assert.equal(blocks.at(-1)?.status, common.Status.SUCCESS);
    const stored = Buffer.from(await first.block(CHANNEL, 3));
    assert.deepEqual(Buffer.from(common.Block.encode(blocks[3]?.block ?? {}).finish()), stored);

    const filtered = await read("DeliverFiltered", seek(user, height - 1));
    const events = filtered.flatMap((each) =>
      (each.filteredBlock?.filteredTransactions ?? []).flatMap((tx) =>
        (tx.transactionActions?.chaincodeActions ?? []).map((action) => action.chaincodeEvent?.eventName),
      ),
    );
    assert.deepEqual(events, ["put"]);

    const own = await read("DeliverWithPrivateData", seek(user, height - 1));
    const other = await read("DeliverWithPrivateData", seek(pub.identity("user", "client"), height - 1));
    const withData = (answers: protos.DeliverResponse[]) =>
      answers.filter((each) => Object.keys(each.blockAndPrivateData?.privateDataMap ?? {}).length > 0).length;
    assert.equal(withData(own), 8, "its approvals, the recipe and the deals");
    assert.equal(withData(other), 3, "the deals");

    const stranger = testOrg("StrangerMSP").identity("x", "client");
    assert.deepEqual(
      (await read("Deliver", seek(stranger, 1))).map((each) => each.status),
      [common.Status.FORBIDDEN],
    );
    assert.deepEqual(
      (await read("Deliver", Buffer.from("0a0101", "hex"))).map((each) => each.status),
      [common.Status.BAD_REQUEST],
    );
    client.close();
  });

  it("lets a contract under a debugger take the place of the installed one", async () => {
    const [first, second] = peers;
    assert.ok(first && second);
    const directory = join(folder, "debugged");
    const source = CONTRACT.replace("async get(ctx, key) { return", "async get(ctx, key) { return 'debugged ' +");
    const { code } = await readPackage(makeNodePackage("debugged", source));
    const build = await buildChaincode("debugged", "node", code, {
      directory,
      shipped: findShippedModules(),
      timeoutMs: 30_000,
    });
    assert.ok(build.kind === "node");
    const attach = (peer: RunningPeer, name: string) =>
      spawn(
        process.execPath,
        [shimProgram(build.directory), "start", "--peer.address", peer.chaincodeAddress, "--chaincode-id-name", name],
        { cwd: build.directory, env: plainEnvironment(), stdio: "ignore" },
      );
    const answers = async (expected: string) => {
      for (let tries = 0; tries < 200; tries++) {
        if ((await text(second, user, call("get", "ale")).catch(() => "")) === expected) return;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      assert.fail(`never answered "${expected}"`);
    };
    const strangers = [attach(second, "store:9.9"), attach(first, "store:1.0")];
    const debugged = attach(second, "store:1.0");
    await answers("debugged 12");
    assert.equal(await text(first, user, call("get", "ale")), "12");
    for (const child of [debugged, ...strangers]) child.kill();
    await answers("12");
  });

  it("comes back with all it knew, and its contract", async () => {
    const [first] = peers;
    const [config] = configs;
    assert.ok(first && config);
    const height = first.ledgerHeight(CHANNEL);
    await first.stop();
    const again = await startPeer(config);
    peers[0] = again;
    assert.equal(again.ledgerHeight(CHANNEL), height);
    assert.equal(await text(again, user, call("get", "ale")), "12");
    assert.equal(await text(again, user, call("getPrivate", "recipe")), "hops");
    assert.equal(await submit(call("put", "ale", "11")), 0);
  });
});
