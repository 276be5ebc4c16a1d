import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ChannelConfig,
  computeConfigUpdate,
  genesisBlock,
  withApplicationPolicy,
  withBatchSettings,
} from "@hansa/channel-config";
import { signedUpdate, testOrganization, testProfile } from "@hansa/channel-config/testing";
import type { SigningIdentity } from "@hansa/msp";
import { type UnixMs, unixMs } from "@hansa/primitives";
import { common, decode, encode, HeaderType, orderer, readEnvelope, Status, signedEnvelope } from "@hansa/wire";
import { type Admission, admit } from "./admit.js";
import { readBroadcast } from "./route.js";

const NOW = unixMs(Date.UTC(2026, 5, 1));
const member = testOrganization("BreweryMSP");
const ordererOrg = testOrganization("OrdererMSP");
const profile = testProfile([member], ordererOrg, { absoluteMaxBytes: 50_000, preferredMaxBytes: 20_000 });
const config = ChannelConfig.fromBlock(genesisBlock(profile));
const node = ordererOrg.identity("orderer");
const client = member.identity("client");

function envelope(signer: SigningIdentity, type: number = HeaderType.ENDORSER_TRANSACTION, data = "data"): Uint8Array {
  return signedEnvelope({
    type,
    channelId: "trade",
    creator: signer.serialized,
    nonce: Buffer.alloc(24, 1),
    timestampMs: NOW,
    data: Buffer.from(data),
    sign: (payload) => signer.sign(payload),
  });
}

function judge(raw: Uint8Array, by: ChannelConfig = config, now: UnixMs = NOW): Admission {
  const message = readBroadcast(raw);
  if (message.kind === "rejected") return message;
  return admit(message, { config: by, now, orderer: node, random: { bytes: (length) => Buffer.alloc(length, 9) } });
}

function refusal(admission: Admission): [number, string] {
  assert.equal(admission.kind, "rejected");
  return admission.kind === "rejected" ? [admission.status, admission.info] : [0, ""];
}

/** The same configuration with another consensus state. */
function inMaintenance(from: ChannelConfig): ChannelConfig {
  const copy = decode(common.Config, encode(common.Config, from.config), "Config");
  const value = copy.channelGroup?.groups?.Orderer?.values?.ConsensusType as common.IConfigValue;
  const consensus = orderer.ConsensusType.decode(value.value as Uint8Array);
  consensus.state = orderer.ConsensusType.State.STATE_MAINTENANCE;
  value.value = encode(orderer.ConsensusType, consensus);
  return ChannelConfig.load("trade", copy);
}

describe("an ordinary message", () => {
  it("is admitted with its bytes as they came, its size and the sequence it was judged by", () => {
    const raw = envelope(client);
    const admission = judge(raw);
    assert.equal(admission.kind, "normal");
    if (admission.kind !== "normal") return;
    assert.equal(admission.envelope, raw);
    assert.equal(admission.sequence, 0n);
    const { payload, signature } = common.Envelope.decode(raw);
    assert.equal(admission.bytes, payload.length + signature.length);
  });

  it("may have any type but the two that are the ordering service's own", () => {
    assert.equal(judge(envelope(client, HeaderType.MESSAGE)).kind, "normal");
    assert.equal(judge(envelope(client, 77)).kind, "normal");
    for (const type of [HeaderType.CONFIG, HeaderType.ORDERER_TRANSACTION]) {
      assert.equal(refusal(judge(envelope(client, type)))[0], Status.BAD_REQUEST);
    }
  });

  it("is refused for its size before anything is verified", () => {
    const stranger = testOrganization("StrangerMSP").identity("client");
    const [status, info] = refusal(judge(envelope(stranger, HeaderType.MESSAGE, "x".repeat(60_000))));
    assert.equal(status, Status.BAD_REQUEST);
    assert.match(info, /^message payload is 6\d{4} bytes and exceeds maximum allowed 50000 bytes$/);
  });

  it("is refused when its sender's certificate has expired, before its signature is looked at", () => {
    const raw = envelope(client);
    const end = client.certificate.notAfterMs;
    assert.equal(judge(raw, config, unixMs(end - 1)).kind, "normal");
    assert.deepEqual(refusal(judge(raw, config, unixMs(end))), [
      Status.BAD_REQUEST,
      "broadcast client identity expired",
    ]);
    // Before capabilities, orderers did not look.
    const old = { channel: ["V2_0"], orderer: [], application: ["V2_5"] };
    const lenient = ChannelConfig.fromBlock(genesisBlock({ ...profile, capabilities: old }));
    assert.equal(judge(raw, lenient, unixMs(end)).kind, "normal");
  });

  it("is refused for an expired certificate of whomever", () => {
    const stranger = testOrganization("StrangerMSP").identity("client");
    assert.deepEqual(refusal(judge(envelope(stranger), config, unixMs(stranger.certificate.notAfterMs + 1))), [
      Status.BAD_REQUEST,
      "broadcast client identity expired",
    ]);
  });

  it("is refused by policy with Fabric's words", () => {
    const stranger = testOrganization("StrangerMSP").identity("client");
    const words =
      "implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the 'Writers' sub-policies to be satisfied: permission denied";
    assert.deepEqual(refusal(judge(envelope(stranger))), [Status.FORBIDDEN, words]);
    const unreadable = signedEnvelope({
      type: HeaderType.MESSAGE,
      channelId: "trade",
      creator: Buffer.from("nobody"),
      nonce: Buffer.alloc(24),
      timestampMs: NOW,
      data: Buffer.alloc(0),
      sign: () => Buffer.alloc(0),
    });
    assert.deepEqual(refusal(judge(unreadable)), [Status.FORBIDDEN, words]);
  });

  it("waits for the end of maintenance", () => {
    const maintenance = inMaintenance(config);
    const [status, info] = refusal(judge(envelope(client), maintenance));
    assert.deepEqual(
      [status, info],
      [Status.SERVICE_UNAVAILABLE, "normal transactions are rejected: maintenance mode"],
    );
  });

  it("is told apart from bytes that are no headers", () => {
    const payloads: [Uint8Array, string][] = [
      [Buffer.alloc(0), "could not determine channel ID: header not set"],
      [
        encode(common.Payload, { header: {}, data: Buffer.from("x") }),
        "could not determine channel ID: header not set",
      ],
      [
        encode(common.Payload, { header: { signatureHeader: Buffer.from([10, 0]) } }),
        "could not determine channel ID: channel header not set",
      ],
      [
        encode(common.Payload, { header: { channelHeader: Buffer.from([255]) } }),
        "could not determine channel ID: error unmarshalling channel header: error unmarshalling ChannelHeader: proto: cannot parse invalid wire-format data",
      ],
    ];
    for (const [payload, info] of payloads) {
      const raw = encode(common.Envelope, { payload, signature: Buffer.from([1]) });
      assert.deepEqual(refusal(judge(raw)), [Status.BAD_REQUEST, info]);
    }
  });
});

describe("a configuration update", () => {
  const settings = { batchTimeoutMs: 500, maxMessageCount: 7, absoluteMaxBytes: 50_000, preferredMaxBytes: 9_000 };
  const update = computeConfigUpdate("trade", config.config, withBatchSettings(config.config, settings));

  it("becomes a CONFIG transaction signed by this orderer, with the configuration it leads to", () => {
    const raw = signedUpdate(update, [ordererOrg.identity("admin")]);
    const admission = judge(raw);
    assert.equal(admission.kind, "config");
    if (admission.kind !== "config") return;
    assert.equal(admission.next.sequence, 1n);
    assert.equal(admission.next.orderer.maxMessageCount, 7);
    const made = readEnvelope(admission.envelope);
    assert.equal(made.channelHeader.type, HeaderType.CONFIG);
    assert.equal(made.channelHeader.channelId, "trade");
    assert.deepEqual(Buffer.from(made.signatureHeader.creator), Buffer.from(node.serialized));
    const { lastUpdate } = common.ConfigEnvelope.decode(made.data);
    assert.deepEqual(Buffer.from(encode(common.Envelope, lastUpdate!)), Buffer.from(raw));
  });

  it("is refused with Fabric's words, wherever it fails", () => {
    const stranger = testOrganization("StrangerMSP").identity("admin");
    const initial = refusal(judge(signedUpdate(update, [stranger])));
    assert.equal(initial[0], Status.FORBIDDEN);
    assert.match(initial[1], /^config update for existing channel did not pass initial checks: implicit policy/);

    const tooFew = refusal(judge(signedUpdate(update, [client])));
    assert.equal(tooFew[0], Status.BAD_REQUEST);
    assert.match(
      tooFew[1],
      /^error applying config update to existing channel 'trade': error authorizing update: error validating DeltaSet: policy for \[Value\]/,
    );

    const huge = withApplicationPolicy(
      config.config,
      "Long",
      `OR('BreweryMSP.peer'${", 'BreweryMSP.admin'".repeat(900)})`,
    );
    const large = signedUpdate(computeConfigUpdate("trade", config.config, huge), [member.identity("admin")]);
    assert.match(refusal(judge(large))[1], /did not pass (initial|final) checks: message payload is \d+ bytes/);

    const nonsense = envelope(client, HeaderType.CONFIG_UPDATE, "nonsense");
    assert.equal(refusal(judge(nonsense))[0], Status.BAD_REQUEST);
  });

  it("may not change the state of consensus together with anything else", () => {
    const both = inMaintenance(ChannelConfig.load("trade", withBatchSettings(config.config, settings)));
    const attempt = computeConfigUpdate("trade", config.config, both.config);
    assert.deepEqual(refusal(judge(signedUpdate(attempt, [ordererOrg.identity("admin")]))), [
      Status.BAD_REQUEST,
      "config update for existing channel did not pass maintenance checks: config transaction inspection failed: config update contain more then just the ConsensusType value in the Orderer group",
    ]);
    const alone = computeConfigUpdate("trade", config.config, inMaintenance(config).config);
    assert.equal(judge(signedUpdate(alone, [ordererOrg.identity("admin")])).kind, "config");
  });

  it("may not leave the channel without consenters", () => {
    const copy = decode(common.Config, encode(common.Config, config.config), "Config");
    const value = copy.channelGroup?.groups?.Orderer?.values?.ConsensusType as common.IConfigValue;
    const consensus = orderer.ConsensusType.decode(value.value as Uint8Array);
    consensus.metadata = Buffer.from([18, 0]);
    value.value = encode(orderer.ConsensusType, consensus);
    const attempt = computeConfigUpdate("trade", config.config, copy);
    assert.match(
      refusal(judge(signedUpdate(attempt, [ordererOrg.identity("admin")])))[1],
      /^error applying config update to existing channel 'trade': consensus metadata update for channel config update is invalid: invalid new config metadata: none of HeartbeatTick \(0\), ElectionTick \(0\)/,
    );
  });
});
