/**
 * Our nodes started by the files of an existing network: cryptogen and configtxgen made them, the environment is that of
 * Fabric's own scripts, and Fabric's own tools drive what comes of it. Needs Fabric's programs.
 */
import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { temporaryFolder } from "../support/folder.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";
import { done, installAndApprove } from "./fabric-nodes/deploy.js";
import { FabricNetwork, type PeerName } from "./fabric-nodes/fabric-network.js";
import type { NodeProcess } from "./fabric-nodes/node-process.js";
import { assertSameLedgers } from "./fabric-nodes/same-ledger.js";
import { serveChaincode, writeServedPackage } from "./fabric-nodes/served-chaincode.js";

const tools = process.env.HANSA_FABRIC_BIN;
const skip = tools === undefined ? "HANSA_FABRIC_BIN does not name a folder with Fabric's programs" : false;

const ONE: PeerName = "peer0.org1";
const TWO: PeerName = "peer0.org2";

describe("Hansa nodes started from Fabric's files", { skip }, () => {
  const { folder, remove } = temporaryFolder();
  let network: FabricNetwork;
  let chaincode: NodeProcess | undefined;

  before(async () => {
    network = await FabricNetwork.create(folder, tools!, ["orderer1", "orderer2", "orderer3"]);
    await Promise.all([
      network.startOrderer("orderer1", "hansa"),
      network.startOrderer("orderer2", "hansa"),
      network.startPeer(ONE, "hansa"),
      network.startPeer(TWO, "hansa", { CORE_VM_ENDPOINT: "unix:///var/run/docker.sock" }),
    ]);
  });
  after(async () => {
    await chaincode?.stop();
    await network?.stop();
    remove();
  });

  const definition = ["--channelID", "mychannel", "--version", "1", "--sequence", "1"];
  const deploy = (name: string, archive: string, serve: (packageId: string) => void = () => {}): Promise<void> =>
    installAndApprove({
      run: (peer, ...args) => network.peer(peer, ...args),
      peers: [ONE, TWO],
      archive,
      definition: [...definition, "--name", name],
      orderer: () => network.through("orderer1"),
      serve,
    });
  const commit = (name: string) =>
    done(
      network.peer(
        ONE,
        ...["lifecycle", "chaincode", "commit", ...definition, "--name", name],
        ...[...network.through("orderer1"), ...network.endorsedBy(ONE, TWO)],
      ),
    );
  const invoke = (name: string, ...args: string[]) =>
    done(
      network.peer(
        ONE,
        ...["chaincode", "invoke", "-C", "mychannel", "-n", name, "-c", JSON.stringify({ Args: args })],
        ...["--waitForEvent", ...network.through("orderer1"), ...network.endorsedBy(ONE, TWO)],
      ),
    );
  const query = async (peer: PeerName, name: string, ...args: string[]) =>
    (
      await done(
        network.peer(peer, "chaincode", "query", "-C", "mychannel", "-n", name, "-c", JSON.stringify({ Args: args })),
      )
    ).trim();

  it("say what scripts wait for, and name what they do not follow", async () => {
    assert.match(network.node(TWO).output, /vm\.endpoint is "unix:.*no container engine is used/);
    assert.doesNotMatch(network.node(ONE).output, /WARN/);
    const { stdout } = await network.osnadmin("orderer1", "list");
    assert.match(stdout, /Status: 200/);
    assert.match(stdout, /"channels": null/);
  });

  it("order a channel by the first of its consenters, and say so at the others", async () => {
    const join = ["join", "--channelID", "mychannel", "--config-block", network.at("genesis.block")];
    assert.match(await done(network.osnadmin("orderer1", ...join)), /Status: 201/);
    await network.node("orderer1").prints(/Raft leader changed: 0 -> 1 channel=mychannel node=1/);
    const refused = await done(network.osnadmin("orderer2", ...join));
    assert.match(refused, /Status: 400[\s\S]*this node orders alone, so of the channel's consenters only the first/);
    for (const peer of [ONE, TWO]) await done(network.peer(peer, "channel", "join", "-b", network.at("genesis.block")));
    assert.match(await done(network.peer(ONE, "channel", "list")), /mychannel/);
  });

  it("run a chaincode as a service through an external builder", async () => {
    const address = network.serviceAddress;
    const archive = await writeServedPackage(network, "bench", address);
    let packageId = "";
    await deploy("bench", archive, (id) => {
      packageId = id;
      chaincode = serveChaincode(network, "bench", packageId, address);
    });
    const built = path.join(network.at("data", ONE, "hansa/chaincodes/external"), packageId.replace(":", "-"));
    assert.deepEqual(JSON.parse(readFileSync(path.join(built, "build.json"), "utf8")), { builder: "served" });
    await commit("bench");
    await invoke("bench", "create", "a", "1");
    assert.equal(await query(TWO, "bench", "read", "a"), "1");
  });

  it("build and run a Node contract that no external builder takes", async () => {
    const source = path.join(repositoryRoot, "test/contracts/conformance");
    const archive = network.at("everything.tar.gz");
    const files = network.at("everything");
    cpSync(source, files, { recursive: true, filter: (name) => !name.includes("node_modules") });
    const packaging = ["--path", files, "--lang", "node", "--label", "everything"];
    await done(network.peer(ONE, "lifecycle", "chaincode", "package", archive, ...packaging));
    await deploy("everything", archive);
    await commit("everything");
    await invoke("everything", "everything:put", "k", "v");
    assert.equal(await query(ONE, "everything", "everything:get", "k"), "v");
  });

  it("keep private data, keys and channels to themselves on disk", () => {
    assert.equal(statSync(network.at("data", ONE, "hansa")).mode & 0o077, 0);
    assert.ok(readdirSync(network.at("data/orderer1/hansa")).includes("journal"));
  });

  it("stop cleanly on SIGTERM, and go on where they were", async () => {
    assert.equal(await network.node(ONE).stop(), 0);
    assert.equal(await network.node("orderer1").stop(), 0);
    await network.startOrderer("orderer1", "hansa");
    await network.node("orderer1").prints(/Raft leader changed: 0 -> 1 channel=mychannel node=1/);
    await network.startPeer(ONE, "hansa");
    await invoke("bench", "update", "a", "2");
    assert.equal(await query(TWO, "bench", "read", "a"), "2");
  });

  it("have a real Fabric peer beside them, which joins late and commits the same", async () => {
    const REAL: PeerName = "peer1.org1";
    await network.startPeer(REAL, "fabric");
    await done(network.peer(REAL, "channel", "join", "-b", network.at("genesis.block")));
    await invoke("bench", "update", "a", "3");
    const height = await network.height(ONE);
    await until("the real peer to catch up", async () => ((await network.height(REAL)) === height ? true : undefined));
    await assertSameLedgers(network, [REAL, ONE], height);
    await network.node(REAL).stop();
  });

  it("refuse what cannot be, naming file, setting and value, with exit code 1", async () => {
    const refusals: readonly (readonly [Record<string, string>, RegExp])[] = [
      [{ CORE_PEER_MSPCONFIGPATH: "/nowhere" }, /MSP folder \/nowhere cannot be used: there is no such folder/],
      [{ FABRIC_CFG_PATH: "/nowhere" }, /FABRIC_CFG_PATH \/nowhere does not exist/],
      [{ FABRIC_LOGGING_SPEC: "loud" }, /invalid logging specification 'loud'/],
    ];
    for (const [env, expected] of refusals) {
      const node = network.tryPeer("peer1.org1", "hansa", env);
      assert.equal(await node.exit(), 1, node.output);
      assert.match(node.output, expected);
      assert.doesNotMatch(node.output, /\n\s+at /);
    }
    rmSync(network.at("config/orderer.yaml"));
    const orderer = network.tryOrderer("orderer3", "hansa");
    assert.equal(await orderer.exit(), 1);
    assert.match(orderer.output, /There is no orderer\.yaml in/);
  });
});
