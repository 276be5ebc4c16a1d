/** Bad messages to Broadcast and to every kind of Deliver, with what Fabric says to them. */
import { common, encode, HeaderType, orderer } from "@hansa/wire";
import { type Case, cast, everyone, GARBAGE, HALF_AN_HOUR_MS, NO_MESSAGE, seek, seekTo, strangers } from "./cast.js";
import { envelope, flipped, highS } from "./forge.js";

export const broadcastCases: readonly Case[] = [
  ["garbage", () => GARBAGE, NO_MESSAGE],
  ["nothing", () => Buffer.alloc(0), "BAD_REQUEST: could not determine channel ID: header not set"],
  [
    "an empty payload",
    () => encode(common.Envelope, { signature: Buffer.from("s") }),
    "BAD_REQUEST: could not determine channel ID: header not set",
  ],
  [
    "a payload that is none",
    () => encode(common.Envelope, { payload: GARBAGE, signature: Buffer.from("s") }),
    "BAD_REQUEST: could not determine channel ID: error unmarshalling Payload: proto: cannot parse invalid wire-format data",
  ],
  [
    "an unknown channel",
    () => envelope({ identity: cast.user, channelId: "nowhere" }),
    "BAD_REQUEST: channel does not exist",
  ],
  ["no channel", () => envelope({ identity: cast.user, channelId: "" }), "BAD_REQUEST: channel does not exist"],
  [
    "a wrong signature",
    () => envelope({ identity: cast.user, signature: (right) => flipped(right) }),
    /^FORBIDDEN: implicit policy evaluation failed - 0 sub-policies were satisfied, but this pol/,
  ],
  [
    "no signature",
    () => envelope({ identity: cast.user, signature: () => Buffer.alloc(0) }),
    /^FORBIDDEN: implicit policy evaluation failed - 0 sub-policies were satisfied, but this pol/,
  ],
  [
    "a signature with a high S",
    () => envelope({ identity: cast.user, signature: highS }),
    /^FORBIDDEN: implicit policy evaluation failed - 0 sub-policies were satisfied, but this pol/,
  ],
  [
    "a creator that is none",
    () => envelope({ identity: cast.user, creator: GARBAGE }),
    /^FORBIDDEN: implicit policy evaluation failed - 0 sub-policies were satisfied, but this pol/,
  ],
  ["an unknown header type", () => envelope({ identity: cast.user, type: 99 }), "SUCCESS: "],
  [
    "a configuration that nobody asked for",
    () => envelope({ identity: cast.user, type: HeaderType.CONFIG }),
    "BAD_REQUEST: message is of type that cannot be processed directly",
  ],
  [
    "an orderer transaction",
    () => envelope({ identity: cast.user, type: HeaderType.ORDERER_TRANSACTION }),
    "BAD_REQUEST: message is of type that is no longer supported",
  ],
  [
    "a configuration update that is none",
    () => envelope({ identity: cast.user, type: HeaderType.CONFIG_UPDATE, data: GARBAGE }),
    /^BAD_REQUEST: error applying config update to existing channel 'trade': error converting envelope to config update/,
  ],
  [
    "an envelope larger than a block may be",
    () => envelope({ identity: cast.user, data: Buffer.alloc(11 * 1024 * 1024) }),
    /^BAD_REQUEST: message payload is \d+ bytes and exceeds maximum allowed 10485760 bytes$/,
  ],
  ...strangers((identity) => envelope({ identity }), {
    ...everyone(/^FORBIDDEN: implicit policy evaluation failed - .*: permission denied$/),
    expired: "BAD_REQUEST: broadcast client identity expired",
  }),
];

export const seekCases: readonly Case[] = [
  ["garbage", () => GARBAGE, NO_MESSAGE],
  ["nothing", () => Buffer.alloc(0), "BAD_REQUEST"],
  ["an unknown channel", () => seek({ channelId: "nowhere" }), "NOT_FOUND"],
  ["no channel", () => seek({ channelId: "" }), "NOT_FOUND"],
  ["a request of long ago", () => seek({ timestampMs: Date.now() - HALF_AN_HOUR_MS }), "BAD_REQUEST"],
  ["no time", () => seek({ timestampMs: undefined }), "BAD_REQUEST"],
  ["a wrong signature", () => seek({ signature: (right) => flipped(right) }), "FORBIDDEN"],
  ["a signature with a high S", () => seek({ signature: highS }), "FORBIDDEN"],
  ["a seek that is none", () => seek({ data: GARBAGE }), "BAD_REQUEST"],
  ["a seek without positions", () => seek({ data: Buffer.alloc(0) }), "BAD_REQUEST"],
  [
    "a seek backwards",
    () =>
      seek({
        data: encode(orderer.SeekInfo, { start: { specified: { number: 1 } }, stop: { specified: { number: 0 } } }),
      }),
    "BAD_REQUEST",
  ],
  ["a block that is not there", () => seek({ data: seekTo(1_000_000) }), "NOT_FOUND"],
  ...strangers((identity) => seek({ identity }), everyone("FORBIDDEN")),
];
