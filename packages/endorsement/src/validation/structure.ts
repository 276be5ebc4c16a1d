/**
 * Is an envelope a well-formed transaction of this channel, signed by its creator? Layer by layer; the first layer
 * that does not hold gives the validation code.
 *
 * Source: hyperledger/fabric, core/common/validation/msgvalidation.go and core/committer/txvalidator/v20.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import {
  type ActionPayloadView,
  type ChaincodeActionView,
  type ChaincodeIdView,
  type ChannelHeaderView,
  chaincodeActionOf,
  computedTxId,
  type EndorsementView,
  MalformedMessage,
  type ParsedRwSet,
  type PayloadView,
  parseTxRwSet,
  viewActionPayload,
  viewActions,
  viewChannelHeader,
  viewEnvelope,
  viewEventChaincode,
  viewHeaderExtension,
  viewPayload,
  viewResponsePayload,
  viewSignatureHeader,
} from "@hansa/ledger";
import { MspError } from "@hansa/msp";
import { type Bytes, equalBytes } from "@hansa/primitives";
import { HeaderType, proposalHash, TxValidationCode, transactionId } from "@hansa/wire";

/** An envelope of which header, creator and signature hold. */
export type ReadTransaction = {
  readonly txId: string;
  readonly header: ChannelHeaderView;
  readonly payload: PayloadView;
  /** Of endorser transactions. */
  readonly action: ActionPayloadView | undefined;
};

/** What endorsers signed, and who they are. */
export type EndorsedResults = {
  readonly chaincode: string;
  readonly chaincodeId: ChaincodeIdView;
  readonly rwset: ParsedRwSet;
  readonly responsePayload: Bytes;
  readonly endorsements: readonly EndorsementView[];
};

export type Refused = { readonly kind: "refused"; readonly code: number };

/** The id under which the envelope is indexed, whatever its verdict; empty when there is none to read. */
export function indexedTxId(envelope: Bytes): string {
  try {
    const { header } = viewPayload(viewEnvelope(envelope).payload);
    if (header === undefined) return "";
    const { txId } = viewChannelHeader(header.channelHeader);
    return txId === "" ? computedTxId(header.signatureHeader) : txId;
  } catch (error) {
    if (error instanceof MalformedMessage) return "";
    throw error;
  }
}

/** Header, creator's signature, transaction id and the shape of the action. */
export function readStructure(envelopeBytes: Bytes, config: ChannelConfig): ReadTransaction | Refused {
  const envelope = attempt(() => viewEnvelope(envelopeBytes));
  if (envelope === undefined) return refused(TxValidationCode.INVALID_OTHER_REASON);
  const payload = attempt(() => viewPayload(envelope.payload));
  if (payload === undefined) return refused(TxValidationCode.BAD_PAYLOAD);
  const headers = attempt(() => readHeaders(payload));
  if (headers === undefined) return refused(TxValidationCode.BAD_COMMON_HEADER);
  const { header, creator, nonce } = headers;
  if (header.channelId !== config.channelId || !isSigned(creator, envelope.payload, envelope.signature, config)) {
    return refused(TxValidationCode.BAD_CREATOR_SIGNATURE);
  }
  if (header.type === HeaderType.CONFIG) {
    if (payload.data.length === 0) return refused(TxValidationCode.INVALID_CONFIG_TRANSACTION);
    return { txId: transactionId(nonce, creator), header, payload, action: undefined };
  }
  if (header.type !== HeaderType.ENDORSER_TRANSACTION) return refused(TxValidationCode.UNSUPPORTED_TX_PAYLOAD);
  if (header.txId !== transactionId(nonce, creator)) return refused(TxValidationCode.BAD_PROPOSAL_TXID);
  const action = attempt(() => readAction(payload));
  if (action === undefined) return refused(TxValidationCode.INVALID_ENDORSER_TRANSACTION);
  return { txId: header.txId, header, payload, action };
}

/** The chaincode's results, and whether names, event and namespaces fit each other. */
export function readResults({ header, action }: ReadTransaction): EndorsedResults | Refused {
  const asked = attempt(() => ({ chaincode: viewHeaderExtension(header.extension) }));
  if (asked === undefined) return refused(TxValidationCode.BAD_HEADER_EXTENSION);
  const endorsed = action?.action;
  const done = attempt(() => (action === undefined ? undefined : chaincodeActionOf(action)));
  if (done === undefined || endorsed === undefined) return refused(TxValidationCode.BAD_RESPONSE_PAYLOAD);
  const rwset = attempt(() => parseTxRwSet(done.results));
  if (rwset === undefined) return refused(TxValidationCode.BAD_RWSET);

  if (asked.chaincode === undefined || done.chaincodeId === undefined) {
    return refused(TxValidationCode.INVALID_OTHER_REASON);
  }
  const { name } = asked.chaincode;
  if (name === "" || name !== done.chaincodeId.name || done.chaincodeId.version === "") {
    return refused(TxValidationCode.INVALID_CHAINCODE);
  }
  if (!isEventOf(name, done)) return refused(TxValidationCode.INVALID_OTHER_REASON);
  const namespaces = new Set(rwset.namespaces.map(({ namespace }) => namespace));
  if (namespaces.size < rwset.namespaces.length) return refused(TxValidationCode.ILLEGAL_WRITESET);
  return {
    chaincode: name,
    chaincodeId: done.chaincodeId,
    rwset,
    responsePayload: endorsed.responsePayload,
    endorsements: endorsed.endorsements,
  };
}

export function isRefused(outcome: object): outcome is Refused {
  return "kind" in outcome && outcome.kind === "refused";
}

function refused(code: number): Refused {
  return { kind: "refused", code };
}

/** Undefined where the bytes do not hold what is asked of them. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined;
    throw error;
  }
}

/** @throws MalformedMessage saying what is wrong with the headers */
export function readHeaders(payload: PayloadView) {
  if (payload.header === undefined) throw new MalformedMessage("nil header");
  const header = viewChannelHeader(payload.header.channelHeader);
  const { creator, nonce } = viewSignatureHeader(payload.header.signatureHeader);
  const { ENDORSER_TRANSACTION, CONFIG_UPDATE, CONFIG } = HeaderType;
  if (header.type !== ENDORSER_TRANSACTION && header.type !== CONFIG_UPDATE && header.type !== CONFIG) {
    throw new MalformedMessage(`invalid header type ${header.type}`);
  }
  if (header.epoch !== 0) throw new MalformedMessage(`invalid Epoch in ChannelHeader: ${header.epoch}`);
  if (nonce.length === 0) throw new MalformedMessage("invalid nonce specified in the header");
  if (creator.length === 0) throw new MalformedMessage("invalid creator specified in the header");
  return { header, creator, nonce };
}

function isSigned(creator: Bytes, message: Bytes, signature: Bytes, config: ChannelConfig): boolean {
  if (signature.length === 0) return false;
  try {
    const identity = config.msps.identity(creator);
    config.msps.check(identity);
    return identity.verify(message, signature);
  } catch (error) {
    if (error instanceof MspError) return false;
    throw error;
  }
}

/**
 * Exactly one action, whose proposal hash covers the headers and the proposal's payload.
 * @throws MalformedMessage saying what is wrong with it
 */
export function readAction(payload: PayloadView): ActionPayloadView {
  const [first, ...more] = viewActions(payload.data);
  if (first === undefined || more.length > 0 || payload.data.length === 0) {
    throw new MalformedMessage("only one action per transaction is supported");
  }
  const { nonce, creator } = viewSignatureHeader(first.header);
  if (nonce.length === 0 || creator.length === 0) throw new MalformedMessage("no nonce or creator in the action");
  const view = viewActionPayload(first.payload);
  if (view.action === undefined) throw new MalformedMessage("no endorsed action");
  const response = viewResponsePayload(view.action.responsePayload);
  const channelHeader = payload.header?.channelHeader;
  if (channelHeader === undefined || view.proposalPayload.length === 0) throw new MalformedMessage("nil arguments");
  if (!equalBytes(proposalHash(channelHeader, first.header, view.proposalPayload), response.proposalHash)) {
    throw new MalformedMessage("proposal hash does not match");
  }
  return view;
}

function isEventOf(chaincode: string, { events }: ChaincodeActionView): boolean {
  return events.length === 0 || attempt(() => viewEventChaincode(events)) === chaincode;
}
