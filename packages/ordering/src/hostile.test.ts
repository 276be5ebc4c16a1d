/** Whatever bytes arrive, the answer is a judgement; only bytes that are no envelope at all are a failed call. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChannelConfig, computeConfigUpdate, genesisBlock, withBatchSettings } from "@hansa/channel-config";
import { signedUpdate, testOrganization, testProfile } from "@hansa/channel-config/testing";
import { unixMs } from "@hansa/primitives";
import { HeaderType, readEnvelope, signedEnvelope, WireError } from "@hansa/wire";
import fc from "fast-check";
import { type Admission, admit } from "./admit.js";
import { blockSignatures } from "./block-assembly.js";
import { readBroadcast } from "./route.js";
import { planSeek, readSeek, readSeekEnvelope } from "./seek.js";

const NOW = unixMs(Date.UTC(2026, 5, 1));
const member = testOrganization("BreweryMSP");
const ordererOrg = testOrganization("OrdererMSP");
const config = ChannelConfig.fromBlock(genesisBlock(testProfile([member], ordererOrg)));
const client = member.identity("client");

function judge(raw: Uint8Array): Admission["kind"] | "no envelope" {
  try {
    const message = readBroadcast(raw);
    if (message.kind === "rejected") return "rejected";
    const random = { bytes: (length: number) => Buffer.alloc(length) };
    return admit(message, { config, now: NOW, orderer: ordererOrg.identity("orderer"), random }).kind;
  } catch (error) {
    if (error instanceof WireError) return "no envelope";
    throw error;
  }
}

function seek(raw: Uint8Array): void {
  const rules = { now: NOW, timeWindowMs: Number.POSITIVE_INFINITY, mutualTls: false, tlsCertHash: undefined };
  const envelope = readSeekEnvelope(raw, rules);
  if ("kind" in envelope) return;
  const info = readSeek(envelope);
  if (!("kind" in info)) planSeek(info, 5);
}

function envelope(type: number, data: Uint8Array): Uint8Array {
  return signedEnvelope({
    type,
    channelId: "trade",
    creator: client.serialized,
    nonce: Buffer.alloc(24, 1),
    timestampMs: NOW,
    data,
    sign: (payload) => client.sign(payload),
  });
}

const settings = { batchTimeoutMs: 500, maxMessageCount: 7, absoluteMaxBytes: 50_000, preferredMaxBytes: 9_000 };
const update = computeConfigUpdate("trade", config.config, withBatchSettings(config.config, settings));
const validUpdate = signedUpdate(update, [ordererOrg.identity("admin")]);
const validNormal = envelope(HeaderType.ENDORSER_TRANSACTION, Buffer.from("data"));

/** A copy with some bytes changed, and perhaps cut. */
const mutated = (bytes: Uint8Array) =>
  fc
    .record({
      changes: fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      length: fc.oneof(fc.constant(bytes.length), fc.nat(bytes.length)),
    })
    .map(({ changes, length }) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of changes) copy[at] = value;
      return copy.subarray(0, length);
    });

describe("hostile bytes", () => {
  it("are judged, not crashed on", () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated(validNormal), mutated(validUpdate));
    fc.assert(
      fc.property(bytes, (raw) => {
        assert.ok(["normal", "config", "rejected", "no envelope"].includes(judge(raw)));
        seek(raw);
      }),
      { numRuns: 600 },
    );
  });

  it("are judged inside a well-signed envelope, too", () => {
    const data = fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated(readEnvelope(validUpdate).data));
    const type = fc.constantFrom(HeaderType.CONFIG_UPDATE, HeaderType.DELIVER_SEEK_INFO, -1, 2 ** 31 - 1);
    fc.assert(
      fc.property(data, type, (inner, kind) => {
        const raw = envelope(kind, inner);
        const verdict = judge(raw);
        assert.ok(kind === HeaderType.CONFIG_UPDATE ? verdict !== "no envelope" : verdict === "normal", verdict);
        seek(raw);
      }),
      { numRuns: 400 },
    );
  });

  it("as a block's metadata are refused as what they are", () => {
    const header = { number: 1n, previousHash: Buffer.alloc(32), dataHash: Buffer.alloc(32) };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (slot) => {
        try {
          blockSignatures({ header, envelopes: [], metadata: [slot] });
        } catch (error) {
          assert.ok(error instanceof WireError);
        }
      }),
    );
  });
});
