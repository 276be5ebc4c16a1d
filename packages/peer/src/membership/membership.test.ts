import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { genesisBlock } from "@hansa/channel-config";
import { silentLogger } from "@hansa/primitives";
import { RpcClient, RpcServer } from "@hansa/transport";
import { decode, discovery, encode, gossip, hansa, protos, services } from "@hansa/wire";
import { startPeer } from "../peer.js";
import type { RunningPeer } from "../running-peer.js";
import { type TestOrg, testOrg } from "../testing/consortium.js";

const QUICK = { intervalMs: 100, newsMs: 20, silenceMs: 1_000 };
const brewery = testOrg("BreweryMSP");
const pub = testOrg("PubMSP");
const ordering = testOrg("OrdererMSP");

async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (let round = 0; round < 400; round++) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return assert.fail(`waited too long for ${what}`);
}

/** A channel with the pub's anchor peers. */
function genesisOf(channelId: string, members: readonly TestOrg[], ...anchors: string[]): Uint8Array {
  const certPem = ordering.identity("consenter", "orderer").certPem;
  const anchorPeers = anchors.map((address) => {
    const [host = "", port = ""] = address.split(":");
    return { host, port: Number(port) };
  });
  return genesisBlock({
    channelId,
    createdAtMs: Date.now(),
    organizations: members.map(({ mspId, mspConfig }) => ({
      mspId,
      mspConfig,
      ...(mspId === pub.mspId ? { anchorPeers } : {}),
    })),
    ordererOrgs: [{ mspId: ordering.mspId, mspConfig: ordering.mspConfig, endpoints: ["127.0.0.1:1"] }],
    consenters: [{ host: "127.0.0.1", port: 1, clientTlsCertPem: certPem, serverTlsCertPem: certPem }],
  });
}

describe("peers that nobody named to one another", () => {
  let folder: string;
  const running: RunningPeer[] = [];
  const start = async (org: TestOrg, name: string, bootstrap: string[] = [], listenAddress = "127.0.0.1:0") => {
    const { certPem, keyPem } = org.identity(name, "peer");
    const peer = await startPeer({
      name,
      identity: { mspId: org.mspId, certPem, keyPem },
      localMsp: org.mspConfig,
      listenAddress,
      dataDirectory: join(folder, `${org.mspId}-${name}`),
      stores: "memory",
      membership: { bootstrap, ...QUICK },
      logger: silentLogger,
    });
    running.push(peer);
    return peer;
  };
  const others = (peer: RunningPeer, channelId = "trade") =>
    peer
      .others(channelId)
      .map(({ address, ledgerHeight }) => `${address} ${ledgerHeight}`)
      .sort();
  const knows = (peer: RunningPeer, ...expected: RunningPeer[]) =>
    until(`${peer.name} to know ${expected.map(({ name }) => name)}`, () => {
      const wanted = expected.map(({ address }) => `${address} 1`).sort();
      return JSON.stringify(others(peer)) === JSON.stringify(wanted) ? true : undefined;
    });
  /** What administrators hear of the peers that one knows of. */
  const localPeers = async (peer: RunningPeer, org: TestOrg) => {
    const admin = org.identity("admin", "admin");
    const payload = encode(discovery.Request, {
      authentication: { clientIdentity: admin.serialized },
      queries: [{ localPeers: {} }],
    });
    const client = new RpcClient(peer.address);
    try {
      const signed = encode(discovery.SignedRequest, { payload, signature: admin.sign(payload) });
      const answer = await client.unary(services.Discovery.methods.Discover, signed, { timeoutMs: 5_000 });
      const [result] = decode(discovery.Response, answer, "discovery.Response").results;
      return Object.values(result?.members?.peersByOrg ?? {})
        .flatMap(({ peers }) => peers ?? [])
        .map(({ membershipInfo }) => {
          const message = decode(gossip.GossipMessage, membershipInfo?.payload ?? new Uint8Array(0), "message");
          return message.aliveMsg?.membership?.endpoint;
        })
        .sort();
    } finally {
      client.close();
    }
  };
  let genesis: Uint8Array;
  let first: RunningPeer;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "hansa-membership-"));
    first = await start(pub, "peer0");
    genesis = genesisOf("trade", [brewery, pub], first.address);
    await first.join(genesis);
  });
  after(async () => {
    await Promise.all(running.map((peer) => peer.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  it("find one another by anchor peers and bootstrap addresses, and through those they found", async () => {
    const brewer = await start(brewery, "peer0");
    await brewer.join(genesis);
    // By the pub's anchor peer, which the channel names.
    await knows(brewer, first);
    await knows(first, brewer);
    // By a peer of its own organisation, which then names the pub's.
    const second = await start(brewery, "peer1", [brewer.address]);
    await until("the bootstrap peer", async () =>
      (await localPeers(second, brewery)).includes(brewer.address) ? true : undefined,
    );
    assert.deepEqual(others(second), []);
    await second.join(genesis);
    await knows(second, first, brewer);
    await knows(first, brewer, second);
    assert.deepEqual(await localPeers(first, pub), [first, brewer, second].map(({ address }) => address).sort());

    // Who stops answering is gone, and comes back by itself.
    await brewer.stop();
    await knows(first, second);
    await knows(second, first);
  });

  it("hear only of those that they share a channel with", async () => {
    const carrier = testOrg("CarrierMSP");
    const carriage = genesisOf("carriage", [pub, carrier], first.address);
    const waggoner = await start(carrier, "peer0");
    await Promise.all([first.join(carriage), waggoner.join(carriage)]);
    await until("the waggoner to find the pub", () =>
      waggoner.others("carriage").find(({ ledgerHeight }) => ledgerHeight),
    );
    await until("the pub to find the waggoner", () =>
      first.others("carriage").find(({ ledgerHeight }) => ledgerHeight),
    );
    // Both know the pub, which knows both.
    const brewer = await start(brewery, "peer3");
    await brewer.join(genesis);
    await until("the brewer to find the pub", () => brewer.others("trade").find(({ mspId }) => mspId === pub.mspId));
    await new Promise((resolve) => setTimeout(resolve, 3 * QUICK.intervalMs));
    assert.ok((await localPeers(first, pub)).includes(brewer.address));
    assert.deepEqual(await localPeers(waggoner, carrier), [first.address, waggoner.address].sort());
    assert.ok(!(await localPeers(brewer, brewery)).includes(waggoner.address));
  });

  it("tell strangers nothing", async () => {
    const outsiders = testOrg("StrangerMSP");
    const stranger = await start(outsiders, "peer0", [first.address]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.deepEqual(await localPeers(stranger, outsiders), [stranger.address]);
    const client = new RpcClient(first.address);
    const { Exchange } = services.Membership.methods;
    await assert.rejects(client.unary(Exchange, Uint8Array.of(1, 2, 3), { timeoutMs: 2_000 }), { code: 3 });
    await assert.rejects(client.unary(Exchange, new Uint8Array(2 ** 20 + 1), { timeoutMs: 2_000 }), { code: 8 });
    client.close();
  });

  it("find anchor peers that are none of ours, for endorsing only", async () => {
    const server = new RpcServer({ logger: silentLogger });
    server.addService(services.Endorser, { ProcessProposal: (proposal) => proposal });
    const { address } = await server.listen("127.0.0.1:0");
    try {
      const brewer = await start(brewery, "peer4");
      await brewer.join(genesisOf("mixed", [brewery, pub], address));
      const found = await until("the foreign peer", () => brewer.others("mixed")[0]);
      assert.deepEqual([found.address, found.mspId, found.ledgerHeight], [address, pub.mspId, undefined]);
      const proposal = encode(protos.SignedProposal, { proposalBytes: Buffer.from("as Fabric's peers are asked") });
      const answer = await found.connection.processProposal(proposal, { timeoutMs: 2_000 });
      assert.deepEqual(Buffer.from(answer), Buffer.from(proposal));
      assert.deepEqual(await localPeers(brewer, brewery), [brewer.address]);
    } finally {
      await server.stop({ graceMs: 0 });
    }
  });

  it("ask each question once", async () => {
    const asked: Uint8Array[] = [];
    const { certPem, keyPem } = brewery.identity("peer2", "peer");
    const curious = await startPeer({
      name: "curious",
      identity: { mspId: brewery.mspId, certPem, keyPem },
      localMsp: brewery.mspConfig,
      listenAddress: "127.0.0.1:0",
      dataDirectory: join(folder, "curious"),
      stores: "memory",
      membership: QUICK,
      otherPeers: () => [
        {
          mspId: pub.mspId,
          address: first.address,
          connection: {
            processProposal: () => Promise.reject(new Error("not asked")),
            pushPrivate: () => Promise.reject(new Error("not asked")),
            pullPrivate: () => Promise.reject(new Error("not asked")),
            exchangeMembership: (question) => {
              asked.push(question);
              return first.exchangeMembership(question);
            },
            close: () => {},
          },
        },
      ],
      logger: silentLogger,
    });
    running.push(curious);
    await curious.join(genesis);
    const question = await until("a question", () => asked.at(-1));
    await until("an answer", () => curious.others("trade").find(({ ledgerHeight }) => ledgerHeight === 1));
    await assert.rejects(first.exchangeMembership(question), { code: 7, message: /not newer/ });
    const { creator } = decode(hansa.peer.SignedMembershipQuestion, question, "question");
    assert.deepEqual(Buffer.from(creator), Buffer.from(curious.identity));
  });
});

describe("a peer that joins a channel", () => {
  it("asks the anchor peers that the channel names at once, also those of other makes", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hansa-membership-"));
    const hour = 3_600_000;
    // A server that knows nothing of the exchange between Hansa's peers.
    const foreign = new RpcServer({ logger: silentLogger });
    const { address } = await foreign.listen("127.0.0.1:0");
    const { certPem, keyPem } = brewery.identity("peer0", "peer");
    const peer = await startPeer({
      name: "peer0",
      identity: { mspId: brewery.mspId, certPem, keyPem },
      localMsp: brewery.mspConfig,
      listenAddress: "127.0.0.1:0",
      dataDirectory: folder,
      stores: "memory",
      membership: { intervalMs: hour, newsMs: hour, silenceMs: hour },
      logger: silentLogger,
    });
    try {
      // Its first round is over: the next one is an hour away.
      await new Promise((resolve) => setTimeout(resolve, 50));
      await peer.join(genesisOf("trade", [brewery, pub], address));
      const found = await until("the anchor peer", () => peer.others("trade")[0]);
      assert.deepEqual([found.address, found.mspId], [address, pub.mspId]);
    } finally {
      await peer.stop();
      await foreign.stop({ graceMs: 0 });
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("peers with mutual TLS", () => {
  it("find one another by the roots that the channel's members published", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hansa-membership-"));
    const clientCaPems = [brewery, pub].map(({ tlsRootPem }) => tlsRootPem);
    const start = (org: TestOrg) => {
      const { certPem, keyPem } = org.identity("peer0", "peer");
      return startPeer({
        name: `peer0.${org.mspId}`,
        identity: { mspId: org.mspId, certPem, keyPem },
        localMsp: org.mspConfig,
        listenAddress: "127.0.0.1:0",
        tls: { ...org.tls("peer0"), requireClientCert: true, clientCaPems },
        dataDirectory: join(folder, org.mspId),
        stores: "memory",
        membership: QUICK,
        logger: silentLogger,
      });
    };
    const peers = await Promise.all([start(brewery), start(pub)]);
    try {
      const [brewer, landlord] = peers;
      const genesis = genesisOf("secured", [brewery, pub], landlord!.address);
      await Promise.all(peers.map((peer) => peer.join(genesis)));
      for (const [one, other] of [
        [brewer, landlord],
        [landlord, brewer],
      ]) {
        const found = await until(`${one!.name} to find the other`, () => one!.others("secured")[0]);
        assert.deepEqual([found.address, found.mspId], [other!.address, other!.mspId]);
        await found.connection.exchangeMembership(new Uint8Array(0), { timeoutMs: 2_000 }).then(
          () => assert.fail("an empty question was answered"),
          ({ code }: { code: number }) => assert.equal(code, 3),
        );
      }
    } finally {
      await Promise.all(peers.map((peer) => peer.stop()));
      await rm(folder, { recursive: true, force: true });
    }
  });
});
