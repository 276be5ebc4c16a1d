import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { common, decode, etcdraft, METADATA, readEnvelope, splitBlock, transactionId } from "@hansa/wire";
import { ChannelConfig } from "./channel-config.js";
import { formatGoDuration, parseGoDuration } from "./duration.js";
import { ConfigError } from "./error.js";
import { genesisBlock } from "./genesis.js";
import { checkChannelId } from "./names.js";
import { testOrganization, testProfile } from "./testing/organization.js";

const brewery = testOrganization("Brewery");
const pub = testOrganization("Pub");
const ordererOrg = testOrganization("Ordering");
const profile = testProfile([brewery, pub], ordererOrg, { batchTimeoutMs: 250, acls: { "event/Block": "Admins" } });
const block = genesisBlock(profile);
const config = ChannelConfig.fromBlock(block);

describe("genesis block", () => {
  it("is the same for the same profile and has the shape that peers demand", () => {
    assert.deepEqual(genesisBlock(profile), block);
    const parts = splitBlock(block);
    assert.equal(parts.header.number, 0n);
    assert.equal(parts.header.previousHash.length, 0);
    assert.equal(parts.metadata.length, METADATA.COMMIT_HASH + 1);
    const envelope = readEnvelope(parts.envelopes[0]!);
    const { creator, nonce } = envelope.signatureHeader;
    assert.equal(envelope.channelHeader.txId, transactionId(nonce, creator));
    assert.equal(envelope.channelHeader.version, 1);
  });

  it("declares what a real peer looks for", () => {
    assert.deepEqual(config.orderer, {
      batchTimeoutMs: 250,
      maxMessageCount: 500,
      absoluteMaxBytes: 10_485_760,
      preferredMaxBytes: 2_097_152,
      consensusType: "etcdraft",
      consensusMetadata: config.orderer.consensusMetadata,
      state: "NORMAL",
    });
    const raft = decode(etcdraft.ConfigMetadata, config.orderer.consensusMetadata, "ConfigMetadata");
    assert.equal(raft.consenters[0]?.host, "orderer.example");
    assert.deepEqual(
      [...config.capabilities.channel, ...config.capabilities.orderer, ...config.capabilities.application],
      ["V2_0", "V2_0", "V2_5"],
    );
    config.checkCapabilities();
    for (const path of [
      "/Channel/Readers",
      "/Channel/Orderer/BlockValidation",
      "/Channel/Application/LifecycleEndorsement",
    ]) {
      assert.equal(config.hasPolicy(path), true, path);
    }
  });

  it("refuses channel names, batch sizes and rules that no channel may have", () => {
    assert.throws(() => genesisBlock({ ...profile, channelId: "Trade" }), {
      message: "initializing configtx manager failed: bad channel ID: 'Trade' contains illegal characters",
    });
    assert.throws(
      () => genesisBlock({ ...profile, preferredMaxBytes: 20_000_000 }),
      /greater than the absolute max bytes/,
    );
    assert.throws(() => genesisBlock({ ...profile, capabilities: { channel: ["V2_0", "V9"] } }), {
      fault: "UNSUPPORTED",
      message: /Channel capability V9 is required but not supported/,
    });
    assert.throws(() => genesisBlock({ ...profile, adminsPolicy: "SOME Admins" }));
  });
});

describe("a channel's configuration", () => {
  it("knows members, orderers and their roots", () => {
    assert.deepEqual(
      config.applicationOrgs().map(({ mspId }) => mspId),
      ["Brewery", "Pub"],
    );
    assert.deepEqual(config.ordererEndpoints(), [{ mspId: "Ordering", address: "orderer.example:7050" }]);
    assert.deepEqual(config.ordererTlsRoots("Ordering"), [ordererOrg.caPem]);
    assert.equal(config.mspConfig("Pub")?.name, "Pub");
  });

  it("evaluates policies by path, and nobody satisfies one that does not exist", () => {
    const client = config.msps.identity(brewery.identity("client").serialized);
    const peer = config.msps.identity(brewery.identity("peer").serialized);
    const may = (path: string, ...ids: (typeof client)[]) => config.policy(path).evaluateIdentities(ids).ok;
    assert.equal(may("/Channel/Application/Writers", client), true);
    assert.equal(may("/Channel/Application/Writers", peer), false);
    assert.equal(may("/Channel/Application/Readers", peer), true);
    assert.equal(may("/Channel/Application/Endorsement", peer), false);
    assert.equal(
      may("/Channel/Application/Endorsement", peer, config.msps.identity(pub.identity("peer").serialized)),
      true,
    );
    assert.deepEqual(config.policy("/Channel/Application/Nobody").evaluateIdentities([client]), {
      ok: false,
      reason: "no such policy: 'Application/Nobody'",
    });
  });

  it("writes an implicit policy out over the members' principals", () => {
    const written = config.signaturePolicy("/Channel/Application/Endorsement");
    assert.equal(written?.rule?.nOutOf?.n, 2);
    assert.deepEqual(
      written?.identities?.map(
        (each) => decode(common.MSPRole, each.principal ?? new Uint8Array(0), "MSPRole").mspIdentifier,
      ),
      ["Brewery", "Pub"],
    );
    assert.equal(config.signaturePolicy("/Channel/Application/Nobody"), undefined);
  });

  it("takes access rules from the channel, else Fabric's defaults, and says why not", () => {
    assert.equal(config.aclPolicyPath("event/Block"), "/Channel/Application/Admins");
    assert.equal(config.aclPolicyPath("peer/Propose"), "/Channel/Application/Writers");
    const client = brewery.identity("client");
    const message = Buffer.from("request");
    const signed = { identity: client.serialized, message, signature: client.sign(message) };
    assert.equal(config.checkAcl("gateway/CommitStatus", signed).ok, true);
    const wrong = { ...signed, message: Buffer.from("other") };
    assert.match(
      reasonOf(config.checkAcl("gateway/CommitStatus", wrong)),
      /^Failed evaluating policy on signed data during check policy on channel \[trade\] with policy \[\/Channel\/Application\/Readers\]: \[implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the 'Readers' sub-policies to be satisfied\]$/,
    );
    assert.match(
      reasonOf(config.checkAcl("event/Block", signed)),
      /^failed evaluating policy on signed data during check policy \[\/Channel\/Application\/Admins\]: \[/,
    );
    assert.equal(reasonOf(config.checkAcl("no/Such", signed)), "Unmapped policy for no/Such");
  });

  it("keeps the identities of members that did not change", () => {
    const again = ChannelConfig.load("trade", config.config, { previous: config });
    assert.equal(again.msps.get("Pub"), config.msps.get("Pub"));
  });

  it("refuses sections and values that Fabric does not know", () => {
    const broken = (edit: (group: common.IConfigGroup) => void) => {
      const copy = decode(common.Config, common.Config.encode(config.config).finish(), "Config");
      edit(copy.channelGroup!);
      return () => ChannelConfig.load("trade", copy);
    };
    assert.throws(
      broken((group) => Object.assign(group.groups!, { Surprise: {} })),
      /Disallowed channel group: Surprise/,
    );
    assert.throws(
      broken((group) => Object.assign(group.values!, { Surprise: {} })),
      {
        message: "initializing channelconfig failed: failed to deserialize values: Unexpected key Surprise",
      },
    );
    assert.throws(
      broken((group) => delete group.groups!.Orderer!.values!.Capabilities),
      /cannot enable channel capabilities without orderer support first/,
    );
    assert.throws(
      broken((group) => Object.assign(group.policies!.Admins!, { policy: { type: 9 } })),
      /policy Admins at path Channel has unknown policy type: 9/,
    );
    assert.throws(() => ChannelConfig.fromBlock(Buffer.from("no block")));
  });
});

describe("names and durations", () => {
  it("accepts the channel names that Fabric accepts", () => {
    for (const name of ["a", "trade-2", "my.channel"]) checkChannelId(name);
    for (const name of ["", "Trade", "9lives", "a_b", "x".repeat(250)]) {
      assert.throws(() => checkChannelId(name), ConfigError, name);
    }
  });

  it("reads and writes Go durations", () => {
    for (const [text, ms] of [
      ["2s", 2000],
      ["200ms", 200],
      ["1m30s", 90_000],
      ["1h0m0s", 3_600_000],
      ["1.5s", 1500],
    ] as const) {
      assert.equal(parseGoDuration(text), ms);
      assert.equal(formatGoDuration(ms), text);
    }
    assert.equal(parseGoDuration("0"), 0);
    assert.equal(parseGoDuration("-1s"), -1000);
    assert.equal(parseGoDuration("1.s.5s"), 1500);
    for (const text of ["", "2", "s", "2 s", "2days"]) assert.equal(parseGoDuration(text), undefined, text);
    const startedAt = performance.now();
    assert.equal(parseGoDuration("1".repeat(1_000_000)), undefined);
    assert.ok(performance.now() - startedAt < 1_000, "a long text is refused soon");
  });
});

function reasonOf(verdict: { ok: boolean; reason?: string }): string {
  assert.equal(verdict.ok, false);
  return verdict.reason ?? "";
}
