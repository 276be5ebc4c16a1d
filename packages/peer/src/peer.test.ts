import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { RpcClient } from "@hansa/transport";
import { common, encode, HeaderType, orderer, protos, services, signedEnvelope, toLong } from "@hansa/wire";
import { buildChaincode, shimProgram } from "./chaincode/build.js";
import { plainEnvironment } from "./chaincode/command.js";
import { readPackage } from "./chaincode/package.js";
import { findShippedModules } from "./chaincode/shipped-modules.js";
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
import { testOrg } from "./testing/consortium.js";
import { makeNodePackage } from "./testing/make-package.js";
import { testPrivateData } from "./testing/private-data-cases.js";
import {
  brewery,
  breweryAdmin,
  CHANNEL,
  CONTRACT,
  call,
  pub,
  pubAdmin,
  TwoPeers,
  text,
  user,
} from "./testing/two-peers.js";

const never = new AbortController().signal;

describe("a peer among others", () => {
  let peers: TwoPeers;
  before(async () => {
    peers = await TwoPeers.start();
  });
  after(() => peers.stop());

  it("joins a channel through cscc, once", async () => {
    const join = { chaincode: "cscc", args: ["JoinChain", peers.genesis], type: HeaderType.CONFIG };
    const { first, second } = peers;
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
    const { first, second } = peers;
    const startedAt = performance.now();
    const bytes = makeNodePackage("store_1", CONTRACT);
    const packageId = await install(first, breweryAdmin, bytes);
    assert.equal(await install(second, pubAdmin, bytes), packageId);
    const definition: Definition = { name: "store", sequence: 1, packageId };
    const approval = lifecycleCall(CHANNEL, "ApproveChaincodeDefinitionForMyOrg", definition);
    assert.equal(await peers.submit(approval, breweryAdmin, [first]), 0);
    assert.equal(await peers.submit(approval, pubAdmin, [second]), 0);
    assert.equal(await peers.submit(lifecycleCall(CHANNEL, "CommitChaincodeDefinition", definition), breweryAdmin), 0);
    assert.ok(first.hasChaincode(CHANNEL, "store"));
    assert.deepEqual(await first.runnableChaincodes(CHANNEL), ["store"]);
    assert.equal(await peers.submit(call("put", "ale", "12")), 0);
    console.log(`# from package to first transaction: ${Math.round(performance.now() - startedAt)} ms`);
    assert.equal(await text(first, user, call("get", "ale")), "12");
    assert.equal(await text(second, user, call("get", "ale")), "12");
  });

  it("answers queries and contract errors", async () => {
    const { first } = peers;
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
    const { first } = peers;
    const fields = { ...call("putPrivate", "recipe"), transient: { value: Buffer.from("hops") } };
    const { txId, envelope } = await endorse([first], user, fields);
    peers.orderer.order(CHANNEL, envelope);
    assert.equal((await first.commitStatus(CHANNEL, txId, never)).code, 0);
    assert.equal(await text(first, user, call("getPrivate", "recipe")), "hops");
  });

  testPrivateData(() => peers);

  it("refuses what Fabric refuses, in its words", async () => {
    const { first } = peers;
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
    const { first } = peers;
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
    const { first, second } = peers;
    const directory = join(peers.folder, "debugged");
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
    const { first } = peers;
    const height = first.ledgerHeight(CHANNEL);
    await first.stop();
    const again = await peers.restart("first");
    assert.equal(again.ledgerHeight(CHANNEL), height);
    assert.equal(await text(again, user, call("get", "ale")), "12");
    assert.equal(await text(again, user, call("getPrivate", "recipe")), "hops");
    assert.equal(await peers.submit(call("put", "ale", "11")), 0);
  });
});
