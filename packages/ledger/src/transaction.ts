/**
 * Views into an envelope, layer by layer. Each layer is parsed once and only as deep as its reader needs; the bytes
 * stay those that were received.
 *
 * A layer throws `MalformedMessage` where Go's protobuf would refuse the message, nested messages included: which
 * layer fails decides the validation code.
 * Source: hyperledger/fabric, protoutil/unmarshalers.go and txutils.go.
 */
import { NO_BYTES } from "@hansa/primitives";
import { FieldReader, merged } from "./scan.js";

export type EnvelopeView = { readonly payload: Uint8Array; readonly signature: Uint8Array };

export type PayloadView = {
  /** Absent when the payload has no header at all. */
  readonly header: { readonly channelHeader: Uint8Array; readonly signatureHeader: Uint8Array } | undefined;
  readonly data: Uint8Array;
};

export type ChannelHeaderView = {
  readonly type: number;
  readonly channelId: string;
  readonly txId: string;
  readonly epoch: number;
  readonly extension: Uint8Array;
  /** Milliseconds since 1970, or undefined when the header has no timestamp. */
  readonly timestampMs: number | undefined;
};

export type SignatureHeaderView = { readonly creator: Uint8Array; readonly nonce: Uint8Array };

export type ActionView = { readonly header: Uint8Array; readonly payload: Uint8Array };

export type EndorsementView = { readonly endorser: Uint8Array; readonly signature: Uint8Array };

export type ActionPayloadView = {
  readonly proposalPayload: Uint8Array;
  /** Absent when there is no endorsed action. */
  readonly action:
    | { readonly responsePayload: Uint8Array; readonly endorsements: readonly EndorsementView[] }
    | undefined;
};

export type ResponsePayloadView = { readonly proposalHash: Uint8Array; readonly extension: Uint8Array };

export type ChaincodeIdView = { readonly name: string; readonly version: string };

export type ChaincodeActionView = {
  readonly results: Uint8Array;
  readonly events: Uint8Array;
  readonly chaincodeId: ChaincodeIdView | undefined;
};

export function viewEnvelope(bytes: Uint8Array): EnvelopeView {
  let payload: Uint8Array = NO_BYTES;
  let signature: Uint8Array = NO_BYTES;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) payload = reader.bytes();
    else if (reader.field === 2) signature = reader.bytes();
    else reader.skip();
  }
  return { payload, signature };
}

export function viewPayload(bytes: Uint8Array): PayloadView {
  let header: Uint8Array | undefined;
  let data: Uint8Array = NO_BYTES;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) header = merged(header, reader.bytes());
    else if (reader.field === 2) data = reader.bytes();
    else reader.skip();
  }
  return { header: header === undefined ? undefined : viewHeader(header), data };
}

function viewHeader(bytes: Uint8Array) {
  let channelHeader: Uint8Array = NO_BYTES;
  let signatureHeader: Uint8Array = NO_BYTES;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) channelHeader = reader.bytes();
    else if (reader.field === 2) signatureHeader = reader.bytes();
    else reader.skip();
  }
  return { channelHeader, signatureHeader };
}

export function viewChannelHeader(bytes: Uint8Array): ChannelHeaderView {
  let type = 0;
  let channelId = "";
  let txId = "";
  let epoch = 0;
  let extension: Uint8Array = NO_BYTES;
  let timestamp: Uint8Array | undefined;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.isVarint()) {
      if (reader.field === 1) type = reader.number();
      else if (reader.field === 6) epoch = reader.number();
      else reader.skip();
    } else if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 3) timestamp = merged(timestamp, reader.bytes());
    else if (reader.field === 4) channelId = reader.string();
    else if (reader.field === 5) txId = reader.string();
    else if (reader.field === 7) extension = reader.bytes();
    else reader.skip();
  }
  const timestampMs = timestamp === undefined ? undefined : viewTimestamp(timestamp);
  return { type, channelId, txId, epoch, extension, timestampMs };
}

function viewTimestamp(bytes: Uint8Array): number {
  let seconds = 0;
  let nanos = 0;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 1 && reader.isVarint()) seconds = reader.number();
    else if (reader.field === 2 && reader.isVarint()) nanos = reader.number();
    else reader.skip();
  }
  return seconds * 1000 + Math.floor(nanos / 1_000_000);
}

export function viewSignatureHeader(bytes: Uint8Array): SignatureHeaderView {
  let creator: Uint8Array = NO_BYTES;
  let nonce: Uint8Array = NO_BYTES;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) creator = reader.bytes();
    else if (reader.field === 2) nonce = reader.bytes();
    else reader.skip();
  }
  return { creator, nonce };
}

/** `protos.Transaction`: its actions. */
export function viewActions(bytes: Uint8Array): readonly ActionView[] {
  const actions: ActionView[] = [];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field !== 1 || !reader.isLengthDelimited()) {
      reader.skip();
      continue;
    }
    let header: Uint8Array = NO_BYTES;
    let payload: Uint8Array = NO_BYTES;
    const action = new FieldReader(reader.bytes());
    while (action.next()) {
      if (!action.isLengthDelimited()) action.skip();
      else if (action.field === 1) header = action.bytes();
      else if (action.field === 2) payload = action.bytes();
      else action.skip();
    }
    actions.push({ header, payload });
  }
  return actions;
}

/** `protos.ChaincodeActionPayload`. */
export function viewActionPayload(bytes: Uint8Array): ActionPayloadView {
  let proposalPayload: Uint8Array = NO_BYTES;
  let action: Uint8Array | undefined;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) proposalPayload = reader.bytes();
    else if (reader.field === 2) action = merged(action, reader.bytes());
    else reader.skip();
  }
  return { proposalPayload, action: action === undefined ? undefined : viewEndorsedAction(action) };
}

function viewEndorsedAction(bytes: Uint8Array) {
  let responsePayload: Uint8Array = NO_BYTES;
  const endorsements: EndorsementView[] = [];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) responsePayload = reader.bytes();
    else if (reader.field === 2) endorsements.push(viewEndorsement(reader.bytes()));
    else reader.skip();
  }
  return { responsePayload, endorsements };
}

function viewEndorsement(bytes: Uint8Array): EndorsementView {
  let endorser: Uint8Array = NO_BYTES;
  let signature: Uint8Array = NO_BYTES;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) endorser = reader.bytes();
    else if (reader.field === 2) signature = reader.bytes();
    else reader.skip();
  }
  return { endorser, signature };
}

/** `protos.ProposalResponsePayload`. */
export function viewResponsePayload(bytes: Uint8Array): ResponsePayloadView {
  let proposalHash: Uint8Array = NO_BYTES;
  let extension: Uint8Array = NO_BYTES;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) proposalHash = reader.bytes();
    else if (reader.field === 2) extension = reader.bytes();
    else reader.skip();
  }
  return { proposalHash, extension };
}

/** `protos.ChaincodeAction`. The response inside must parse but is not kept. */
export function viewChaincodeAction(bytes: Uint8Array): ChaincodeActionView {
  let results: Uint8Array = NO_BYTES;
  let events: Uint8Array = NO_BYTES;
  let chaincodeId: Uint8Array | undefined;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) results = reader.bytes();
    else if (reader.field === 2) events = reader.bytes();
    else if (reader.field === 3) checkResponse(reader.bytes());
    else if (reader.field === 4) chaincodeId = merged(chaincodeId, reader.bytes());
    else reader.skip();
  }
  return { results, events, chaincodeId: chaincodeId === undefined ? undefined : viewChaincodeId(chaincodeId) };
}

function checkResponse(bytes: Uint8Array): void {
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 2 && reader.isLengthDelimited()) reader.string();
    else reader.skip();
  }
}

export function viewChaincodeId(bytes: Uint8Array): ChaincodeIdView {
  let name = "";
  let version = "";
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) reader.string();
    else if (reader.field === 2) name = reader.string();
    else if (reader.field === 3) version = reader.string();
    else reader.skip();
  }
  return { name, version };
}

/** `protos.ChaincodeHeaderExtension`, the channel header's extension: the chaincode that was asked for. */
export function viewHeaderExtension(bytes: Uint8Array): ChaincodeIdView | undefined {
  let chaincodeId: Uint8Array | undefined;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 2 && reader.isLengthDelimited()) chaincodeId = merged(chaincodeId, reader.bytes());
    else reader.skip();
  }
  return chaincodeId === undefined ? undefined : viewChaincodeId(chaincodeId);
}

/** `protos.ChaincodeEvent`: whose event it is. */
export function viewEventChaincode(bytes: Uint8Array): string {
  let chaincode = "";
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) chaincode = reader.string();
    else if (reader.field === 2 || reader.field === 3) reader.string();
    else reader.skip();
  }
  return chaincode;
}
