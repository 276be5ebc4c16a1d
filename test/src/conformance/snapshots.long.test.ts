/**
 * Snapshots between peers of ours and of real Fabric: for one ledger both write the same files, and each joins by the
 * other's. HANSA_FABRIC_BIN names a folder with Fabric's `peer` (2.5 or later); without it nothing here runs.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import type { RunningPeer } from "@hansa/peer";
import { temporaryFolder } from "../support/folder.js";
import { repositoryRoot } from "../support/paths.js";
import { fabricToolsMissing, peerCommand, peerCommandAs, RealPeer } from "../support/real-peer.js";
import { startSparePeer } from "../support/spare-peer.js";
import { until } from "../support/until.js";

const CHANNEL = "trade";
/** A real peer spends seconds on every block whose private data nobody gives it. */
const PATIENCE_MS = 120_000;
const contract = path.join(repositoryRoot, "test/contracts/conformance");
const collections = path.join(contract, "collections.json");

describe("snapshots beside a real peer", { skip: fabricToolsMissing, timeout: 240_000 }, () => {
  const { folder, remove } = temporaryFolder();
  const at = (...names: string[]) => path.join(folder, ...names);
  const real: RealPeer[] = [];
  const spare: RunningPeer[] = [];
  let network: Network;
  let ours: string;
  let block: number;
  let oldTransaction: string;
  let oursFolder: string;
  let realFolder: string;

  before(async () => {
    network = await startNetwork(
      {
        network: "snapshots",
        mode: "inline",
        members: [{ name: "Org1", users: ["User1"] }, { name: "Org2" }],
        channels: [{ name: CHANNEL }],
        contracts: [
          { name: "both", channel: CHANNEL, path: contract, endorsement: "all", collections },
          { name: "plain", channel: CHANNEL, path: contract, endorsement: "any" },
        ],
      },
      { dataFolder: at("network") },
    );
    const [peer] = network.member("Org1").peers;
    ours = peer!.address;
  });
  after(async () => {
    for (const peer of real) peer.stop();
    await Promise.all(spare.map((peer) => peer.stop()));
    await network?.stop();
    remove();
  });

  const ledger = (name: string) => network.member("Org1").gateway().getNetwork(CHANNEL).getContract(name);
  const command = (address: string, ...args: string[]) => peerCommand(network.member("Org1"), folder, address, ...args);
  const snapshot = (address: string, verb: string, ...args: string[]) => {
    const tls = network.member("Org1").env().CORE_PEER_TLS_ROOTCERT_FILE!;
    return command(
      address,
      "snapshot",
      verb,
      "-c",
      CHANNEL,
      "--peerAddress",
      address,
      "--tlsRootCertFile",
      tls,
      ...args,
    );
  };
  const snapshotAs = (user: string, address: string, verb: string) => {
    const member = network.member("Org1");
    const tls = ["--peerAddress", address, "--tlsRootCertFile", member.env().CORE_PEER_TLS_ROOTCERT_FILE!];
    return peerCommandAs(member, user, folder, address, "snapshot", verb, "-c", CHANNEL, ...tls);
  };
  const done = async (work: ReturnType<typeof command>) => {
    const { exit, stdout, stderr } = await work;
    assert.equal(exit, 0, stderr);
    return stdout;
  };
  const refused = async (work: ReturnType<typeof command>) => {
    const { exit, stderr } = await work;
    assert.equal(exit, 1, stderr);
    return stderr.trim().split("\n").at(-1)!;
  };
  const heightAt = async (address: string): Promise<number> => {
    const outcome = await command(address, "channel", "getinfo", "-c", CHANNEL);
    if (outcome.exit !== 0) return 0;
    return (JSON.parse(outcome.stdout.replace(/^[^{]*/, "")) as { height: number }).height;
  };
  const reaches = (address: string, height: number) =>
    until(
      `${address} to have ${height} blocks`,
      async () => ((await heightAt(address)) >= height ? true : undefined),
      PATIENCE_MS,
    );
  const blockAt = async (address: string, number: number): Promise<Buffer> => {
    const file = at(`fetched-${address.split(":")[1]}-${number}.block`);
    await done(command(address, "channel", "fetch", String(number), file, "-c", CHANNEL));
    return readFileSync(file);
  };
  const write = async (count: number) => {
    for (let index = 0; index < count; index++) await ledger("plain").submitTransaction("increment", "count");
  };

  it("are asked for, listed and cancelled by Fabric's own commands", async () => {
    const both = ledger("both");
    const submitted = await both.submitAsync("put", { arguments: ["a", "1"] });
    oldTransaction = submitted.getTransactionId();
    assert.ok((await submitted.getStatus()).successful);
    await both.submitTransaction("put", "b", "2");
    await both.submitTransaction("remove", "b");
    await both.submitTransaction("guard", "a", JSON.stringify(["Org1MSP", "Org2MSP"])).catch(() => undefined);
    for (const [collection, key] of [
      ["shared", "p"],
      ["shared", "q"],
    ])
      await both.submit("putPrivate", { arguments: [collection!, key!], transientData: { value: `${key} value` } });
    await both.submitTransaction("removePrivate", "shared", "q");
    await network.deploy({
      name: "both",
      channel: CHANNEL,
      path: contract,
      endorsement: "any",
      collections,
      version: "2",
    });
    await write(2);

    const height = await heightAt(ours);
    const later = ["-b", String(height + 1_000)];
    assert.equal(await done(snapshot(ours, "submitrequest", ...later)), "Snapshot request submitted successfully\n");
    const again = await refused(snapshot(ours, "submitrequest", ...later));
    assert.match(
      again,
      new RegExp(`code = Unknown desc = duplicate snapshot request for block number ${height + 1_000}$`),
    );
    const listed = await done(snapshot(ours, "listpending"));
    assert.equal(listed, `Successfully got pending snapshot requests: [${height + 1_000}]\n`);
    assert.equal(await done(snapshot(ours, "cancelrequest", ...later)), "Snapshot request cancelled successfully\n");
    const gone = await refused(snapshot(ours, "cancelrequest", ...later));
    assert.match(gone, new RegExp(`no snapshot request exists for block number ${height + 1_000}$`));
    const past = await refused(snapshot(ours, "submitrequest", "-b", "1"));
    assert.match(
      past,
      /requested snapshot for block number 1 cannot be less than the last committed block number \d+$/,
    );
  });

  it("have the same files as a real peer's", async () => {
    const genesis = at("0.block");
    await done(command(ours, "channel", "fetch", "0", genesis, "-c", CHANNEL));
    const peer = await RealPeer.start(network.member("Org1"), at("real"));
    real.push(peer);
    await peer.join(genesis);
    const height = await heightAt(ours);
    await reaches(peer.address, height);

    const refusals = async (address: string) => [
      await refused(snapshot(address, "submitrequest", "-b", "1")),
      await refused(snapshot(address, "cancelrequest", "-b", "7")),
      await refused(snapshot(address, "listpending", "-c", "nothing")),
      await refused(snapshotAs("User1", address, "listpending")),
      await refused(snapshotAs("User1", address, "submitrequest")),
    ];
    assert.deepEqual(await refusals(ours), await refusals(peer.address));

    block = height + 1;
    for (const address of [ours, peer.address])
      assert.equal(
        (await done(snapshot(address, "submitrequest", "-b", String(block)))).includes("successfully"),
        true,
      );
    await write(4);
    const [id] = network.member("Org1").peers.map((each) => each.id);
    oursFolder = path.join(network.layout.node(id!), "snapshots/completed", CHANNEL, String(block));
    realFolder = path.join(peer.snapshots, "completed", CHANNEL, String(block));
    await until("both snapshots", async () => (files(oursFolder) && files(realFolder) ? true : undefined), PATIENCE_MS);
    assert.deepEqual(readdirSync(oursFolder).sort(), readdirSync(realFolder).sort());
    for (const name of readdirSync(realFolder)) {
      const [a, b] = [oursFolder, realFolder].map((each) => readFileSync(path.join(each, name)));
      assert.ok(a!.equals(b!), `${name} differs`);
    }
  });

  it("let a peer of ours join by the real one's", async () => {
    const peer = await startSparePeer(network.member("Org1"), at("spare"));
    spare.push(peer);
    await done(command(peer.address, "channel", "joinbysnapshot", "--snapshotpath", realFolder));
    await until("the join", async () => {
      const status = await done(command(peer.address, "channel", "joinbysnapshotstatus"));
      return status === "No joinbysnapshot operation is in progress\n" ? true : undefined;
    });
    const height = await heightAt(ours);
    await reaches(peer.address, height);
    for (let number = block + 1; number < height; number++)
      assert.ok((await blockAt(peer.address, number)).equals(await blockAt(ours, number)), `block ${number} differs`);
    const info = await done(command(peer.address, "channel", "getinfo", "-c", CHANNEL));
    assert.match(info, new RegExp(`"bootstrappingSnapshotInfo":{"lastBlockInSnapshot":${block}}`));
    const again = await refused(command(peer.address, "channel", "joinbysnapshot", "--snapshotpath", at("nothing")));
    assert.match(
      again,
      /cannot create ledger from snapshot .*: error opening dir \[.*\]: open .*: no such file or directory/,
    );
    const old = await refused(command(peer.address, "channel", "fetch", "1", at("1.block"), "-c", CHANNEL));
    assert.match(old, /can't read the block: NOT_FOUND|NOT_FOUND/);
  });

  it("let a real peer join by ours", async () => {
    // Fabric 2.5.0 breaks down at any snapshot with a collection that its organisation is no member of.
    const peer = await RealPeer.start(network.member("Org1"), at("real2"));
    real.push(peer);
    await peer.whenItAnswers("channel", "joinbysnapshot", "--snapshotpath", oursFolder);
    await write(2);
    const height = await heightAt(ours);
    await until(
      "the real peer to catch up",
      async () => {
        const outcome = await peer.command("channel", "getinfo", "-c", CHANNEL);
        return outcome.exit === 0 && outcome.stdout.includes(`"height":${height}`) ? true : undefined;
      },
      PATIENCE_MS,
    );
    const file = at("theirs.block");
    await done(peer.command("channel", "fetch", String(height - 1), file, "-c", CHANNEL));
    assert.ok(readFileSync(file).equals(await blockAt(ours, height - 1)));
  });

  it("leave a peer with the same to say of what was before", async () => {
    const [theirs, mine] = [real[1]!.address, spare[0]!.address];
    await reaches(mine, await heightAt(ours));
    const ask = async (address: string, chaincode: string, ...args: string[]) => {
      const call = ["chaincode", "query", "-C", CHANNEL, "-n", chaincode, "-c", JSON.stringify({ Args: args })];
      const { exit, stderr } = await command(address, ...call);
      return { exit, text: stderr.trim().split("\n").at(-1)!.replace(address, "the peer") };
    };
    for (const args of [
      ["qscc", "GetBlockByNumber", CHANNEL, "1"],
      ["qscc", "GetBlockByNumber", CHANNEL, String(block)],
      ["qscc", "GetBlockByNumber", CHANNEL, "100000"],
      ["qscc", "GetTransactionByID", CHANNEL, oldTransaction],
      ["qscc", "GetBlockByTxID", CHANNEL, oldTransaction],
      ["qscc", "GetTransactionByID", CHANNEL, "0".repeat(64)],
      ["cscc", "GetConfigBlock", CHANNEL],
      ["cscc", "JoinChainBySnapshot", at("nothing")],
      ["cscc", "JoinChainBySnapshot", ""],
    ] as [string, ...string[]][]) {
      const [answer, expected] = [await ask(mine, ...args), await ask(theirs, ...args)];
      assert.notEqual(expected.exit, 0, args.join(" "));
      assert.deepEqual(answer, expected, args.join(" "));
    }
  });
});

function files(folder: string): boolean {
  try {
    return readdirSync(folder).length > 0;
  } catch {
    return false;
  }
}
