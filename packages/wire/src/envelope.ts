/**
 * Envelopes: the signed shell around everything that is ordered.
 * Source: hyperledger/fabric, protoutil/txutils.go, proputils.go and commonutils.go.
 */
import { sha256Hex, sha256Of } from "@hansa/primitives";
import { common, type google } from "../generated/messages.js";
import { decode, encode, WireError } from "./codec.js";
import { toTimestamp } from "./integers.js";
import { FieldScanner } from "./scan.js";

/** Hex of SHA-256 over nonce and creator. */
export function transactionId(nonce: Uint8Array, creator: Uint8Array): string {
  return sha256Hex(Buffer.concat([nonce, creator]));
}

/** What endorsers sign over: the proposal without its transient data. 32 bytes. */
export function proposalHash(channelHeader: Uint8Array, signatureHeader: Uint8Array, payload: Uint8Array): Uint8Array {
  return sha256Of([channelHeader, signatureHeader, payload]);
}

export type SignatureHeader = { readonly creator: Uint8Array; readonly nonce: Uint8Array };

/** An envelope read down to its headers; every bytes field is a view into `raw`. */
export type ReadEnvelope = {
  readonly raw: Uint8Array;
  /** What the creator's signature covers. */
  readonly payloadBytes: Uint8Array;
  readonly signature: Uint8Array;
  readonly channelHeaderBytes: Uint8Array;
  readonly channelHeader: common.ChannelHeader;
  readonly signatureHeaderBytes: Uint8Array;
  readonly signatureHeader: SignatureHeader;
  readonly data: Uint8Array;
};

const EMPTY = new Uint8Array(0);

/** Fields 1 and 2 of a message that has two bytes fields. */
export function readPair(bytes: Uint8Array, what: string): [Uint8Array, Uint8Array] {
  const scanner = new FieldScanner(bytes, what);
  let first: Uint8Array = EMPTY;
  let second: Uint8Array = EMPTY;
  while (scanner.next()) {
    if (scanner.wireType !== 2) continue;
    if (scanner.number === 1) first = scanner.bytes;
    else if (scanner.number === 2) second = scanner.bytes;
  }
  return [first, second];
}

export function readSignatureHeader(bytes: Uint8Array): SignatureHeader {
  const [creator, nonce] = readPair(bytes, "common.SignatureHeader");
  return { creator, nonce };
}

/** @throws WireError when a layer does not parse or a header is missing */
export function readEnvelope(raw: Uint8Array): ReadEnvelope {
  const [payloadBytes, signature] = readPair(raw, "common.Envelope");
  const [headerBytes, data] = readPair(payloadBytes, "common.Payload");
  if (headerBytes.length === 0) throw new WireError("a payload without a header");
  const [channelHeaderBytes, signatureHeaderBytes] = readPair(headerBytes, "common.Header");
  return {
    raw,
    payloadBytes,
    signature,
    channelHeaderBytes,
    channelHeader: decode(common.ChannelHeader, channelHeaderBytes, "common.ChannelHeader"),
    signatureHeaderBytes,
    signatureHeader: readSignatureHeader(signatureHeaderBytes),
    data,
  };
}

export type EnvelopeFields = {
  readonly type: number;
  readonly channelId: string;
  readonly txId?: string;
  readonly creator: Uint8Array;
  readonly nonce: Uint8Array;
  readonly timestampMs: number;
  readonly tlsCertHash?: Uint8Array;
  readonly extension?: Uint8Array;
  readonly data: Uint8Array;
  /** Gets the payload bytes, gives the signature. */
  readonly sign: (payload: Uint8Array) => Uint8Array;
};

/** Builds and signs one envelope. */
export function signedEnvelope(fields: EnvelopeFields): Uint8Array {
  const channelHeader = encode(common.ChannelHeader, {
    type: fields.type,
    channelId: fields.channelId,
    txId: fields.txId ?? "",
    timestamp: toTimestamp(fields.timestampMs) as google.protobuf.ITimestamp,
    tlsCertHash: fields.tlsCertHash ?? EMPTY,
    extension: fields.extension ?? EMPTY,
  });
  const signatureHeader = encode(common.SignatureHeader, { creator: fields.creator, nonce: fields.nonce });
  const payload = encode(common.Payload, { header: { channelHeader, signatureHeader }, data: fields.data });
  return encode(common.Envelope, { payload, signature: fields.sign(payload) });
}
