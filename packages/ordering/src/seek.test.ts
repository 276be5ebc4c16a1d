import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChannelConfig, genesisBlock } from "@hansa/channel-config";
import { testOrganization, testProfile } from "@hansa/channel-config/testing";
import { unixMs } from "@hansa/primitives";
import { HeaderType, orderer, readEnvelope, Status, signedEnvelope, toLong } from "@hansa/wire";
import { planSeek, ReadAccess, readSeekEnvelope } from "./seek.js";

const NOW = unixMs(Date.UTC(2026, 5, 1));
const member = testOrganization("BreweryMSP");
const config = ChannelConfig.fromBlock(genesisBlock(testProfile([member], testOrganization("OrdererMSP"))));
const peer = member.identity("peer");

function request(timestampMs: number, tlsCertHash?: Uint8Array): Uint8Array {
  return signedEnvelope({
    type: HeaderType.DELIVER_SEEK_INFO,
    channelId: "trade",
    creator: peer.serialized,
    nonce: Buffer.alloc(24),
    timestampMs,
    ...(tlsCertHash === undefined ? {} : { tlsCertHash }),
    data: Buffer.alloc(0),
    sign: (payload) => peer.sign(payload),
  });
}

const at = (number: number | bigint) => ({ specified: { number: toLong(number) } });

function plan(start: orderer.ISeekPosition, stop: orderer.ISeekPosition, height = 10): unknown {
  const result = planSeek(Object.assign(new orderer.SeekInfo(), { start, stop }), height);
  return result.kind === "plan" ? [result.start, result.stop] : result.status;
}

describe("a seek", () => {
  it("leads from start to stop", () => {
    assert.deepEqual(plan({ oldest: {} }, { newest: {} }), [0, 9]);
    assert.deepEqual(plan({ newest: {} }, { newest: {} }), [9, 9]);
    assert.deepEqual(plan({ newest: {} }, at(12)), [9, 12]);
    assert.deepEqual(plan({ nextCommit: {} }, at(12)), [10, 12]);
    assert.deepEqual(plan(at(10), at(2n ** 64n - 1n)), [10, Number.POSITIVE_INFINITY]);
    assert.deepEqual(plan(at(4), { oldest: {} }), [4, 4]);
  });

  it("is refused beyond the next block, backwards, or without positions", () => {
    assert.equal(plan(at(11), at(20)), Status.NOT_FOUND);
    assert.equal(plan(at(2n ** 63n), at(2n ** 64n - 1n)), Status.NOT_FOUND);
    assert.equal(plan(at(5), at(4)), Status.BAD_REQUEST);
    assert.equal(plan({}, at(4)), Status.NOT_FOUND);
    const missing = planSeek(Object.assign(new orderer.SeekInfo(), { start: { oldest: {} } }), 10);
    assert.equal(missing.kind === "refused" && missing.status, Status.BAD_REQUEST);
  });
});

describe("a seek's envelope", () => {
  const rules = { now: NOW, timeWindowMs: 900_000, tlsCertHash: undefined, mutualTls: false };
  const statusOf = (raw: Uint8Array, more: Partial<Parameters<typeof readSeekEnvelope>[1]> = {}) => {
    const result = readSeekEnvelope(raw, { ...rules, ...more });
    return "kind" in result ? result.status : undefined;
  };

  it("must be of the last or next 15 minutes", () => {
    assert.equal(statusOf(request(NOW)), undefined);
    assert.equal(statusOf(request(NOW - 900_000)), undefined);
    assert.equal(statusOf(request(NOW + 900_000)), undefined);
    assert.equal(statusOf(request(NOW - 900_001)), Status.BAD_REQUEST);
    assert.equal(statusOf(request(NOW + 900_001)), Status.BAD_REQUEST);
  });

  it("must name the client's TLS certificate where TLS is mutual", () => {
    const hash = Buffer.alloc(32, 5);
    const mutual = { mutualTls: true, tlsCertHash: hash };
    assert.equal(statusOf(request(NOW, hash), mutual), undefined);
    assert.equal(statusOf(request(NOW), mutual), Status.BAD_REQUEST);
    assert.equal(statusOf(request(NOW, Buffer.alloc(32)), mutual), Status.BAD_REQUEST);
    assert.equal(statusOf(request(NOW, hash), { mutualTls: true }), Status.BAD_REQUEST);
    assert.equal(statusOf(request(NOW, Buffer.alloc(32))), undefined);
  });
});

describe("access to a channel", () => {
  it("is judged once per configuration and ends with the certificate", () => {
    const access = new ReadAccess(readEnvelope(request(NOW)), config);
    const end = peer.certificate.notAfterMs;
    assert.equal(access.evaluate(config, NOW), undefined);
    assert.equal(access.evaluate(config, unixMs(end)), undefined);
    assert.match(access.evaluate(config, unixMs(end + 5))?.reason ?? "", /expired 5 ms before/);
  });

  it("is judged again by a configuration with a higher sequence", () => {
    const access = new ReadAccess(readEnvelope(request(NOW)), config);
    assert.equal(access.evaluate(config, NOW), undefined);
    const others = testProfile([testOrganization("PubMSP")], testOrganization("OrdererMSP"));
    const without = ChannelConfig.fromBlock(genesisBlock(others));
    assert.equal(access.evaluate(without, NOW), undefined, "the same sequence is not asked again");
    const next = ChannelConfig.load("trade", { ...without.config, sequence: toLong(1) });
    assert.equal(access.evaluate(next, NOW)?.status, Status.FORBIDDEN);
  });
});
