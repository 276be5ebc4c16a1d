import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChannelConfig } from "@hansa/channel-config";
import { Msp, MspManager, type SigningIdentity } from "@hansa/msp";
import type { UnixMs } from "@hansa/primitives";
import { decode, encode, gossip, hansa } from "@hansa/wire";
import fc from "fast-check";
import { testGenesis, testOrg } from "../testing/consortium.js";
import {
  memberId,
  type Realm,
  readAnswer,
  readQuestion,
  type Statement,
  signAnswer,
  signQuestion,
} from "./exchange.js";
import { aliveMessage, isEndpoint, pkiIdOf, stateMessage } from "./gossip-messages.js";
import { type Member, MembershipView } from "./view.js";

const CHANNEL = "trade";
const WINDOW_MS = 60_000;
const brewery = testOrg("BreweryMSP");
const pub = testOrg("PubMSP");
const config = ChannelConfig.fromBlock(testGenesis(CHANNEL, [brewery, pub], testOrg("OrdererMSP"), "127.0.0.1:7050"));
const realm: Realm = { localMsp: new MspManager([Msp.fromConfig(brewery.mspConfig)]), configs: () => [config] };
const now = Date.now() as UnixMs;
const later = (ms: number) => (now + ms) as UnixMs;
const brewer = brewery.identity("peer0", "peer");
const landlord = pub.identity("peer0", "peer");

function statement(signer: SigningIdentity, height = 5, channelId = CHANNEL, sequence = 1n): Statement {
  const time = { startedAt: 1n, sequence };
  const state = { height, chaincodes: new Map([["deal", 2]]) };
  return {
    alive: aliveMessage(signer, { endpoint: "peer0.pub:7051", time }),
    channels: [{ channelId, stateInfo: stateMessage(signer, channelId, state, time) }],
  };
}

const read = (bytes: Uint8Array, at = now) => readQuestion(bytes, realm, at, WINDOW_MS);
const reasonOf = (bytes: Uint8Array, at = now) => {
  const result = read(bytes, at);
  return "kind" in result ? result.reason : undefined;
};

describe("questions between peers", () => {
  it("tell who asks and how far it is", () => {
    const question = read(signQuestion(landlord, statement(landlord), now));
    assert.ok(!("kind" in question));
    const { from, at } = question;
    assert.equal(at, now);
    assert.deepEqual([from.mspId, from.endpoint, from.id], ["PubMSP", "peer0.pub:7051", memberId(landlord.serialized)]);
    const state = from.states.get(CHANNEL);
    assert.equal(state?.height, 5);
    assert.deepEqual([...(state?.chaincodes ?? [])], [["deal", 2]]);
  });

  it("are taken from peers of members only, in their time", () => {
    const asked = (signer: SigningIdentity) => reasonOf(signQuestion(signer, statement(signer), now));
    const nobody = "the question comes from no peer of a shared channel";
    assert.equal(asked(brewer), undefined);
    assert.equal(asked(pub.identity("user", "client")), nobody);
    assert.equal(asked(testOrg("StrangerMSP").identity("peer0", "peer")), nobody);
    assert.equal(asked(testOrg("PubMSP").identity("peer0", "peer")), nobody);
    assert.equal(asked(pub.identity("peer0", "peer", -1_000)), nobody);
    const early = signQuestion(landlord, statement(landlord), later(-WINDOW_MS - 1));
    assert.equal(reasonOf(early), "the question's time is too far from this peer's clock");
  });

  it("say nothing about others", () => {
    // Signed by the one, telling of the other.
    assert.equal(reasonOf(signQuestion(landlord, statement(brewer), now)), "the question does not say who asks");
    const mixed = { alive: statement(landlord).alive, channels: statement(brewer).channels };
    const question = read(signQuestion(landlord, mixed, now));
    assert.ok(!("kind" in question) && question.from.states.size === 0);
    const elsewhere = read(signQuestion(landlord, statement(landlord, 5, "elsewhere"), now));
    assert.ok(!("kind" in elsewhere) && elsewhere.from.states.size === 0);
    // The state of one channel under the name of another.
    const { alive, channels } = statement(landlord, 5, "elsewhere");
    const renamed = { alive, channels: channels.map((each) => ({ ...each, channelId: CHANNEL })) };
    const claim = read(signQuestion(landlord, renamed, now));
    assert.ok(!("kind" in claim) && claim.from.states.size === 0);
  });

  it("are refused when a byte has changed", () => {
    const bytes = signQuestion(landlord, statement(landlord), now);
    const { question } = decode(hansa.peer.SignedMembershipQuestion, bytes, "question");
    fc.assert(
      fc.property(fc.nat(question.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Uint8Array.from(bytes);
        const start = Buffer.from(bytes).indexOf(question);
        changed[start + at] = (changed[start + at] ?? 0) ^ change;
        assert.ok("kind" in read(changed));
      }),
      { numRuns: 100 },
    );
  });

  it("of any shape are answered with a refusal", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => assert.ok("kind" in read(bytes))));
    const payload = encode(gossip.GossipMessage, { aliveMsg: { membership: { endpoint: "x" } } });
    const broken = { alive: { payload, signature: landlord.sign(payload) }, channels: [] };
    assert.equal(reasonOf(signQuestion(landlord, broken, now)), "the question does not say who asks");
  });
});

describe("answers between peers", () => {
  const question = signQuestion(brewer, statement(brewer), now);
  const third = pub.identity("peer1", "peer");
  const memberOf = (signer: SigningIdentity): Member => {
    const read = readQuestion(signQuestion(signer, statement(signer), now), realm, now, WINDOW_MS);
    assert.ok(!("kind" in read));
    return read.from;
  };

  it("tell who answers, and name others", () => {
    const bytes = signAnswer(landlord, question, statement(landlord), [memberOf(third)]);
    const answer = readAnswer(bytes, question, realm, now);
    assert.ok(typeof answer !== "string");
    assert.equal(answer.from.id, memberId(landlord.serialized));
    assert.deepEqual(answer.others, [{ id: memberId(third.serialized), mspId: "PubMSP", endpoint: "peer0.pub:7051" }]);
  });

  it("are good for one question, and from peers of members only", () => {
    const another = signQuestion(brewer, statement(brewer), later(1));
    const bytes = signAnswer(landlord, question, statement(landlord), []);
    assert.equal(readAnswer(bytes, another, realm, now), "the answer is to another question");
    const foreign = testOrg("StrangerMSP").identity("peer0", "peer");
    assert.equal(
      readAnswer(signAnswer(foreign, question, statement(foreign), []), question, realm, now),
      "the answer comes from no peer of a shared channel",
    );
  });

  it("do not name whom nobody knows", () => {
    const foreign = testOrg("StrangerMSP").identity("peer0", "peer");
    const other: Member = { ...memberOf(third), identity: foreign.serialized };
    const answer = readAnswer(signAnswer(landlord, question, statement(landlord), [other]), question, realm, now);
    assert.ok(typeof answer !== "string");
    assert.deepEqual(answer.others, []);
  });
});

describe("the view of other peers", () => {
  const someone = (name: string, startedAt = 1n, sequence = 1n, more: Partial<Member> = {}): Member => ({
    id: name,
    mspId: "PubMSP",
    identity: Buffer.from(name),
    endpoint: `${name}:7051`,
    alive: { time: { startedAt, sequence }, envelope: { payload: Buffer.from("p"), signature: Buffer.from("s") } },
    states: new Map(),
    ...more,
  });

  it("takes what is newer, and forgets the silent", () => {
    const view = new MembershipView();
    assert.equal(view.hear(someone("a", 1n, 5n), later(0)), "new");
    assert.equal(view.hear(someone("a", 1n, 4n), later(1)), "refused");
    assert.equal(view.hear(someone("a", 1n, 5n), later(2)), "known");
    assert.equal(view.hear(someone("a", 2n, 1n), later(3)), "known");
    view.hear(someone("b"), later(900));
    assert.deepEqual(
      view.expire(later(1_004), 1_000).map(({ id }) => id),
      ["a"],
    );
    assert.deepEqual(
      view.members().map(({ id }) => id),
      ["b"],
    );
    assert.ok(view.remove("b") && !view.remove("b"));
  });

  it("holds one peer at an address, by the certificate it has now", () => {
    const view = new MembershipView();
    view.hear(someone("old", 1n), now);
    view.hear(someone("new", 2n, 1n, { endpoint: "old:7051" }), now);
    assert.deepEqual(
      view.members().map(({ id }) => id),
      ["new"],
    );
    // Another organisation cannot take its place.
    view.hear(someone("other", 9n, 1n, { endpoint: "old:7051", mspId: "StrangerMSP" }), now);
    assert.deepEqual(
      view.members().map(({ id }) => id),
      ["new", "other"],
    );
  });

  it("is bounded, whatever an organisation certifies", () => {
    const view = new MembershipView();
    const outcomes = Array.from({ length: 150 }, (_, index) => view.hear(someone(`p${index}`), now));
    assert.equal(outcomes.filter((outcome) => outcome === "refused").length, 50);
    assert.equal(view.hear(someone("q", 1n, 1n, { mspId: "BreweryMSP" }), now), "new");
  });
});

describe("gossip's names", () => {
  it("take addresses that can be connected to", () => {
    for (const good of ["a:1", "127.0.0.1:7051", "peer0.org1.example.com:65535", "[::1]:7051"])
      assert.ok(isEndpoint(good));
    for (const bad of ["", "a", "a:", "a:0", "a:65536", "a b:1", "::1:7051", `${"a".repeat(260)}:1`, "unix:/tmp/x"])
      assert.ok(!isEndpoint(bad), bad);
  });

  it("identify a peer by MSP id and certificate", () => {
    assert.equal(pkiIdOf(brewer.serialized).length, 32);
    assert.notDeepEqual(pkiIdOf(brewer.serialized), pkiIdOf(landlord.serialized));
  });
});
