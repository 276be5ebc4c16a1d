import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { messages } from "../../generated/fields.js";
import { common, msp, protos } from "../../generated/messages.js";
import { encode } from "../codec.js";
import { HeaderType } from "../names.js";
import { JsonError } from "./error.js";
import { fromJson } from "./from-json.js";
import { classOf, enumOf, fieldsOf, isMessage } from "./tables.js";
import { type Json, toJson } from "./to-json.js";

/** JSON of a message with every kind of field filled, as `toJson` writes it: nothing left out, keys in order. */
function jsonOf(type: string, random: (below: number) => number, depth = 0): Json {
  const one = (kind: string): Json => {
    if (kind === "string") return ["", "trade", "Bär 🐻", "__proto__"][random(4)]!;
    if (kind === "bool") return random(2) === 1;
    if (kind === "bytes") return Buffer.from([1, 2, 250].slice(0, 1 + random(3))).toString("base64");
    if (kind === "google.protobuf.Timestamp")
      return ["2026-01-31T12:00:00Z", "1969-12-31T23:59:59.000001Z"][random(2)]!;
    if (/^(uint|int)32$/.test(kind)) return [0, 1, 2 ** 31 - 1][random(3)]!;
    if (/64$/.test(kind)) return ["0", "9007199254740993", "9223372036854775807"][random(3)]!;
    if (isMessage(kind)) return depth > 4 ? null : jsonOf(kind, random, depth + 1);
    const names = Object.keys(enumOf(kind) ?? {});
    return names[random(names.length)] ?? 0;
  };
  const choices = fieldsOf(type).filter(({ kind }) => kind === "oneof");
  const choice = depth > 4 ? undefined : choices[random(choices.length + 1)];
  const shown = fieldsOf(type).flatMap((field): [string, Json][] => {
    if (field.kind === "oneof") return field === choice ? [[field.name, one(field.type)]] : [];
    if (field.kind === "repeated")
      return [[field.name, depth > 4 ? [] : Array.from({ length: random(3) }, () => one(field.type))]];
    if (field.kind === "map") {
      const keys = depth > 4 ? [] : ["__proto__", "a", "b"].slice(0, random(4));
      return [[field.name, Object.fromEntries(keys.map((key) => [key, one(field.type)]))]];
    }
    const isAbsent = (field.type === "bytes" || isMessage(field.type)) && random(3) === 0;
    return [[field.name, isAbsent ? null : one(field.type)]];
  });
  return Object.fromEntries(shown);
}

const PLAIN = [
  "common.BlockHeader",
  "common.Capabilities",
  "common.SignaturePolicy",
  "etcdraft.ConfigMetadata",
  "kvrwset.KVRWSet",
  "lifecycle.CommitChaincodeDefinitionArgs",
  "msp.FabricMSPConfig",
  "orderer.BatchSize",
  "protos.ACLs",
  "protos.AnchorPeers",
  "protos.ChaincodeInvocationSpec",
  "protos.Metadata",
].filter(isMessage);

describe("messages as JSON", () => {
  it("know every field of every class by its property", () => {
    for (const type of Object.keys(messages)) {
      const { prototype } = classOf(type) as unknown as { prototype: object };
      for (const { name, property } of fieldsOf(type)) assert.ok(property in prototype, `${type}.${name}`);
    }
  });

  it("come back as they went, whatever they hold", () => {
    const seed = fc.array(fc.nat(), { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(fc.constantFrom(...PLAIN), seed, (type, numbers) => {
        let next = 0;
        const json = jsonOf(type, (below) => numbers[next++ % numbers.length]! % Math.max(below, 1));
        const bytes = fromJson(type, json);
        assert.deepEqual(toJson(type, bytes), json);
        assert.deepEqual(fromJson(type, toJson(type, bytes)), bytes);
      }),
      { numRuns: 300 },
    );
  });

  it("show what bytes hold: a configuration in its envelope", () => {
    const principal = encode(common.MSPRole, { mspIdentifier: "Org1MSP", role: common.MSPRole.MSPRoleType.ADMIN });
    const rule = encode(common.SignaturePolicyEnvelope, {
      rule: { nOutOf: { n: 1, rules: [{ signedBy: 0 }] } },
      identities: [{ principal }],
    });
    const org: common.IConfigGroup = {
      values: { AnchorPeers: { value: encode(protos.AnchorPeers, { anchorPeers: [{ host: "peer0", port: 7051 }] }) } },
      policies: { Admins: { modPolicy: "Admins", policy: { type: 1, value: rule } } },
    };
    const group: common.IConfigGroup = { groups: { Application: { groups: { Org1MSP: org } } } };
    const data = encode(common.ConfigEnvelope, { config: { sequence: 3, channelGroup: group } });
    const channelHeader = encode(common.ChannelHeader, { type: HeaderType.CONFIG, channelId: "trade" });
    const creator = encode(msp.SerializedIdentity, { mspid: "Org1MSP", idBytes: Buffer.from("pem") });
    const signatureHeader = encode(common.SignatureHeader, { creator });
    const payload = encode(common.Payload, { header: { channelHeader, signatureHeader }, data });
    const bytes = encode(common.Envelope, { payload });

    const json = toJson("common.Envelope", bytes) as never as {
      payload: { header: Record<string, Record<string, unknown>>; data: { config: Record<string, unknown> } };
    };
    assert.equal(json.payload.header.channel_header?.channel_id, "trade");
    assert.deepEqual(json.payload.header.signature_header?.creator, { id_bytes: "cGVt", mspid: "Org1MSP" });
    assert.equal(json.payload.data.config.sequence, "3");
    assert.deepEqual(at(json.payload.data.config, "channel_group.groups.Application.groups.Org1MSP"), {
      groups: {},
      mod_policy: "",
      policies: {
        Admins: {
          mod_policy: "Admins",
          policy: {
            type: 1,
            value: {
              identities: [
                { principal: { msp_identifier: "Org1MSP", role: "ADMIN" }, principal_classification: "ROLE" },
              ],
              rule: { n_out_of: { n: 1, rules: [{ signed_by: 0 }] } },
              version: 0,
            },
          },
          version: "0",
        },
      },
      values: {
        AnchorPeers: { mod_policy: "", value: { anchor_peers: [{ host: "peer0", port: 7051 }] }, version: "0" },
      },
      version: "0",
    });
    assert.deepEqual(fromJson("common.Envelope", json), bytes);
  });

  it("keep the bytes of what they do not know", () => {
    const groups = { Application: { values: { Novelty: { value: Buffer.from("new") } } } };
    const bytes = encode(common.Config, { channelGroup: { groups } });
    const json = toJson("common.Config", bytes);
    assert.equal(at(json, "channel_group.groups.Application.values.Novelty.value"), "bmV3");
    assert.deepEqual(fromJson("common.Config", json), bytes);
  });

  it("say where JSON is not the message", () => {
    const refused = (json: unknown, message: RegExp) =>
      assert.throws(
        () => fromJson("common.Config", json),
        (error: unknown) => error instanceof JsonError && message.test(error.message),
      );
    refused([], /^the JSON: expected an object, found a list$/);
    refused({ sequence: "many" }, /^sequence: expected a whole number of type uint64, found "many"$/);
    refused({ sequence: -1 }, /^sequence: expected a whole number of type uint64, found -1$/);
    refused({ sequence: 2 ** 60 }, /^sequence: expected a whole number/);
    refused({ chanel_group: {} }, /common\.Config has no field "chanel_group"/);
    const group = { groups: { Orderer: { values: { BatchSize: { value: { max_message_count: "ten" } } } } } };
    refused(
      { channel_group: group },
      /^channel_group\.groups\.Orderer\.values\.BatchSize\.value\.max_message_count: expected .* uint32, found "ten"$/,
    );
    refused({ channel_group: { policies: { Admins: { policy: { type: 1, value: "no!" } } } } }, /bytes in base64/);
  });

  it("bound how deep messages lie within each other", () => {
    let json: Json = {};
    for (let depth = 0; depth < 300; depth++) json = { groups: { a: json } };
    assert.throws(() => fromJson("common.ConfigGroup", json), JsonError);
  });
});

function at(json: unknown, path: string): unknown {
  let found = json;
  for (const key of path.split(".")) found = (found as Record<string, unknown>)[key];
  return found;
}
