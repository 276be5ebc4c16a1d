/**
 * ChaincodeMessage by hand: the six messages of one simple transaction are the hottest bytes of a peer, so they are
 * scanned without objects for what nobody reads and written without a re-encoding of what is already bytes.
 *
 * Fields: 1 type, 2 timestamp, 3 payload, 4 txid, 5 proposal (SignedProposal), 6 chaincode_event, 7 channel_id.
 * Source: hyperledger/fabric-protos, peer/chaincode_shim.proto.
 */
import { type Bytes, NO_BYTES } from "@hansa/primitives";
import { ChaincodeError } from "./error.js";

/** Numbers of protos.ChaincodeMessage.Type. */
export const ShimType = {
  UNDEFINED: 0,
  REGISTER: 1,
  REGISTERED: 2,
  INIT: 3,
  READY: 4,
  TRANSACTION: 5,
  COMPLETED: 6,
  ERROR: 7,
  GET_STATE: 8,
  PUT_STATE: 9,
  DEL_STATE: 10,
  INVOKE_CHAINCODE: 11,
  RESPONSE: 13,
  GET_STATE_BY_RANGE: 14,
  GET_QUERY_RESULT: 15,
  QUERY_STATE_NEXT: 16,
  QUERY_STATE_CLOSE: 17,
  KEEPALIVE: 18,
  GET_HISTORY_FOR_KEY: 19,
  GET_STATE_METADATA: 20,
  PUT_STATE_METADATA: 21,
  GET_PRIVATE_DATA_HASH: 22,
  PURGE_PRIVATE_DATA: 23,
  WRITE_BATCH_STATE: 24,
  GET_STATE_MULTIPLE: 25,
} as const;

const TYPE_NAMES = new Map<number, string>(Object.entries(ShimType).map(([name, number]) => [number, name]));

/** As Go prints it: the name, or the number when there is none. */
export function shimTypeName(type: number): string {
  return TYPE_NAMES.get(type) ?? String(type);
}

/** A message as it came. `payload`, `txId`, `channelId` and `event` are views into the received bytes. */
export type ShimMessage = {
  readonly type: number;
  readonly payload: Bytes;
  readonly txId: string;
  readonly channelId: string;
  /** protos.ChaincodeEvent, encoded; undefined when the message carries none. */
  readonly event: Bytes | undefined;
};

/** @throws ChaincodeError MALFORMED_MESSAGE */
export function readShimMessage(bytes: Bytes): ShimMessage {
  const buffer = asBuffer(bytes);
  const end = buffer.length;
  let type = 0;
  let payload = NO_BYTES;
  let txId = "";
  let channelId = "";
  let event: Bytes | undefined;
  let at = 0;
  while (at < end) {
    const tag = buffer[at++]!;
    if (tag === 0x08) {
      // Enum values of the protocol fit in one byte; a longer varint is an unknown type, kept as its low bits.
      let shift = 0;
      let byte: number;
      type = 0;
      do {
        if (at >= end || shift > 63) throw malformed();
        byte = buffer[at++]!;
        if (shift < 28) type |= (byte & 0x7f) << shift;
        shift += 7;
      } while (byte >= 0x80);
      continue;
    }
    const wireType = tag & 7;
    if (tag >= 0x80 || tag < 8 || wireType !== 2) {
      at = skipUnknown(buffer, at - 1);
      continue;
    }
    let length = 0;
    let shift = 0;
    let byte: number;
    do {
      if (at >= end || shift > 28) throw malformed();
      byte = buffer[at++]!;
      length += (byte & 0x7f) * 2 ** shift;
      shift += 7;
    } while (byte >= 0x80);
    const start = at;
    at += length;
    if (at > end) throw malformed();
    if (tag === 0x1a) payload = buffer.subarray(start, at);
    else if (tag === 0x22) txId = buffer.utf8Slice(start, at);
    else if (tag === 0x3a) channelId = buffer.utf8Slice(start, at);
    else if (tag === 0x32) event = buffer.subarray(start, at);
  }
  return { type, payload, txId, channelId, event };
}

/** Position after the unknown field whose tag starts at `at`. */
function skipUnknown(buffer: Bytes, at: number): number {
  let tag = 0;
  let shift = 0;
  let byte: number;
  do {
    if (at >= buffer.length || shift > 28) throw malformed();
    byte = buffer[at++]!;
    tag += (byte & 0x7f) * 2 ** shift;
    shift += 7;
  } while (byte >= 0x80);
  if (tag < 8) throw malformed();
  switch (tag & 7) {
    case 0: {
      for (let count = 0; count < 10; count++) {
        if (at >= buffer.length) throw malformed();
        if (buffer[at++]! < 0x80) return at;
      }
      throw malformed();
    }
    case 1:
      return inside(buffer, at + 8);
    case 5:
      return inside(buffer, at + 4);
    case 2: {
      let length = 0;
      shift = 0;
      do {
        if (at >= buffer.length || shift > 28) throw malformed();
        byte = buffer[at++]!;
        length += (byte & 0x7f) * 2 ** shift;
        shift += 7;
      } while (byte >= 0x80);
      return inside(buffer, at + length);
    }
    default:
      throw malformed();
  }
}

function inside(buffer: Bytes, at: number): number {
  if (at > buffer.length) throw malformed();
  return at;
}

function malformed(): ChaincodeError {
  return new ChaincodeError("MALFORMED_MESSAGE", "a message from the chaincode is not a valid ChaincodeMessage");
}

/** The txid and channel_id fields of every message about one transaction; encode once, append often. */
export function transactionTail(txId: string, channelId: string): Bytes {
  const tx = Buffer.from(txId, "utf8");
  const channel = Buffer.from(channelId, "utf8");
  const tail = Buffer.allocUnsafe(12 + tx.length + channel.length);
  let at = 0;
  if (tx.length > 0) at = putBytes(tail, at, 0x22, tx);
  if (channel.length > 0) at = putBytes(tail, at, 0x3a, channel);
  return tail.subarray(0, at);
}

/** A message about the transaction of `tail`. */
export function shimMessage(type: number, payload: Bytes, tail: Bytes): Bytes {
  const message = Buffer.allocUnsafe(8 + payload.length + tail.length);
  message[0] = 0x08;
  message[1] = type;
  const at = payload.length === 0 ? 2 : putBytes(message, 2, 0x1a, payload);
  message.set(tail, at);
  return message.subarray(0, at + tail.length);
}

/** TRANSACTION or INIT; the proposal goes between txid and channel_id, as bytes that were received. */
export function invocationMessage(
  type: number,
  input: Bytes,
  txId: string,
  channelId: string,
  signedProposal: Bytes | undefined,
): Bytes {
  const tx = Buffer.from(txId, "utf8");
  const channel = Buffer.from(channelId, "utf8");
  const size = 30 + input.length + tx.length + channel.length + (signedProposal?.length ?? 0);
  const message = Buffer.allocUnsafe(size);
  message[0] = 0x08;
  message[1] = type;
  let at = 2;
  if (input.length > 0) at = putBytes(message, at, 0x1a, input);
  if (tx.length > 0) at = putBytes(message, at, 0x22, tx);
  if (signedProposal !== undefined) at = putBytes(message, at, 0x2a, signedProposal);
  if (channel.length > 0) at = putBytes(message, at, 0x3a, channel);
  return message.subarray(0, at);
}

/** A message as an answer to INVOKE_CHAINCODE carries it: with the event of the called chaincode, if it set one. */
export function nestedMessage(type: number, payload: Bytes, event: Bytes | undefined, tail: Bytes): Bytes {
  if (event === undefined) return shimMessage(type, payload, tail);
  const withEvent = Buffer.allocUnsafe(tail.length + event.length + 6);
  // The event's field number lies between those of the tail; decoders do not mind, and no byte of it is signed.
  const at = putBytes(withEvent, 0, 0x32, event);
  withEvent.set(tail, at);
  return shimMessage(type, payload, withEvent.subarray(0, at + tail.length));
}

function putBytes(target: Buffer, at: number, tag: number, bytes: Bytes): number {
  target[at++] = tag;
  let length = bytes.length;
  while (length >= 0x80) {
    target[at++] = (length & 0x7f) | 0x80;
    length >>>= 7;
  }
  target[at++] = length;
  target.set(bytes, at);
  return at + bytes.length;
}

type SliceableBuffer = Buffer & { utf8Slice(start: number, end: number): string };

function asBuffer(bytes: Bytes): SliceableBuffer {
  return (
    Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  ) as SliceableBuffer;
}
