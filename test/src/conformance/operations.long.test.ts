/**
 * What nodes tell those who run them: over TLS on a network of ours, and beside Fabric's own peer and orderer with the
 * same files, where HANSA_FABRIC_BIN names a folder that holds those.
 */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { type Network, startNetwork } from "@hansa/network";
import { common, encode, HeaderType } from "@hansa/wire";
import { connect, GatewayError, hash, signers } from "@hyperledger/fabric-gateway";
import { temporaryFolder } from "../support/folder.js";
import { repositoryRoot } from "../support/paths.js";
import { FabricNetwork, type Kind, type OrdererName, type PeerName } from "./fabric-nodes/fabric-network.js";
import { failureOf } from "./gateway/fixture.js";
import { asker, families, type Pair } from "./operations/ask.js";

const tools = process.env.HANSA_FABRIC_BIN;
const skip = tools === undefined ? "HANSA_FABRIC_BIN does not name a folder with Fabric's programs" : false;

describe("nodes of a network that answer over TLS", () => {
  let network: Network;
  before(async () => {
    const [contract, channel] = [path.join(repositoryRoot, "test/contracts/conformance"), "trade"];
    network = await startNetwork(
      {
        network: "watched",
        operations: { tls: true },
        members: [{ name: "Org1" }, { name: "Org2" }],
        channels: [{ name: channel }],
        contracts: [{ name: "basic", channel, path: contract }],
      },
      { mode: "inline" },
    );
    await network.member("Org1").gateway().getNetwork(channel).getContract("basic").submitTransaction("put", "k", "v");
  });
  after(() => network?.stop());

  const documented = new Set(
    [
      ...readFileSync(path.join(repositoryRoot, "docs/reference/operations.md"), "utf8").matchAll(/^\| `([a-z_]+)` /gm),
    ].map(([, name]) => name),
  );
  const nodesOf = (kind: string) => network.plan.nodes.filter((node) => node.kind === kind);
  /** Root of the node's certificate, and a client of its organisation. */
  const accessTo = (node: { organization: { kind: "peer" | "orderer"; domain: string } }) => {
    const { kind, domain } = node.organization;
    const user = path.join(network.layout.organization(kind, domain), "users", `Admin@${domain}`, "tls");
    const pair: Pair = { cert: path.join(user, "client.crt"), key: path.join(user, "client.key") };
    return { root: network.layout.tlsRoot(kind, domain), pair };
  };

  for (const [kind, least] of [
    [
      "peer",
      ["ledger_blockchain_height", "ledger_transaction_count", "endorser_proposals_received", "hansa_channel_failed"],
    ],
    ["orderer", ["broadcast_processed_count", "consensus_etcdraft_is_leader", "hansa_journal_appended_bytes"]],
    ["ca", ["grpc_server_unary_requests_completed"]],
  ] as const) {
    it(`tell everybody whether the ${kind} is well, and its figures to the organisation's own`, async () => {
      const [node] = nodesOf(kind);
      const url = network.operationsUrl(node!.id)!;
      const { root, pair } = accessTo(node!);
      const anybody = asker(url, root);
      assert.equal(JSON.parse((await anybody("GET", "/healthz")).text).status, "OK");
      assert.equal((await anybody("GET", "/version")).status, 200);
      const stranger = nodesOf("peer").find(({ organization }) => organization.domain !== node!.organization.domain)!;
      for (const refused of [anybody, asker(url, root, accessTo(stranger).pair)])
        for (const [method, target] of [
          ["GET", "/metrics"],
          ["GET", "/logspec"],
          ["PUT", "/logspec"],
        ] as const)
          assert.equal((await refused(method, target, method === "PUT" ? '{"spec":"debug"}' : undefined)).status, 401);

      const own = asker(url, root, pair);
      const served = families((await own("GET", "/metrics")).text);
      for (const name of [...least, "fabric_version", "logging_entries_written"]) assert.ok(served.has(name), name);
      for (const name of served.keys())
        assert.ok(documented.has(name) || /^(process|nodejs)_/.test(name), `${name} is not described`);

      assert.equal((await own("PUT", "/logspec", '{"spec":"info:some.logger=debug"}')).status, 204);
      assert.equal((await own("GET", "/logspec")).text, '{"spec":"some.logger=debug:info"}\n');
      assert.equal((await own("PUT", "/logspec", '{"spec":"info"}')).status, 204);
    });
  }
});

describe("a node beside Fabric's own", { skip }, () => {
  const { folder, remove } = temporaryFolder();
  let network: FabricNetwork;
  type Node = PeerName | OrdererName;
  /** Each pair runs with the same settings, but for who runs. */
  const PAIRS: readonly (readonly [Node, Node])[] = [
    ["peer0.org1", "peer1.org1"],
    ["orderer1", "orderer2"],
  ];

  const identityOf = (name: Node) =>
    name.startsWith("orderer")
      ? network.at("organizations/ordererOrganizations/example.com/orderers", `${name}.example.com`, "tls")
      : network.at("organizations/peerOrganizations/org1.example.com/peers", `${name}.example.com`, "tls");
  const settings = (name: Node): Record<string, string> => {
    const tls = identityOf(name);
    const own = {
      LISTENADDRESS: network.address(name, "operations"),
      TLS_ENABLED: "true",
      TLS_CLIENTAUTHREQUIRED: "false",
    };
    const [prefix, files, provider] = name.startsWith("orderer")
      ? [
          "ORDERER_OPERATIONS_",
          { TLS_CERTIFICATE: "server.crt", TLS_PRIVATEKEY: "server.key", TLS_CLIENTROOTCAS: "ca.crt" },
          { ORDERER_METRICS_PROVIDER: "prometheus" },
        ]
      : [
          "CORE_OPERATIONS_",
          { TLS_CERT_FILE: "server.crt", TLS_KEY_FILE: "server.key", TLS_CLIENTROOTCAS_FILES: "ca.crt" },
          { CORE_METRICS_PROVIDER: "prometheus" },
        ];
    const all = {
      ...own,
      ...Object.fromEntries(
        Object.entries(files).map(([key, file]) => {
          const whole = path.join(tls, file);
          // Fabric's orderer reads lists of the environment in brackets, its peer this one without.
          return [key, key === "TLS_CLIENTROOTCAS" ? `[${whole}]` : whole];
        }),
      ),
    };
    return {
      ...Object.fromEntries(Object.entries(all).map(([key, value]) => [`${prefix}${key}`, value])),
      ...provider,
    };
  };
  const start = (name: Node, kind: Kind) =>
    name.startsWith("orderer")
      ? network.startOrderer(name as OrdererName, kind, settings(name))
      : network.startPeer(name as PeerName, kind, settings(name));

  before(async () => {
    network = await FabricNetwork.create(folder, tools!, ["orderer1"]);
    await Promise.all(PAIRS.flatMap(([theirs, ours]) => [start(theirs, "fabric"), start(ours, "hansa")]));
    for (const peer of ["peer0.org1", "peer1.org1"] as const) {
      const outcome = await network.peer(peer, "channel", "join", "-b", network.at("genesis.block"));
      assert.equal(outcome.exit, 0, outcome.stderr);
    }
    for (const orderer of ["orderer1", "orderer2"] as const) {
      const fetch = ["channel", "fetch", "0", network.at("none.block"), "-c", "nosuch", ...network.through(orderer)];
      assert.match((await network.peer("peer0.org1", ...fetch)).stderr, /NOT_FOUND/);
    }
  });
  after(async () => {
    await network?.stop();
    remove();
  });

  const askersOf = (name: Node) => {
    const tls = identityOf(name);
    const pair = { cert: path.join(tls, "server.crt"), key: path.join(tls, "server.key") };
    const url = `https://${network.address(name, "operations")}`;
    return { anybody: asker(url, path.join(tls, "ca.crt")), own: asker(url, path.join(tls, "ca.crt"), pair) };
  };

  const REQUESTS: readonly (readonly ["anybody" | "own", string, string, string?])[] = [
    ["anybody", "GET", "/healthz"],
    ["anybody", "POST", "/healthz"],
    ["anybody", "GET", "/version"],
    ["anybody", "PUT", "/version"],
    ["anybody", "GET", "/metrics"],
    ["anybody", "GET", "/logspec"],
    ["anybody", "PUT", "/logspec", '{"spec":"debug"}'],
    ["anybody", "GET", "/nothing"],
    ["own", "GET", "/logspec"],
    ["own", "PUT", "/logspec", '{"spec":"info:a.b=debug:c,d=warn"}'],
    ["own", "GET", "/logspec"],
    ["own", "PUT", "/logspec", '{"spec":"loud"}'],
    ["own", "PUT", "/logspec", '{"spec":"a=b=c"}'],
    ["own", "PUT", "/logspec", '{"spec":7}'],
    ["own", "PUT", "/logspec", ""],
    ["own", "PUT", "/logspec", "[]"],
    ["own", "DELETE", "/logspec"],
    ["own", "PUT", "/logspec", '{"spec":"info"}'],
  ];
  /** What may differ: who they are, and the time. */
  const plain = (text: string) =>
    text.replace(/"time":"[^"]*"/, '"time":"…"').replace(/"(CommitSHA|Version)":"[^"]*"/g, '"$1":"…"');

  for (const [theirs, ours] of PAIRS)
    it(`answers as ${theirs.startsWith("orderer") ? "an orderer" : "a peer"} does`, async () => {
      for (const [who, method, target, body] of REQUESTS) {
        const [expected, found] = await Promise.all(
          [theirs, ours].map(async (name) => {
            const { status, type, text } = await askersOf(name)[who](method, target, body);
            return { status, type, text: plain(text) };
          }),
        );
        assert.deepEqual(found, expected, `${who}: ${method} ${target} ${body ?? ""}`);
      }
    });

  for (const [theirs, ours] of PAIRS)
    it(`measures under the same names as ${theirs.startsWith("orderer") ? "an orderer" : "a peer"}, with the same labels`, async () => {
      const [expected, found] = await Promise.all(
        [theirs, ours].map(async (name) => families((await askersOf(name).own("GET", "/metrics")).text)),
      );
      const shared = [...found!.keys()].filter((name) => expected!.has(name) && !name.startsWith("process_"));
      for (const name of shared) assert.deepEqual(found!.get(name), expected!.get(name), name);
      const least = theirs.startsWith("orderer")
        ? ["deliver_streams_opened", "deliver_streams_closed", "grpc_server_stream_requests_completed"]
        : ["endorser_proposals_received", "ledger_blockchain_height", "ledger_statedb_commit_time"];
      for (const name of [...least, "logging_entries_written"])
        assert.ok(shared.includes(name), `${name} among ${shared}`);
    });

  it("knows no system channel, on which channels were once made", async () => {
    writeFileSync(network.at("create.pb"), creation("wanted"));
    const answers = await Promise.all(
      (["orderer1", "orderer2"] as const).map(async (orderer) => {
        const create = [
          "channel",
          "create",
          "-c",
          "wanted",
          "-f",
          network.at("create.pb"),
          ...network.through(orderer),
        ];
        const { exit, stderr } = await network.peer("peer0.org1", ...create);
        return [exit, /Error: .*/.exec(stderr)?.[0]];
      }),
    );
    const told = "Error: got unexpected status: BAD_REQUEST -- ";
    // The words of 3.0, where no orderer has one any more; 2.5 speaks of the system channel that it lacks.
    assert.deepEqual(answers[1], [1, `${told}channel does not exist`]);
    assert.equal(answers[0]![0], 1);
    assert.match(
      String(answers[0]![1]),
      /BAD_REQUEST -- (channel does not exist|channel creation request not allowed)/,
    );
  });

  it("refuses one request too many with the same code and text", async () => {
    const limits = {
      CORE_PEER_LIMITS_CONCURRENCY_DELIVERSERVICE: "1",
      CORE_PEER_LIMITS_CONCURRENCY_GATEWAYSERVICE: "1",
    };
    const refusals = await Promise.all(
      (
        [
          ["peer0.org1", "fabric"],
          ["peer1.org1", "hansa"],
        ] as const
      ).map(async ([name, kind]) => {
        await network.node(name).stop();
        await network.startPeer(name, kind, { ...settings(name), ...limits });
        const rootFile = path.join(identityOf(name), "ca.crt");
        const user = network.at("organizations/peerOrganizations/org1.example.com/users/User1@org1.example.com/msp");
        return [
          ...(await refusalsOf(network.address(name), rootFile)),
          await gatewayRefusal(network.address(name), rootFile, user),
        ];
      }),
    );
    assert.deepEqual(refusals[1], refusals[0]);
    for (const service of ["protos.Deliver", "gateway.Gateway"])
      assert.ok(refusals[0]!.join().includes(`too many requests for /${service}, exceeding concurrency limit (1)`));
  });

  it("lets nobody in without a certificate where one is required", async () => {
    for (const [name, kind] of [
      ["peer0.org1", "fabric"],
      ["peer1.org1", "hansa"],
    ] as const) {
      await network.node(name).stop();
      await network.startPeer(name, kind, { ...settings(name), CORE_OPERATIONS_TLS_CLIENTAUTHREQUIRED: "true" });
      const { anybody, own } = askersOf(name);
      await assert.rejects(
        anybody("GET", "/healthz"),
        /certificate required|bad certificate|ECONNRESET|socket hang up/,
        kind,
      );
      assert.equal((await own("GET", "/healthz")).status, 200, kind);
      assert.equal((await own("GET", "/metrics")).status, 200, kind);
    }
  });
});

/** What the second of two streams hears, of services that take one at a time: the first is held open, and says nothing. */
async function refusalsOf(address: string, rootFile: string): Promise<string[]> {
  const client = new Client(address, credentials.createSsl(readFileSync(rootFile)));
  const same = (bytes: Buffer) => bytes;
  const open = (method: string) => client.makeBidiStreamRequest(method, same, same);
  try {
    const told: string[] = [];
    for (const method of ["/protos.Deliver/Deliver", "/protos.Deliver/DeliverFiltered"]) {
      const first = open(method);
      first.on("error", () => {});
      const second = open(method);
      const refused = await new Promise<ServiceError>((resolve) => {
        for (const stream of [first, second]) stream.once("error", (error) => resolve(error as ServiceError));
      });
      told.push(`${refused.code} ${refused.details}`);
      first.cancel();
      second.cancel();
    }
    return told;
  } finally {
    client.close();
  }
}

/** What the second of two who listen to events hears, at a gateway that takes one request at a time. */
async function gatewayRefusal(address: string, rootFile: string, msp: string): Promise<string> {
  const client = new Client(address, credentials.createSsl(readFileSync(rootFile)));
  const only = (part: string) => readFileSync(path.join(msp, part, readdirSync(path.join(msp, part))[0]!));
  const signer = signers.newPrivateKeySigner(createPrivateKey(only("keystore")));
  const identity = { mspId: "Org1MSP", credentials: only("signcerts") };
  const gateway = connect({ client, identity, signer, hash: hash.sha256 });
  try {
    const channel = gateway.getNetwork("mychannel");
    const listen = async () => {
      const events = await channel.getChaincodeEvents("basic");
      const ended = (async () => {
        for await (const _ of events);
      })();
      ended.catch(() => {});
      return { events, ended };
    };
    const listeners = await Promise.all([listen(), listen()]);
    const error = await failureOf(Promise.race(listeners.map(({ ended }) => ended)), GatewayError);
    for (const { events } of listeners) events.close();
    return `${error.code} ${error.cause.details}`;
  } finally {
    gateway.close();
    client.close();
  }
}

/** What `peer channel create` is given. */
function creation(channelId: string): Buffer {
  const configUpdate = encode(common.ConfigUpdate, { channelId });
  const channelHeader = encode(common.ChannelHeader, { type: HeaderType.CONFIG_UPDATE, channelId });
  const data = encode(common.ConfigUpdateEnvelope, { configUpdate });
  const payload = encode(common.Payload, { header: { channelHeader }, data });
  return Buffer.from(encode(common.Envelope, { payload }));
}
