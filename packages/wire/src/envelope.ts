/**
 * Envelopes: the signed shell around everything that is ordered.
 * Source: hyperledger/fabric, protoutil/txutils.go, proputils.go and commonutils.go.
 */
import { sha256Hex, sha256Of } from "@hansa/primitives";
import { common, type google } from "../generated/messages.js";
import { EMPTY } from "./buffer.js";
import { decode, encode, WireError } from "./codec.js";
import { toLong, toTimestamp } from "./integers.js";
import { FieldScanner, mergeMessages } from "./scan.js";

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

/** The parts of a common.Payload. `header` is undefined where there is none, which is not the same as empty. */
export function readPayload(bytes: Uint8Array): { header: Uint8Array | undefined; data: Uint8Array } {
  const scanner = new FieldScanner(bytes, "common.Payload");
  let header: Uint8Array | undefined;
  let data: Uint8Array = EMPTY;
  while (scanner.next()) {
    if (scanner.wireType !== 2) continue;
    if (scanner.number === 1) header = mergeMessages(header, scanner.bytes);
    else if (scanner.number === 2) data = scanner.bytes;
  }
  return { header, data };
}

/**
 * @throws WireError when a layer does not parse or the header is missing; `what` names the layer: common.Envelope,
 * common.Payload (its header's shell included), common.Header where it is missing, common.ChannelHeader or
 * common.SignatureHeader
 */
export function readEnvelope(raw: Uint8Array): ReadEnvelope {
  const [payloadBytes, signature] = readPair(raw, "common.Envelope");
  const { header, data } = readPayload(payloadBytes);
  if (header === undefined) throw new WireError("common.Header", "a payload without a header");
  const [channelHeaderBytes, signatureHeaderBytes] = readPair(header, "common.Payload");
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
  /** 0 everywhere in Fabric; other values are refused. */
  readonly epoch?: bigint | number;
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
    epoch: toLong(fields.epoch ?? 0),
    tlsCertHash: fields.tlsCertHash ?? EMPTY,
    extension: fields.extension ?? EMPTY,
  });
  const signatureHeader = encode(common.SignatureHeader, { creator: fields.creator, nonce: fields.nonce });
  const payload = encode(common.Payload, { header: { channelHeader, signatureHeader }, data: fields.data });
  return encode(common.Envelope, { payload, signature: fields.sign(payload) });
}

/** Whether these are the transactions of a configuration block: one, which holds a configuration. */
export function holdsConfig(envelopes: readonly Uint8Array[]): boolean {
  const [envelope] = envelopes;
  if (envelope === undefined || envelopes.length !== 1) return false;
  try {
    return readEnvelope(envelope).channelHeader.type === common.HeaderType.CONFIG;
  } catch {
    return false;
  }
}
