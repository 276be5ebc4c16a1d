/**
 * Nodes that let in holders of a client certificate only, as core.yaml and orderer.yaml ask for it: an orderer and a peer
 * of ours beside a real Fabric peer, Fabric's tools, and the official client. Needs Fabric's programs.
 */
import assert from "node:assert/strict";
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { connect, type Gateway, GatewayError, hash, signers } from "@hyperledger/fabric-gateway";
import { temporaryFolder } from "../support/folder.js";
import { until } from "../support/until.js";
import { done, installAndApprove } from "./fabric-nodes/deploy.js";
import { FabricNetwork, type Outcome, PEERS, type PeerName } from "./fabric-nodes/fabric-network.js";
import type { NodeProcess } from "./fabric-nodes/node-process.js";
import { assertSameLedgers } from "./fabric-nodes/same-ledger.js";
import { serveChaincode, writeServedPackage } from "./fabric-nodes/served-chaincode.js";
import { failureOf, take, text } from "./gateway/fixture.js";

const tools = process.env.HANSA_FABRIC_BIN;
const skip = tools === undefined ? "HANSA_FABRIC_BIN does not name a folder with Fabric's programs" : false;

const REAL: PeerName = "peer0.org1";
const OURS: PeerName = "peer0.org2";

describe("nodes that require a client's certificate", { skip }, () => {
  const { folder, remove } = temporaryFolder();
  let network: FabricNetwork;
  let chaincode: NodeProcess | undefined;
  const closers: (() => void)[] = [];

  const organization = (org: string) => network.at(`organizations/peerOrganizations/${org}.example.com`);
  const rootOf = (org: string) => path.join(organization(org), "tlsca", `tlsca.${org}.example.com-cert.pem`);
  const userOf = (org: string, name: string) => path.join(organization(org), "users", `${name}@${org}.example.com`);
  const clientOf = (org: string, name: string) => ({
    cert: path.join(userOf(org, name), "tls/client.crt"),
    key: path.join(userOf(org, name), "tls/client.key"),
  });
  /** Its own organisation's clients; those of the other member it takes once a channel names them. */
  const required = (name: PeerName) => ({
    CORE_PEER_TLS_CLIENTAUTHREQUIRED: "true",
    CORE_PEER_TLS_CLIENTROOTCAS_FILES: rootOf(PEERS[name].org),
  });
  /** `peer` as a member's administrator, with a TLS certificate of his own or without. */
  const peer = (name: PeerName, hasCertificate: boolean, ...args: string[]): Promise<Outcome> => {
    const { org } = PEERS[name];
    const { cert, key } = clientOf(org, "Admin");
    const own = {
      CORE_PEER_TLS_CLIENTAUTHREQUIRED: "true",
      CORE_PEER_TLS_CLIENTCERT_FILE: cert,
      CORE_PEER_TLS_CLIENTKEY_FILE: key,
    };
    const env = { ...network.peerEnv(name), CORE_PEER_MSPCONFIGPATH: path.join(userOf(org, "Admin"), "msp") };
    return network.tool("peer", args, hasCertificate ? { ...env, ...own } : env);
  };
  const through = (name: PeerName) => {
    const { cert, key } = clientOf(PEERS[name].org, "Admin");
    return [...network.through("orderer1"), "--clientauth", "--certfile", cert, "--keyfile", key];
  };

  before(async () => {
    network = await FabricNetwork.create(folder, tools!, ["orderer1"], [REAL, OURS]);
    const orderers = network.at("organizations/ordererOrganizations/example.com/tlsca/tlsca.example.com-cert.pem");
    await Promise.all([
      network.startOrderer("orderer1", "hansa", {
        ORDERER_GENERAL_TLS_CLIENTAUTHREQUIRED: "true",
        ORDERER_GENERAL_TLS_CLIENTROOTCAS: `[${orderers}]`,
      }),
      network.startPeer(REAL, "fabric", required(REAL)),
      network.startPeer(OURS, "hansa", required(OURS)),
    ]);
    const genesis = network.at("genesis.block");
    const join = ["join", "--channelID", "mychannel", "--config-block", genesis];
    assert.match(await done(network.osnadmin("orderer1", ...join)), /Status: 201/);
    for (const name of [REAL, OURS]) await done(peer(name, true, "channel", "join", "-b", genesis));
    const address = network.serviceAddress;
    const archive = await writeServedPackage(network, "basic", address);
    const definition = ["--channelID", "mychannel", "--name", "basic", "--version", "1", "--sequence", "1"];
    await installAndApprove({
      run: (name, ...args) => peer(name, true, ...args),
      peers: [OURS, REAL],
      archive,
      definition,
      orderer: through,
      serve: (packageId) => {
        chaincode = serveChaincode(network, "conformance", packageId, address);
      },
    });
    const commit = [...through(OURS), ...definition, ...network.endorsedBy(REAL, OURS)];
    await done(peer(OURS, true, "lifecycle", "chaincode", "commit", ...commit));
  });
  after(async () => {
    for (const close of closers.reverse()) close();
    await chaincode?.stop();
    await network?.stop();
    remove();
  });

  /** User1 of Org2 at our peer. @param bound whether he tells the hash of his certificate, as the library asks for it */
  const gateway = (tls: { cert: string; key: string } | undefined, bound: boolean): Gateway => {
    const pair = tls && { cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
    const channel = credentials.createSsl(readFileSync(rootOf("org2")), pair?.key ?? null, pair?.cert ?? null);
    const client = new Client(network.address(OURS), channel);
    const msp = path.join(userOf("org2", "User1"), "msp");
    const only = (part: string) => readFileSync(path.join(msp, part, readdirSync(path.join(msp, part))[0]!));
    const opened = connect({
      client,
      identity: { mspId: "Org2MSP", credentials: only("signcerts") },
      signer: signers.newPrivateKeySigner(createPrivateKey(only("keystore"))),
      hash: hash.sha256,
      ...(bound && pair
        ? { tlsClientCertificateHash: createHash("sha256").update(new X509Certificate(pair.cert).raw).digest() }
        : {}),
      evaluateOptions: () => ({ deadline: Date.now() + 5_000 }),
    });
    closers.push(() => {
      opened.close();
      client.close();
    });
    return opened;
  };

  it("serve Fabric's tools with one, and the real peer beside them", async () => {
    const call = ["-C", "mychannel", "-n", "basic", "-c", JSON.stringify({ Args: ["put", "k", "v"] })];
    const more = ["--waitForEvent", ...through(OURS), ...network.endorsedBy(REAL, OURS)];
    await done(peer(OURS, true, "chaincode", "invoke", ...call, ...more));
    const query = ["-C", "mychannel", "-n", "basic", "-c", JSON.stringify({ Args: ["get", "k"] })];
    assert.equal((await done(peer(OURS, true, "chaincode", "query", ...query))).trim(), "v");
    for (const from of [through(OURS), []])
      await done(peer(OURS, true, "channel", "fetch", "newest", network.at("new.block"), "-c", "mychannel", ...from));
  });

  it("turn away who has none, or one of nobody they know", async () => {
    const without = await peer(OURS, false, "channel", "list");
    assert.equal(without.exit, 1);
    assert.match(without.stderr, /failed to create new connection|connection (closed|error|reset)|context deadline/);
    const fetch = [
      "channel",
      "fetch",
      "newest",
      network.at("x.block"),
      "-c",
      "mychannel",
      ...network.through("orderer1"),
    ];
    assert.equal((await peer(OURS, true, ...fetch)).exit, 1);
    const contract = gateway(undefined, false).getNetwork("mychannel").getContract("basic");
    await failureOf(contract.evaluateTransaction("get", "k"), GatewayError);
    // His identity's authority is not the one of TLS.
    const msp = path.join(userOf("org2", "User1"), "msp");
    const other = {
      cert: path.join(msp, "signcerts", readdirSync(path.join(msp, "signcerts"))[0]!),
      key: path.join(msp, "keystore", readdirSync(path.join(msp, "keystore"))[0]!),
    };
    const wrong = gateway(other, false).getNetwork("mychannel").getContract("basic");
    await failureOf(wrong.evaluateTransaction("get", "k"), GatewayError);
  });

  it("serve the official client, also one of the other member, by the channel's configuration", async () => {
    for (const tls of [clientOf("org2", "User1"), clientOf("org1", "User1")]) {
      const contract = gateway(tls, true).getNetwork("mychannel").getContract("basic");
      await until("both peers to be asked", () =>
        contract.submitTransaction("put", "k", "w").then(
          () => true,
          () => undefined,
        ),
      );
      assert.equal(text(await contract.evaluateTransaction("get", "k")), "w");
    }
  });

  it("deliver blocks to whom the request's certificate belongs, and to nobody else", async () => {
    const tls = clientOf("org2", "User1");
    const [genesis] = await take(
      await gateway(tls, true).getNetwork("mychannel").getBlockEvents({ startBlock: 0n }),
      1,
    );
    assert.equal(genesis?.getHeader()?.getNumber(), 0);
    const unbound = await gateway(tls, false).getNetwork("mychannel").getBlockEvents({ startBlock: 0n });
    await assert.rejects(take(unbound, 1), /BAD_REQUEST|400|unexpected deliver response status/i);
  });

  it("have kept the same ledgers", async () => {
    const height = await until("both peers at one height", async () => {
      const heights = await Promise.all(
        [REAL, OURS].map(async (name) => {
          const told = await done(peer(name, true, "channel", "getinfo", "-c", "mychannel"));
          return (JSON.parse(told.slice(told.indexOf("{"))) as { height: number }).height;
        }),
      );
      return heights[0] === heights[1] ? heights[0] : undefined;
    });
    const fetch = (name: PeerName, ...args: string[]) => peer(name, true, ...args);
    await assertSameLedgers({ at: (...parts) => network.at(...parts), peer: fetch }, [REAL, OURS], height);
  });
});
