/**
 * A channel that an orderer of ours orders, of two members: one has a peer of ours, the other a real Fabric peer, which
 * the configuration names as its anchor. Our gateway gets the real peer's endorsement. Needs Fabric's programs.
 */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { TxValidationCode } from "@hansa/wire";
import { type Contract, connect, EndorseError, type Gateway, hash, signers } from "@hyperledger/fabric-gateway";
import { temporaryFolder } from "../support/folder.js";
import { until } from "../support/until.js";
import { done, installAndApprove } from "./fabric-nodes/deploy.js";
import { FabricNetwork, type PeerName } from "./fabric-nodes/fabric-network.js";
import type { NodeProcess } from "./fabric-nodes/node-process.js";
import { assertSameLedgers } from "./fabric-nodes/same-ledger.js";
import { serveChaincode, writeServedPackage } from "./fabric-nodes/served-chaincode.js";
import { details, failureOf, text } from "./gateway/fixture.js";

const tools = process.env.HANSA_FABRIC_BIN;
const skip = tools === undefined ? "HANSA_FABRIC_BIN does not name a folder with Fabric's programs" : false;

const REAL: PeerName = "peer0.org1";
const OURS: PeerName = "peer0.org2";

describe("a real Fabric peer as the anchor of a member", { skip }, () => {
  const { folder, remove } = temporaryFolder();
  let network: FabricNetwork;
  let chaincode: NodeProcess | undefined;
  const closers: (() => void)[] = [];

  before(async () => {
    network = await FabricNetwork.create(folder, tools!, ["orderer1"], [REAL]);
    await Promise.all([
      network.startOrderer("orderer1", "hansa"),
      network.startPeer(REAL, "fabric"),
      network.startPeer(OURS, "hansa"),
    ]);
    const genesis = network.at("genesis.block");
    const join = ["join", "--channelID", "mychannel", "--config-block", genesis];
    assert.match(await done(network.osnadmin("orderer1", ...join)), /Status: 201/);
    for (const peer of [REAL, OURS]) await done(network.peer(peer, "channel", "join", "-b", genesis));

    const address = network.serviceAddress;
    const archive = await writeServedPackage(network, "basic", address);
    const definition = ["--channelID", "mychannel", "--name", "basic", "--version", "1", "--sequence", "1"];
    const orderer = network.through("orderer1");
    await installAndApprove({
      run: (peer, ...args) => network.peer(peer, ...args),
      peers: [REAL, OURS],
      archive,
      definition,
      orderer: () => orderer,
      serve: (packageId) => {
        chaincode = serveChaincode(network, "conformance", packageId, address);
      },
    });
    const endorsers = network.endorsedBy(REAL, OURS);
    await done(network.peer(REAL, "lifecycle", "chaincode", "commit", ...orderer, ...definition, ...endorsers));
  });
  after(async () => {
    for (const close of closers.reverse()) close();
    await chaincode?.stop();
    await network?.stop();
    remove();
  });

  const userOf = (org: string) =>
    network.at(`organizations/peerOrganizations/${org}.example.com/users/User1@${org}.example.com/msp`);
  const only = (msp: string, part: string) => path.join(msp, part, readdirSync(path.join(msp, part))[0]!);
  /** User1 of a member, at a peer of that member. */
  const gatewayAt = (peer: PeerName, org: string, mspId: string): Gateway => {
    const root = network.at(
      `organizations/peerOrganizations/${org}.example.com/tlsca/tlsca.${org}.example.com-cert.pem`,
    );
    const client = new Client(network.address(peer), credentials.createSsl(readFileSync(root)));
    const gateway = connect({
      client,
      identity: { mspId, credentials: readFileSync(only(userOf(org), "signcerts")) },
      signer: signers.newPrivateKeySigner(createPrivateKey(readFileSync(only(userOf(org), "keystore")))),
      hash: hash.sha256,
    });
    closers.push(() => {
      gateway.close();
      client.close();
    });
    return gateway;
  };
  let contract: Contract;
  const whenAsked = (value: string) =>
    until("the real peer to be asked", () =>
      contract.submitTransaction("put", "k", value).then(
        () => true,
        () => undefined,
      ),
    );
  const discover = (...args: string[]) =>
    network.tool("discover", [
      ...["--peerTLSCA", network.peerEnv(OURS).CORE_PEER_TLS_ROOTCERT_FILE!, "--MSP", "Org2MSP"],
      ...["--userKey", only(userOf("org2"), "keystore"), "--userCert", only(userOf("org2"), "signcerts")],
      ...[...args, "--channel", "mychannel", "--server", network.address(OURS)],
    ]);

  it("is asked by our gateway for the endorsement that the policy requires", async () => {
    contract = gatewayAt(OURS, "org2", "Org2MSP").getNetwork("mychannel").getContract("basic");
    const log = () => network.node(REAL).output;
    const before = [...log().matchAll(/finished chaincode: basic/g)].length;
    // Peers look around every few seconds.
    await whenAsked("by both");
    assert.ok([...log().matchAll(/finished chaincode: basic/g)].length > before, "the real peer ran the contract");
    assert.equal(text(await contract.evaluateTransaction("get", "k")), "by both");
    const named = await contract.submit("put", {
      arguments: ["k", "named"],
      endorsingOrganizations: ["Org1MSP", "Org2MSP"],
    });
    assert.equal(text(named), "named");
  });

  it("answers for what it refuses", async () => {
    const error = await failureOf(
      contract.submit("fail", { arguments: ["no beer"], endorsingOrganizations: ["Org1MSP"] }),
      EndorseError,
    );
    assert.deepEqual(details(error), [
      { address: network.address(REAL), message: "chaincode response 500, no beer", mspId: "Org1MSP" },
    ]);
  });

  it("is in no answer of our discovery service, which speaks of its own alone", async () => {
    type Peer = { MSPID: string; Endpoint: string };
    const peers = JSON.parse(await done(discover("peers"))) as Peer[];
    assert.deepEqual(
      peers.map(({ MSPID, Endpoint }) => [MSPID, Endpoint]),
      [["Org2MSP", network.address(OURS)]],
    );
    const { exit, stderr } = await discover("endorsers", "--chaincode", "basic");
    assert.deepEqual(
      [exit, stderr.trim().split("\n").at(-1)],
      [1, 'server returned: failed constructing descriptor for chaincodes:<name:"basic" >'],
    );
    const config = JSON.parse(await done(discover("config"))) as { msps: object };
    assert.deepEqual(Object.keys(config.msps).sort(), ["OrdererMSP", "Org1MSP", "Org2MSP"]);
  });

  it("does not ask ours in turn: its gateway knows peers by gossip", async () => {
    const theirs = gatewayAt(REAL, "org1", "Org1MSP").getNetwork("mychannel").getContract("basic");
    assert.equal(text(await theirs.evaluateTransaction("get", "k")), "named");
    const error = await failureOf(theirs.submitTransaction("put", "k", "w"), EndorseError);
    assert.match(error.cause.details, /no combination of peers can be derived which satisfy the endorsement policy/);
  });

  it("is missed while it is away, and asked again when it is back", async () => {
    await network.node(REAL).stop("SIGKILL");
    const error = await failureOf(contract.submitTransaction("put", "k", "w"), EndorseError);
    assert.match(error.cause.details, /failed to (endorse|collect enough)|no combination of peers/);
    await network.startPeer(REAL, "fabric");
    await whenAsked("back");
  });

  it("has committed the same", async () => {
    const height = await network.height(OURS);
    await until("the real peer to catch up", async () => ((await network.height(REAL)) === height ? true : undefined));
    const codes = await assertSameLedgers(network, [REAL, OURS], height);
    assert.deepEqual([...codes], [TxValidationCode.VALID]);
  });
});
