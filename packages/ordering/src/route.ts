/**
 * The first look at a broadcast envelope: which channel it is for and what kind of message it is.
 * Source: hyperledger/fabric, orderer/common/multichannel/registrar.go (BroadcastChannelSupport).
 */
import type { ChannelId } from "@hansa/primitives";
import { CANNOT_PARSE, common, decode, HeaderType, readPair, Status, WireError } from "@hansa/wire";

/** An answer other than SUCCESS: the status and text that the client gets. */
export type Refusal = { readonly kind: "rejected"; readonly status: common.Status; readonly info: string };

/** A broadcast message read down to its headers. Every bytes field is a view into `raw`. */
export type BroadcastMessage = {
  readonly kind: "message";
  /** The envelope as received. */
  readonly raw: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  readonly channelId: ChannelId;
  /** common.HeaderType, or any other number: it is not checked here. */
  readonly type: number;
  readonly txId: string;
  readonly signatureHeader: Uint8Array;
};

export function rejected(status: common.Status, info: string): Refusal {
  return { kind: "rejected", status, info };
}

/** Fabric's answer to a message for a channel that this node does not order. */
export function unknownChannel(): Refusal {
  return rejected(Status.BAD_REQUEST, "channel does not exist");
}

/**
 * Refuses what has no readable channel header. Whether the channel exists is the caller's next question, then `classify`.
 * @throws WireError when the bytes are no envelope at all, which gRPC reports as a failed call
 */
export function readBroadcast(raw: Uint8Array): BroadcastMessage | Refusal {
  const [payload, signature] = readPair(raw, "common.Envelope");
  const badHeader = (reason: string) =>
    rejected(Status.BAD_REQUEST, `could not determine channel ID: ${reason}: ${CANNOT_PARSE}`);
  let header: Uint8Array;
  let channelHeader: Uint8Array;
  let signatureHeader: Uint8Array;
  try {
    [header] = readPair(payload, "common.Payload");
    [channelHeader, signatureHeader] = readPair(header, "common.Header");
  } catch (error) {
    if (error instanceof WireError) return badHeader("error unmarshalling Payload");
    throw error;
  }
  if (header.length === 0) return rejected(Status.BAD_REQUEST, "could not determine channel ID: header not set");
  if (channelHeader.length === 0) {
    return rejected(Status.BAD_REQUEST, "could not determine channel ID: channel header not set");
  }
  try {
    const { channelId, type, txId } = decode(common.ChannelHeader, channelHeader, "common.ChannelHeader");
    return { kind: "message", raw, payload, signature, channelId, type, txId, signatureHeader };
  } catch (error) {
    if (error instanceof WireError) {
      return badHeader("error unmarshalling channel header: error unmarshalling ChannelHeader");
    }
    throw error;
  }
}

/** Whether the message is ordered as it is, leads to a new configuration, or may not be sent by clients. */
export function classify(type: number): "normal" | "configUpdate" | Refusal {
  switch (type) {
    case HeaderType.CONFIG_UPDATE:
      return "configUpdate";
    case HeaderType.CONFIG:
      return rejected(Status.BAD_REQUEST, "message is of type that cannot be processed directly");
    case HeaderType.ORDERER_TRANSACTION:
      return rejected(Status.BAD_REQUEST, "message is of type that is no longer supported");
    default:
      return "normal";
  }
}
