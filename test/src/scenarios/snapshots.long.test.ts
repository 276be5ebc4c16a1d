/** A peer joins late by a snapshot, and its ledgers are taken back, made anew, paused and left while it is stopped. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Network, PeerSnapshots, startNetwork } from "@hansa/network";
import { connectPeer, type RunningPeer } from "@hansa/peer";
import {
  pauseChannel,
  rebuildLedgers,
  resetLedgers,
  resumeChannel,
  rollbackLedger,
  unjoinChannel,
} from "@hansa/peer/offline";
import { decode, encode, hansa, kvrwset, rwset, toLong } from "@hansa/wire";
import { temporaryFolder } from "../support/folder.js";
import { hansa as hansaCommand, hansaProgram, runProgram } from "../support/hansa-command.js";
import { repositoryRoot } from "../support/paths.js";
import { startSparePeer } from "../support/spare-peer.js";
import { until } from "../support/until.js";

const CHANNEL = "trade";
const contract = path.join(repositoryRoot, "test/contracts/conformance");
const collections = path.join(contract, "collections.json");

describe("snapshots and the ledgers of a stopped peer", { timeout: 120_000 }, () => {
  const { folder, remove } = temporaryFolder();
  const at = (...names: string[]) => path.join(folder, ...names);
  let network: Network;
  let snapshots: PeerSnapshots;
  let snapshotBlock: number;
  let spare: RunningPeer | undefined;
  /** Private values that the spare peer had before its ledgers were taken back. */
  let held: string[] = [];

  before(async () => {
    network = await startNetwork(
      {
        network: "snapshots",
        mode: "inline",
        members: [{ name: "Org1" }, { name: "Org2" }],
        channels: [{ name: CHANNEL }],
        contracts: [{ name: "both", channel: CHANNEL, path: contract, endorsement: "any", collections }],
      },
      { dataFolder: at("network") },
    );
    snapshots = new PeerSnapshots(network, network.member("Org1").peers[0]!.id);
  });
  after(async () => {
    await spare?.stop();
    await network?.stop();
    remove();
  });

  const ledger = (name = "both") => network.member("Org1").gateway().getNetwork(CHANNEL).getContract(name);
  const write = async (count: number) => {
    for (let index = 0; index < count; index++) await ledger().submitTransaction("increment", "count");
  };
  const writePrivate = async (...keys: string[]) => {
    for (const key of keys)
      await ledger().submit("putPrivate", { arguments: ["shared", key], transientData: { value: `of ${key}` } });
  };
  const height = async () => (await network.ledgers(CHANNEL))[0]!.height;
  const theirs = (number: number) =>
    ledger("qscc").evaluateTransaction("GetBlockByNumber", CHANNEL, String(number)).then(Buffer.from);
  const start = async () => {
    spare = await startSparePeer(network.member("Org1"), at("spare"), {
      membership: { bootstrap: [network.member("Org1").peers[0]!.address] },
    });
    return spare;
  };
  const stop = async () => {
    await spare?.stop();
    spare = undefined;
  };
  /** What the spare peer gives another peer of its organisation of the private data that it has. */
  const privateValues = async (peer: RunningPeer): Promise<string[]> => {
    const { host } = network.member("Org1").peers[0]!;
    const rootPems = [readFileSync(network.member("Org1").tlsRootFile, "utf8")];
    const connection = connectPeer(peer.address, { rootPems, serverName: host });
    const values: string[] = [];
    try {
      for (let number = 0; number < peer.ledgerHeight(CHANNEL); number++) {
        const question = encode(hansa.peer.PrivateQuestion, {
          format: "hansa.peer.private-question/1",
          channelId: CHANNEL,
          blockNumber: toLong(number),
          timestampMs: toLong(Date.now()),
        });
        const signed = { question, creator: peer.identity, signature: peer.signer.sign(question) };
        const answer = await connection.pullPrivate(encode(hansa.peer.SignedPrivateQuestion, signed), {
          timeoutMs: 5_000,
        });
        for (const { privateRwset } of decode(hansa.peer.PrivateBlock, answer, "PrivateBlock").transactions)
          for (const { collectionPvtRwset } of decode(rwset.TxPvtReadWriteSet, privateRwset!, "sets").nsPvtRwset)
            for (const { collectionName, rwset: plain } of collectionPvtRwset ?? [])
              if (collectionName === "shared")
                for (const { value } of decode(kvrwset.KVRWSet, plain!, "set").writes)
                  values.push(Buffer.from(value!).toString("utf8"));
      }
    } finally {
      connection.close();
    }
    return values;
  };
  const assertHeld = async () => {
    const now = await privateValues(spare!);
    for (const value of held) assert.ok(now.includes(value), `the private value ${value} is lost`);
  };
  const assertFollows = async (peer: RunningPeer, from: number) => {
    await write(1);
    const top = await height();
    await until(`the spare peer to have ${top} blocks`, async () =>
      peer.ledgerHeight(CHANNEL) === top ? true : undefined,
    );
    for (let number = from; number < top; number++)
      assert.ok(Buffer.from(await peer.block(CHANNEL, number)).equals(await theirs(number)), `block ${number} differs`);
  };

  it("are written when their block comes, while the peer goes on", async () => {
    await writePrivate("p", "q");
    await write(3);
    snapshotBlock = (await height()) + 2;
    await snapshots.submit(CHANNEL, snapshotBlock);
    await snapshots.submit(CHANNEL, snapshotBlock + 1_000);
    assert.deepEqual(await snapshots.pending(CHANNEL), [snapshotBlock, snapshotBlock + 1_000]);
    await snapshots.cancel(CHANNEL, snapshotBlock + 1_000);
    await assert.rejects(snapshots.cancel(CHANNEL, 3), /no snapshot request exists for block number 3/);
    await assert.rejects(snapshots.submit(CHANNEL, 1), /cannot be less than the last committed block number/);
    await write(6);
    await until("the snapshot", async () => ((await snapshots.pending(CHANNEL)).length === 0 ? true : undefined));
    const names = readdirSync(snapshots.folder(CHANNEL, snapshotBlock)).sort();
    assert.deepEqual(names, [
      "_snapshot_additional_metadata.json",
      "_snapshot_signable_metadata.json",
      "confighistory.data",
      "confighistory.metadata",
      "private_state_hashes.data",
      "private_state_hashes.metadata",
      "public_state.data",
      "public_state.metadata",
      "txids.data",
      "txids.metadata",
    ]);
  });

  it("let a new peer join within seconds, which then commits the same blocks to the same hashes", async () => {
    const peer = await start();
    const startedAt = performance.now();
    assert.equal(await peer.joinBySnapshot(snapshots.folder(CHANNEL, snapshotBlock)), CHANNEL);
    assert.ok(performance.now() - startedAt < 5_000);
    await assertFollows(peer, snapshotBlock + 1);
    await assert.rejects(peer.block(CHANNEL, 1), { code: "BLOCK_NOT_FOUND" });
    await assert.rejects(peer.joinBySnapshot(at("nothing")), { code: "SNAPSHOT_MISSING" });
    await assert.rejects(
      peer.joinBySnapshot(snapshots.folder(CHANNEL, snapshotBlock)),
      /ledger \[trade\] already exists with state \[ACTIVE\]/,
    );
  });

  it("bring their private data later, from other peers", async () => {
    assert.ok(spare);
    const wanted = await until("the private data", async () => {
      const found = await privateValues(spare!);
      return found.length >= 2 ? found : undefined;
    });
    assert.deepEqual(wanted.sort(), ["of p", "of q"]);
  });

  it("come to the same snapshot again on a peer that began with one", async () => {
    assert.ok(spare);
    const block = (await height()) + 1;
    await Promise.all([snapshots.submit(CHANNEL, block), spare.snapshots(CHANNEL)!.submit(block)]);
    await write(3);
    const [ours, again] = [
      snapshots.folder(CHANNEL, block),
      at("spare/snapshots/completed", CHANNEL, String(block)),
    ] as const;
    await until("both snapshots", async () => (existsSync(ours) && existsSync(again) ? true : undefined));
    for (const name of readdirSync(ours))
      assert.ok(readFileSync(path.join(ours, name)).equals(readFileSync(path.join(again, name))), `${name} differs`);
  });

  it("outlive the peer that began to write them", async () => {
    assert.ok(spare);
    const block = (await height()) - 1;
    await spare.snapshots(CHANNEL)!.submit(block + 2);
    await stop();
    await write(2);
    const peer = await start();
    await assertFollows(peer, snapshotBlock + 1);
    await until("the snapshot", async () =>
      existsSync(at("spare/snapshots/completed", CHANNEL, String(block + 2))) ? true : undefined,
    );
  });

  it("cannot be taken back where it began with a snapshot, only left", async () => {
    await assert.rejects(rollbackLedger(at("spare"), CHANNEL, 2), { code: "NODE_RUNNING" });
    await stop();
    await assert.rejects(rollbackLedger(at("spare"), CHANNEL, 2), /bootstrapped from snapshot/);
    await assert.rejects(resetLedgers(at("spare")), /\[trade\] that were bootstrapped from snapshot/);
    await assert.rejects(unjoinChannel(at("spare"), "other"), /ledger \[other\] does not exist/);
    await unjoinChannel(at("spare"), CHANNEL);
    assert.equal(existsSync(at("spare/channels", CHANNEL)), false);
    const peer = await start();
    assert.deepEqual(peer.channelIds(), []);
    await peer.join(await theirs(0));
    await assertFollows(peer, 0);
    await until("the spare peer to know another", async () => (peer.others(CHANNEL).length > 0 ? true : undefined));
    // It is passed on before its block comes, or asked for with it, unless the others have not got so far by then.
    await until("private data to come with its block", async () => {
      await writePrivate(`r${(await height()) + 1}`);
      await assertFollows(peer, 0);
      held = await privateValues(peer);
      return held.length > 0 ? true : undefined;
    });
  });

  it("are taken back to a block, and come to the same again", async () => {
    const top = await height();
    await stop();
    await assert.rejects(rollbackLedger(at("spare"), "other", 2), /ledgerID \[other\] does not exist/);
    await assert.rejects(
      rollbackLedger(at("spare"), CHANNEL, top + 5),
      /target block number \[\d+\] should be less than the biggest block number \[\d+\]/,
    );
    await rollbackLedger(at("spare"), CHANNEL, 3);
    await assertFollows(await start(), 0);
    await assertHeld();
  });

  it("are taken back to the genesis block, and come to the same again", async () => {
    await stop();
    assert.deepEqual(await resetLedgers(at("spare")), [CHANNEL]);
    await assertFollows(await start(), 0);
    await assertHeld();
  });

  it("are made anew from their blocks, also when that was broken off", async () => {
    await stop();
    assert.deepEqual(await rebuildLedgers(at("spare")), [CHANNEL]);
    await assertFollows(await start(), 0);
    await stop();
    // As a crash leaves it that came after the note and before all else.
    const note = { format: "hansa.peer.rebuilding/1", height: 5 };
    writeFileSync(at("spare/channels", CHANNEL, "rebuilding.json"), JSON.stringify(note));
    await assertFollows(await start(), 0);
    await assertHeld();
  });

  it("are let be while they are paused", async () => {
    await stop();
    await pauseChannel(at("spare"), CHANNEL);
    const paused = await start();
    assert.deepEqual(paused.channelIds(), []);
    assert.deepEqual(paused.pausedChannelIds(), [CHANNEL]);
    await assert.rejects(paused.join(await theirs(0)), /ledger \[trade\] already exists with state \[INACTIVE\]/);
    await stop();
    await resumeChannel(at("spare"), CHANNEL);
    await assertFollows(await start(), 0);
  });
});

describe("the page on snapshots", { timeout: 120_000 }, () => {
  const { folder, remove } = temporaryFolder();
  after(async () => {
    await hansaCommand(folder, "down", "--wipe");
    remove();
  });

  it("does what it says", async () => {
    mkdirSync(path.join(folder, "node_modules/.bin"), { recursive: true });
    symlinkSync(hansaProgram, path.join(folder, "node_modules/.bin/hansa"));
    const page = readFileSync(path.join(repositoryRoot, "docs/how-to/snapshots.md"), "utf8");
    const blocks = [...page.matchAll(/^```bash\n([\s\S]*?)^```/gm)].map((match) => match[1]!);
    assert.equal(blocks.length, 3);
    const { exit, stdout, stderr } = await runProgram("bash", ["-c", `set -e\n${blocks.join("\n")}`], folder);
    assert.equal(exit, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /deliveries was joined by the snapshot \(\d+ ms\)/);
    const info = await hansaCommand(folder, "channel", "info", "deliveries", "--json");
    const { nodes } = JSON.parse(info.stdout) as { nodes: { node: string; height: number; blockHash: string }[] };
    const peers = nodes.filter(({ node }) => node.startsWith("peer"));
    assert.equal(peers.length, 3);
    assert.equal(new Set(peers.map(({ height, blockHash }) => `${height} ${blockHash}`)).size, 1, info.stdout);
  });
});
