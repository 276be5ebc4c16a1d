import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { receiptFile } from "@hansa/journal";
import { verifyEvidence, verifyReceipt } from "@hansa/journal/verify";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import { encode, hansa, services, toNumber } from "@hansa/wire";
import { temporaryFolder } from "../support/folder.js";
import { until } from "../support/until.js";
import { CHANNEL, WitnessedChannel } from "../support/witnessed-channel.js";

const MEMBERS = ["BreweryMSP", "PubMSP", "ShopMSP"];

describe("witnesses", () => {
  it("sign what they compute themselves, at once for a receipt, and a majority is kept through restarts", async () => {
    const { folder, remove } = temporaryFolder();
    const net = new WitnessedChannel(folder, MEMBERS);
    let orderer = await net.startOrderer("orderer");
    let peers = await Promise.all([0, 1].map((member) => net.startPeer(member)));
    for (let i = 0; i < 7; i++) assert.equal(await net.order(orderer, `one ${i}`), 200);

    const receipt = await net.receipt(2, 1, 5_000);
    const verdict = verifyReceipt(receiptFile(receipt), net.roots);
    assert.ok(verdict.valid, JSON.stringify(verdict));
    assert.deepEqual(verdict.signers.map(({ role }) => role).sort(), ["orderer", "peer", "peer"]);
    assert.match(verdict.notProved.join("\n"), /peers of 2 of the organisations/);

    // By itself, once the channel is quiet.
    const newest = await until("the newest digest to be witnessed", async () => {
      const { digests } = await net.digests();
      const [first] = digests;
      return first?.state?.witnessed && tipOf(first.digest) === 7 ? first : undefined;
    });
    assert.deepEqual([newest.state?.mspIds, newest.state?.members], [["BreweryMSP", "PubMSP"], 3]);

    await Promise.all(peers.map((peer) => peer.stop()));
    await orderer.stop();
    orderer = await net.startOrderer("orderer");
    const kept = await net.digest(7);
    assert.equal(kept.signatures.length, 3, "signatures outlive the orderer's restart");
    peers = await Promise.all([0, 1, 2].map((member) => net.startPeer(member)));
    for (let i = 0; i < 5; i++) await net.order(orderer, `two ${i}`);
    await until("digests to extend what was signed before the restart", async () =>
      peers.every((peer) => peer.witnessedTip(CHANNEL) === 12) ? true : undefined,
    );
    // Of an older tip, by proof that the newest signed digest extends it.
    const older = await net.digest(9, 5_000);
    assert.ok(older.signatures.length >= 3, `${older.signatures.length} signatures`);
    assert.deepEqual(
      peers.map((peer) => peer.alarms()),
      [[], [], []],
    );

    await refusals(net);
    await Promise.all(peers.map((peer) => peer.stop()));
    await orderer.stop();
    remove();
  });

  it("keep evidence of a fork and take no more from the orderer that made it until they are told to", async () => {
    const { folder, remove } = temporaryFolder();
    const net = new WitnessedChannel(folder, MEMBERS);
    let orderer = await net.startOrderer("orderer");
    const raised: string[] = [];
    const peer = await net.startPeer(1, { onAlarm: ({ what }) => raised.push(what) });
    await net.order(orderer, "shared");
    await orderer.stop();
    cpSync(path.join(folder, "orderer"), path.join(folder, "liar"), { recursive: true });

    orderer = await net.startOrderer("orderer");
    for (let i = 0; i < 3; i++) await net.order(orderer, `true ${i}`);
    await until("the true history to be signed", async () => (peer.witnessedTip(CHANNEL) === 4 ? true : undefined));
    await orderer.stop();

    const liar = await net.startOrderer("liar");
    for (let i = 0; i < 8; i++) await net.order(liar, `false ${i}`);
    await until("the fork to be noticed", async () => (peer.alarms().length > 0 ? true : undefined));
    const evidence = path.join(folder, "peer1", "evidence");
    const files = await until("the evidence", async () => {
      const names = readdirSync(evidence).filter((name) => name.endsWith(".json"));
      return names.length >= peer.alarms().length ? names : undefined;
    });
    for (const name of files) {
      const text = readFileSync(path.join(evidence, name), "utf8");
      const verdict = verifyEvidence(text, net.roots);
      assert.ok(verdict.valid, JSON.stringify(verdict));
      assert.deepEqual(
        verdict.liars.map(({ name: liarName }) => liarName),
        ["orderer.OrdererMSP"],
      );
      const spoiled = verifyEvidence(text.replace(/"signature": "M(.)/, '"signature": "N$1'), net.roots);
      if (text !== text.replace(/"signature": "M(.)/, '"signature": "N$1')) assert.ok(!spoiled.valid);
    }
    assert.ok(raised.length > 0);
    const height = peer.ledgerHeight(CHANNEL);
    for (let i = 0; i < 3; i++) await net.order(liar, `more ${i}`);
    await sleep(700);
    assert.equal(peer.ledgerHeight(CHANNEL), height, "nothing of the liar's is committed");
    await liar.stop();

    // The truth comes back; only an operator may say so.
    orderer = await net.startOrderer("orderer");
    await net.order(orderer, "after");
    await sleep(700);
    assert.equal(peer.ledgerHeight(CHANNEL), height);
    mkdirSync(path.join(evidence, "cleared"));
    for (const name of files) renameSync(path.join(evidence, name), path.join(evidence, "cleared", name));
    await until("blocks to be taken again", async () => (peer.ledgerHeight(CHANNEL) === height + 1 ? true : undefined));
    assert.deepEqual(peer.alarms(), []);
    await peer.stop();
    await orderer.stop();
    remove();
  });
});

function tipOf(signed: hansa.journal.ISignedDigest | null | undefined): number {
  return toNumber(hansa.journal.Digest.decode(signed?.digest ?? new Uint8Array(0)).tip?.sequenceNo);
}

/** What a witness' words are not taken for. */
async function refusals(net: WitnessedChannel): Promise<void> {
  const { digest } = await net.digest(undefined, 1_000);
  const { CoSign, GetBlockTimes } = services.Journal.methods;
  const refused = (code: number, by: Parameters<typeof net.ask>[2], message: hansa.journal.ICoSignRequest) =>
    assert.rejects(
      net.ask(CoSign, encode(hansa.journal.CoSignRequest, message), by),
      (error) => error instanceof RpcStatus && error.code === code,
    );
  const peer = net.members[0]!.identity("peer");
  await refused(GrpcStatus.PERMISSION_DENIED, net.client, { digest, signature: net.client.sign(digest) });
  await refused(GrpcStatus.INVALID_ARGUMENT, peer, { digest, signature: net.client.sign(digest) });
  const other = hansa.journal.Digest.decode(digest);
  const changed = encode(hansa.journal.Digest, { ...other, hash: Buffer.alloc(32) });
  await refused(GrpcStatus.INVALID_ARGUMENT, peer, { digest: changed, signature: peer.sign(changed) });
  const unknown = encode(hansa.journal.Digest, { ...other, tip: { strandId: "x", sequenceNo: 999 } });
  await refused(GrpcStatus.FAILED_PRECONDITION, peer, { digest: unknown, signature: peer.sign(unknown) });
  await refused(GrpcStatus.INVALID_ARGUMENT, peer, { digest: Buffer.of(255) });
  const times = encode(hansa.journal.GetBlockTimesRequest, { firstSequenceNo: 0, lastSequenceNo: 99 });
  await assert.rejects(net.ask(GetBlockTimes, times), RpcStatus);
}
