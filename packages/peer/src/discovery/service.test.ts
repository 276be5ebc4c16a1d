import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChannelConfig } from "@hansa/channel-config";
import type { ChaincodeDefinition } from "@hansa/endorsement/lifecycle";
import { Msp, MspManager, parsePolicy, type SigningIdentity } from "@hansa/msp";
import { HansaError, sha256, silentLogger, type UnixMs } from "@hansa/primitives";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import { common, decode, discovery, encode, gossip } from "@hansa/wire";
import fc from "fast-check";
import { memberId } from "../membership/exchange.js";
import { aliveMessage, stateMessage } from "../membership/gossip-messages.js";
import type { Member } from "../membership/view.js";
import { testGenesis, testOrg } from "../testing/consortium.js";
import { DiscoveryService } from "./service.js";

const CHANNEL = "trade";
const brewery = testOrg("BreweryMSP");
const pub = testOrg("PubMSP");
const stranger = testOrg("StrangerMSP");
const ordering = testOrg("OrdererMSP");
const config = ChannelConfig.fromBlock(testGenesis(CHANNEL, [brewery, pub], ordering, "orderer.example.com:7050"));
const brewer = brewery.identity("brewer", "client");
const admin = brewery.identity("admin", "admin");
const now = Date.now() as UnixMs;

let made = 0n;
function member(signer: SigningIdentity, endpoint: string, chaincodes: Record<string, number>, height = 7): Member {
  made += 1n;
  const time = { startedAt: 1n, sequence: made };
  const state = { height, chaincodes: new Map(Object.entries(chaincodes)) };
  const envelope = stateMessage(signer, CHANNEL, state, time);
  return {
    id: memberId(signer.serialized),
    mspId: signer.mspId,
    identity: signer.serialized,
    endpoint,
    alive: { time, envelope: aliveMessage(signer, { endpoint, time }) },
    states: new Map([[CHANNEL, { ...state, time, envelope }]]),
  };
}

const self = member(brewery.identity("peer0", "peer"), "peer0.brewery:7051", { _lifecycle: 1, deal: 2, vault: 1 }, 9);
const pubPeer = member(pub.identity("peer0", "peer"), "peer0.pub:7051", { _lifecycle: 1, deal: 2, vault: 1 });
const oldPeer = member(pub.identity("peer1", "peer"), "peer1.pub:7051", { _lifecycle: 1, deal: 1 });

function definition(name: string, sequence: number, rule: string, collections: object[] = []): ChaincodeDefinition {
  return {
    name,
    sequence,
    version: "1",
    initRequired: false,
    endorsementPlugin: "escc",
    validationPlugin: "vscc",
    validationParameter: encode(common.ApplicationPolicy, { signaturePolicy: parsePolicy(rule) }),
    collections: collections as ChaincodeDefinition["collections"],
    collectionsBytes: new Uint8Array(0),
  };
}

const definitions = new Map(
  [
    definition("deal", 2, "AND('BreweryMSP.peer', 'PubMSP.peer')"),
    definition("vault", 1, "OR('BreweryMSP.peer', 'PubMSP.peer')", [
      { name: "recipe", memberOrgsPolicy: { signaturePolicy: parsePolicy("OR('BreweryMSP.member')") } },
    ]),
  ].map((each) => [each.name, each]),
);

function service(options: { mutualTls?: boolean; orgMembersAllowedAccess?: boolean; members?: Member[] } = {}) {
  const { members = [pubPeer, oldPeer], mutualTls = false, orgMembersAllowedAccess = false } = options;
  return new DiscoveryService({
    mspId: brewery.mspId,
    localMsp: new MspManager([Msp.fromConfig(brewery.mspConfig)]),
    channel: (channelId) =>
      channelId === CHANNEL ? { config, definition: (name) => definitions.get(name) } : undefined,
    membership: {
      self: async () => self,
      members: () => members,
      membersOf: () => members,
      refresh: async () => {},
    },
    orgMembersAllowedAccess,
    mutualTls,
    now: () => now,
    logger: silentLogger,
  });
}

const context = (tlsClientCert?: Uint8Array) => ({ peerAddress: "somewhere", tlsClientCert });

function request(signer: SigningIdentity, queries: discovery.IQuery[], tlsCertHash?: Uint8Array): Uint8Array {
  const authentication = { clientIdentity: signer.serialized, ...(tlsCertHash && { clientTlsCertHash: tlsCertHash }) };
  const payload = encode(discovery.Request, { authentication, queries });
  return encode(discovery.SignedRequest, { payload, signature: signer.sign(payload) });
}

async function ask(query: discovery.IQuery, by: SigningIdentity = brewer, of = service()) {
  const bytes = await of.discover(request(by, [{ channel: CHANNEL, ...query }]), context());
  const [result] = decode(discovery.Response, bytes, "discovery.Response").results;
  assert.ok(result);
  return result;
}

const interest = (name: string, more: object = {}) => ({
  ccQuery: { interests: [{ chaincodes: [{ name, ...more }] }] },
});

/** Where a peer is and what it has, as a client reads it. */
function told(peer: discovery.IPeer): string {
  const read = (envelope: gossip.IEnvelope | null | undefined) =>
    envelope?.payload ? decode(gossip.GossipMessage, envelope.payload, "gossip.GossipMessage") : undefined;
  const endpoint = read(peer.membershipInfo)?.aliveMsg?.membership?.endpoint;
  const properties = read(peer.stateInfo)?.stateInfo?.properties;
  if (!properties) return `${endpoint}`;
  const chaincodes = (properties.chaincodes ?? []).map(({ name, version }) => `${name}:${version}`);
  return `${endpoint} ${properties.ledgerHeight} ${chaincodes.join(",")}`;
}

const byOrg = (result: discovery.IQueryResult) =>
  Object.fromEntries(
    Object.entries(result.members?.peersByOrg ?? {}).map(([mspId, { peers }]) => [mspId, (peers ?? []).map(told)]),
  );

describe("the discovery service", () => {
  it("tells a channel's members and orderers", async () => {
    const { configResult } = await ask({ configQuery: {} });
    assert.deepEqual(Object.keys(configResult?.msps ?? {}).sort(), ["BreweryMSP", "OrdererMSP", "PubMSP"]);
    const [endpoint] = configResult?.orderers?.OrdererMSP?.endpoint ?? [];
    assert.deepEqual([endpoint?.host, endpoint?.port], ["orderer.example.com", 7050]);
  });

  it("tells the peers of a channel, with what they have", async () => {
    assert.deepEqual(byOrg(await ask({ peerQuery: {} })), {
      BreweryMSP: ["peer0.brewery:7051 9 _lifecycle:1,deal:2,vault:1"],
      PubMSP: ["peer0.pub:7051 7 _lifecycle:1,deal:2,vault:1", "peer1.pub:7051 7 _lifecycle:1,deal:1"],
    });
  });

  it("leaves out peers without a chaincode, and those that may not read a collection", async () => {
    const filtered = async (call: object) => byOrg(await ask({ peerQuery: { filter: { chaincodes: [call] } } }));
    assert.deepEqual(await filtered({ name: "deal" }), {
      BreweryMSP: ["peer0.brewery:7051 9 _lifecycle:1,deal:2,vault:1"],
      PubMSP: ["peer0.pub:7051 7 _lifecycle:1,deal:2,vault:1"],
    });
    assert.deepEqual(await filtered({ name: "vault", collectionNames: ["recipe"] }), {
      BreweryMSP: ["peer0.brewery:7051 9 _lifecycle:1,deal:2,vault:1"],
    });
    const { error } = await ask({ peerQuery: { filter: { chaincodes: [{ name: "none" }] } } });
    assert.equal(error?.content, "No metadata was found for chaincode none in channel trade");
  });

  it("leaves out peers whose organisation is no member", async () => {
    const foreign = member(stranger.identity("peer0", "peer"), "peer0.stranger:7051", { deal: 2 });
    const client = member(pub.identity("user", "client"), "user.pub:7051", { deal: 2 });
    const of = service({ members: [foreign, client] });
    assert.deepEqual(Object.keys(byOrg(await ask({ peerQuery: {} }, brewer, of))), ["BreweryMSP"]);
  });

  it("tells who can endorse", async () => {
    const { ccQueryRes } = await ask(interest("deal"));
    const [descriptor] = ccQueryRes?.content ?? [];
    assert.equal(descriptor?.chaincode, "deal");
    const groups = Object.values(descriptor?.endorsersByGroups ?? {}).map(({ peers }) => (peers ?? []).map(told));
    // The pub's second peer has an older definition.
    assert.deepEqual(groups, [
      ["peer0.brewery:7051 9 _lifecycle:1,deal:2,vault:1"],
      ["peer0.pub:7051 7 _lifecycle:1,deal:2,vault:1"],
    ]);
    const layouts = (descriptor?.layouts ?? []).map((layout) => Object.values(layout.quantitiesByGroup ?? {}));
    assert.deepEqual(layouts, [[1, 1]]);
  });

  it("says in Fabric's words why it does not", async () => {
    const errorOf = async (query: discovery.IQuery, by = brewer, of = service()) =>
      (await ask(query, by, of)).error?.content;
    const failed = "failed constructing descriptor for";
    assert.equal(await errorOf(interest("none")), `${failed} chaincodes:<name:"none" > `);
    assert.equal(
      await errorOf(interest("vault", { collectionNames: ["x", "y"] })),
      `${failed} chaincodes:<name:"vault" collection_names:"x" collection_names:"y" > `,
    );
    // Nobody looks for a collection that is not read.
    assert.equal(await errorOf(interest("vault", { collectionNames: ["x"], noPrivateReads: true })), undefined);
    assert.equal(
      await errorOf(interest("deal"), brewer, service({ members: [] })),
      `${failed} chaincodes:<name:"deal" > `,
    );
    assert.equal(await errorOf(interest("")), "chaincode name in interest cannot be empty");
    assert.equal(
      await errorOf({ ccQuery: { interests: [{}] } }),
      "chaincode interest must contain at least one chaincode",
    );
    assert.equal(await errorOf({ ccQuery: {} }), "chaincode query must have at least one chaincode interest");
    assert.equal(await errorOf({}), "unknown or missing request type");
    assert.equal(await errorOf({ localPeers: {} }), "unknown or missing request type");
    assert.equal(await errorOf({ channel: "", configQuery: {} }, admin), "unknown or missing request type");
    for (const query of [
      { channel: "none", configQuery: {} },
      { channel: "", localPeers: {} },
    ])
      assert.equal(await errorOf(query), "access denied");
    assert.equal(await errorOf({ configQuery: {} }, stranger.identity("user", "client")), "access denied");
    assert.equal(await errorOf({ configQuery: {} }, brewery.identity("old", "client", -1_000)), "access denied");
  });

  it("tells administrators, or all of the organisation, whom it knows", async () => {
    const local = { channel: "", localPeers: {} };
    const expected = { BreweryMSP: ["peer0.brewery:7051"], PubMSP: ["peer0.pub:7051", "peer1.pub:7051"] };
    assert.deepEqual(byOrg(await ask(local, admin)), expected);
    assert.equal((await ask(local, pub.identity("admin", "admin"))).error?.content, "access denied");
    assert.deepEqual(byOrg(await ask(local, brewer, service({ orgMembersAllowedAccess: true }))), expected);
  });

  it("answers each query by itself, the second time from what it remembers", async () => {
    const bytes = request(brewer, [{ channel: "none" }, { channel: CHANNEL, configQuery: {} }]);
    const of = service();
    for (let round = 0; round < 2; round++) {
      const { results } = decode(discovery.Response, await of.discover(bytes, context()), "discovery.Response");
      assert.deepEqual(
        results.map(({ result }) => result),
        ["error", "configResult"],
      );
    }
  });

  it("takes no request that is not signed by whom it names", async () => {
    const signed = decode(discovery.SignedRequest, request(brewer, [{ channel: CHANNEL, configQuery: {} }]), "request");
    const forged = encode(discovery.SignedRequest, { ...signed, signature: admin.sign(signed.payload) });
    const { results } = decode(discovery.Response, await service().discover(forged, context()), "discovery.Response");
    assert.equal(results[0]?.error?.content, "access denied");
  });

  it("refuses requests that lack what they need", async () => {
    const refusal = (text: string) => ({ code: GrpcStatus.UNKNOWN, message: text });
    const send = (payload: discovery.IRequest) =>
      service().discover(encode(discovery.SignedRequest, { payload: encode(discovery.Request, payload) }), context());
    await assert.rejects(send({}), refusal("access denied, no authentication info in request"));
    await assert.rejects(send({ authentication: {} }), refusal("access denied, client identity wasn't supplied"));
    await assert.rejects(service().discover(Uint8Array.of(255), context()), { code: GrpcStatus.UNKNOWN });
    const many = Array.from({ length: 101 }, () => ({ channel: CHANNEL, configQuery: {} }));
    await assert.rejects(service().discover(request(brewer, many), context()), /over 100 queries/);
  });

  it("binds requests to the TLS certificate where clients must show one", async () => {
    const strict = service({ mutualTls: true });
    const certificate = brewer.certificate.raw;
    const queries = [{ channel: CHANNEL, configQuery: {} }];
    const bound = request(brewer, queries, sha256(certificate));
    const { results } = decode(discovery.Response, await strict.discover(bound, context(certificate)), "Response");
    assert.equal(results[0]?.result, "configResult");
    await assert.rejects(strict.discover(bound, context()), { message: "client didn't send a TLS certificate" });
    const other = strict.discover(bound, context(admin.certificate.raw));
    await assert.rejects(other, {
      message: "client claimed TLS hash doesn't match computed TLS hash from gRPC stream",
    });
  });

  it("answers whatever bytes come with a status", async () => {
    const of = service();
    const good = request(brewer, [{ channel: CHANNEL, ...interest("deal") }]);
    const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), damage), async (what) => {
        const bytes = what instanceof Uint8Array ? what : Uint8Array.from(good);
        if (!(what instanceof Uint8Array)) for (const [at, value] of what) bytes[at] = value;
        try {
          const { results } = decode(discovery.Response, await of.discover(bytes, context()), "discovery.Response");
          for (const { error, ccQueryRes } of results) assert.ok(error || ccQueryRes);
        } catch (error) {
          assert.ok(error instanceof RpcStatus && error.code === GrpcStatus.UNKNOWN, String(error));
          assert.ok(!(error instanceof HansaError));
        }
      }),
      { numRuns: 150 },
    );
  });
});
