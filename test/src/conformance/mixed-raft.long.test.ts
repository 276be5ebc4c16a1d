/**
 * A peer of ours in a channel that three real Fabric orderers order by Raft, beside a real Fabric peer: it endorses and
 * commits, and keeps the same hashes while orderers die and the list of orderers changes. Needs Fabric's programs.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { TxValidationCode } from "@hansa/wire";
import { temporaryFolder } from "../support/folder.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";
import { done, installAndApprove } from "./fabric-nodes/deploy.js";
import {
  FabricNetwork,
  ORDERERS,
  type OrdererName,
  type Outcome,
  type PeerName,
} from "./fabric-nodes/fabric-network.js";
import type { NodeProcess } from "./fabric-nodes/node-process.js";
import { assertSameLedgers } from "./fabric-nodes/same-ledger.js";
import { serveChaincode, writeServedPackage } from "./fabric-nodes/served-chaincode.js";

const tools = process.env.HANSA_FABRIC_BIN;
const skip = tools === undefined ? "HANSA_FABRIC_BIN does not name a folder with Fabric's programs" : false;

const REAL: PeerName = "peer0.org1";
const OURS: PeerName = "peer0.org2";

describe("a Hansa peer in a channel of Fabric's Raft orderers", { skip }, () => {
  const { folder, remove } = temporaryFolder();
  let network: FabricNetwork;
  let chaincode: NodeProcess | undefined;

  before(async () => {
    network = await FabricNetwork.create(folder, tools!, ORDERERS);
    await Promise.all(ORDERERS.map((name) => network.startOrderer(name, "fabric")));
    await Promise.all([network.startPeer(REAL, "fabric"), network.startPeer(OURS, "hansa")]);
  });
  after(async () => {
    await chaincode?.stop();
    await network?.stop();
    remove();
  });

  const height = (peer: PeerName): Promise<number> => network.height(peer);
  const bothAt = (least: number): Promise<number> =>
    until(`both peers at height ${least}`, async () => {
      const heights = await Promise.all([height(REAL), height(OURS)]);
      return heights[0] === heights[1] && heights[0]! >= least ? heights[0] : undefined;
    });
  const call = (args: readonly string[]) => [
    "-C",
    "mychannel",
    "-n",
    "everything",
    "-c",
    JSON.stringify({ Args: args }),
  ];
  const invoke = (orderer: OrdererName, ...args: string[]): Promise<Outcome> =>
    invokeBy([REAL, OURS], orderer, ["--waitForEvent"], ...args);
  const invokeBy = (peers: readonly PeerName[], orderer: OrdererName, options: readonly string[], ...args: string[]) =>
    network.peer(
      REAL,
      ...[
        "chaincode",
        "invoke",
        ...call(args),
        ...options,
        ...network.through(orderer),
        ...network.endorsedBy(...peers),
      ],
    );
  const query = async (peer: PeerName, ...args: string[]): Promise<string> =>
    (await done(network.peer(peer, "chaincode", "query", ...call(args)))).trim();
  /** A transaction that an orderer of those still there takes; none does while they elect. */
  const submitted = (orderer: OrdererName, ...args: string[]): Promise<Outcome> =>
    until(`${orderer} to take a transaction`, async () => {
      const outcome = await invoke(orderer, ...args);
      return outcome.exit === 0 ? outcome : undefined;
    });
  const leader = (): OrdererName => {
    const elected = ORDERERS.flatMap((name) =>
      network.node(name).isRunning
        ? [...network.node(name).output.matchAll(/Raft leader changed: \d+ -> (\d+)/g)].map((found) => Number(found[1]))
        : [],
    );
    return ORDERERS[elected.at(-1)! - 1]!;
  };

  it("joins by the genesis block that the orderers joined by", async () => {
    for (const name of ORDERERS) {
      const stdout = await done(
        network.osnadmin(name, "join", "--channelID", "mychannel", "--config-block", network.at("genesis.block")),
      );
      assert.match(stdout, /Status: 201/);
    }
    // Before the orderers have a leader they answer SERVICE_UNAVAILABLE, or do not know the channel yet.
    for (const peer of [REAL, OURS])
      await done(network.peer(peer, "channel", "join", "-b", network.at("genesis.block")));
    await Promise.all(ORDERERS.map((name) => network.node(name).prints(/Raft leader changed: 0 -> \d/)));
    await bothAt(1);
  });

  it("installs, approves and commits a chaincode with the real peer", async () => {
    const address = network.serviceAddress;
    const archive = await writeServedPackage(network, "everything", address);
    const collections = path.join(repositoryRoot, "test/contracts/conformance/collections.json");
    const definition = [
      ...["--channelID", "mychannel", "--name", "everything", "--version", "1", "--sequence", "1"],
      ...["--collections-config", collections],
    ];
    await installAndApprove({
      run: (peer, ...args) => network.peer(peer, ...args),
      peers: [REAL, OURS],
      archive,
      definition,
      orderer: () => network.through("orderer1"),
      serve: (packageId) => {
        chaincode = serveChaincode(network, "conformance", packageId, address);
      },
    });
    const commit = [...network.through("orderer2"), ...definition, ...network.endorsedBy(REAL, OURS)];
    await done(network.peer(REAL, "lifecycle", "chaincode", "commit", ...commit));
    await done(invoke("orderer3", "put", "a", "1"));
    assert.equal(await query(OURS, "get", "a"), "1");
  });

  it("commits collisions, guarded keys, deletions and private data as the real peer does", async () => {
    const orderer = "orderer1";
    const both = (...args: string[]) => done(invoke(orderer, ...args));
    await both("increment", "count");
    // Endorsed over the same state: of each kind only the first one in a block can be valid.
    await Promise.all([
      ...["1", "2", "3", "4"].map(() => invokeBy([REAL, OURS], orderer, [], "increment", "count")),
      invokeBy([REAL, OURS], orderer, [], "countRange", "a", "z", "counted"),
      invokeBy([REAL, OURS], orderer, [], "put", "between", "1"),
    ]);
    await both("putComposite", "kind", '["x","y"]', "1");
    await both("remove", "between");

    await both("guard", "a", '["Org2MSP"]');
    const guarded = await invokeBy([REAL], orderer, ["--waitForEvent"], "put", "a", "no");
    assert.match(guarded.stderr, /ENDORSEMENT_POLICY_FAILURE/);
    await done(invokeBy([OURS], orderer, ["--waitForEvent"], "put", "a", "1"));

    const secret = [
      "--waitForEvent",
      "--transient",
      JSON.stringify({ value: Buffer.from("secret").toString("base64") }),
    ];
    await done(invokeBy([REAL, OURS], orderer, secret, "putPrivate", "shared", "p"));
    await done(invokeBy([REAL], orderer, secret, "putPrivate", "onlyOrg1", "p"));
    assert.equal(await query(OURS, "getPrivate", "shared", "p"), "secret");
    assert.equal(await query(OURS, "hashPrivate", "onlyOrg1", "p"), await query(REAL, "hashPrivate", "onlyOrg1", "p"));
    await done(invokeBy([REAL, OURS], orderer, ["--waitForEvent"], "removePrivate", "shared", "p"));
    for (const peer of [REAL, OURS]) assert.equal(await query(peer, "get", "count"), await query(REAL, "get", "count"));
  });

  it("goes on when the leader is killed", async () => {
    const before = await height(OURS);
    const killed = leader();
    await network.node(killed).stop("SIGKILL");
    const other = ORDERERS.find((name) => name !== killed)!;
    for (const value of ["2", "3", "4"]) await submitted(other, "put", "b", value);
    await bothAt(before + 3);
  });

  it("follows the orderers' addresses when the configuration changes them", async () => {
    const living = ORDERERS.filter((name) => network.node(name).isRunning);
    await changeConfig(living[0]!, (config) => {
      const { Endpoints } = config.channel_group.groups.Orderer.groups.OrdererOrg.values;
      Endpoints.value.addresses = [network.address(living[1]!)];
    });
    await submitted(living[1]!, "put", "b", "5");
    await bothAt(0);
    const log = network.node(OURS).output;
    assert.match(log, /orderer left the channel configuration|joined/);
  });

  it("has waited with growing pauses while there was no leader", async () => {
    const [first, second] = ORDERERS.filter((name) => network.node(name).isRunning);
    const before = await height(OURS);
    const printed = network.node(OURS).output.length;
    await network.node(first!).stop("SIGKILL");
    // One of three is left: it cannot elect itself, and says so at once it has noticed.
    const refusals = () => [
      ...network
        .node(OURS)
        .output.slice(printed)
        .matchAll(/^(\S+ \S+) UTC .*answered SERVICE_UNAVAILABLE/gm),
    ];
    const times = await until("nine refusals", async () => (refusals().length < 9 ? undefined : refusals()));
    const [start, early, , , , , , late, end] = times.map(([, time]) => Date.parse(`${time}Z`));
    // A tenth of a second at first, and a fifth more each time.
    assert.ok(early! - start! < 1_000 && end! - late! > 300, `${early! - start!} ms, then ${end! - late!} ms`);
    await Promise.all(ORDERERS.filter((name) => name !== second).map((name) => network.startOrderer(name, "fabric")));
    await submitted(second!, "put", "b", "7");
    await bothAt(before + 1);
  });

  it("comes back after a restart of its own and catches up", async () => {
    assert.equal(await network.node(OURS).stop(), 0);
    for (const value of ["8", "9"]) {
      // One organisation's endorsement is too little: these are ordered, and invalid. An orderer that has just come back
      // may not know the leader yet.
      await until(`orderer1 to order ${value}`, async () => {
        const outcome = await invokeBy([REAL], "orderer1", ["--waitForEvent"], "put", "b", value);
        if (/SERVICE_UNAVAILABLE/.test(outcome.stderr)) return undefined;
        assert.match(outcome.stderr, /ENDORSEMENT_POLICY_FAILURE/);
        return true;
      });
    }
    const reached = await height(REAL);
    await network.startPeer(OURS, "hansa");
    assert.equal(await bothAt(reached), reached);
  });

  it("has kept the same blocks, validation codes and commit hashes as the real peer", async () => {
    const count = await bothAt(0);
    assert.ok(count >= 20, `${count} blocks`);
    const codes = await assertSameLedgers(network, [REAL, OURS], count);
    const { VALID, MVCC_READ_CONFLICT, ENDORSEMENT_POLICY_FAILURE } = TxValidationCode;
    for (const code of [VALID, MVCC_READ_CONFLICT, ENDORSEMENT_POLICY_FAILURE])
      assert.ok(codes.has(code), `a transaction with code ${TxValidationCode[code]}`);
  });

  /** As administrators do it: fetch, decode, edit, compute the update, sign, send. */
  async function changeConfig(orderer: OrdererName, edit: (config: ChannelJson) => void): Promise<void> {
    const at = (name: string) => network.at(name);
    const access = network.through(orderer);
    await done(network.peer(REAL, "channel", "fetch", "config", at("config.block"), "-c", "mychannel", ...access));
    const proto = async (verb: string, type: string, from: string, to: string) =>
      void (await done(network.tool("configtxlator", [verb, "--type", type, "--input", at(from), "--output", at(to)])));
    await proto("proto_decode", "common.Block", "config.block", "config.block.json");
    const read = JSON.parse(readFileSync(at("config.block.json"), "utf8")) as {
      data: { data: { payload: { data: { config: ChannelJson } } }[] };
    };
    const { config } = read.data.data[0]!.payload.data;
    writeFileSync(at("old.json"), JSON.stringify(config));
    edit(config);
    writeFileSync(at("new.json"), JSON.stringify(config));
    await proto("proto_encode", "common.Config", "old.json", "old.pb");
    await proto("proto_encode", "common.Config", "new.json", "new.pb");
    const files = ["--original", at("old.pb"), "--updated", at("new.pb"), "--output", at("update.pb")];
    await done(network.tool("configtxlator", ["compute_update", "--channel_id", "mychannel", ...files]));
    await proto("proto_decode", "common.ConfigUpdate", "update.pb", "update.json");
    const header = { channel_header: { channel_id: "mychannel", type: 2 } };
    const update = JSON.parse(readFileSync(at("update.json"), "utf8")) as unknown;
    writeFileSync(at("envelope.json"), JSON.stringify({ payload: { header, data: { config_update: update } } }));
    await proto("proto_encode", "common.Envelope", "envelope.json", "envelope.pb");
    await done(network.asOrdererAdmin("channel", "update", "-f", at("envelope.pb"), "-c", "mychannel", ...access));
  }
});

type ChannelJson = {
  channel_group: {
    groups: { Orderer: { groups: { OrdererOrg: { values: { Endpoints: { value: { addresses: string[] } } } } } } };
  };
};
