/** What the ledger itself needs of an envelope: its id for the index, and what a valid one writes. */
import { HeaderType, transactionId } from "@hansa/wire";
import type { ValidatedTransaction } from "./mvcc.js";
import { type ParsedRwSet, parseTxRwSet } from "./rwset.js";
import { MalformedMessage } from "./scan.js";
import {
  type ActionPayloadView,
  type ChaincodeActionView,
  viewActionPayload,
  viewActions,
  viewChaincodeAction,
  viewChannelHeader,
  viewEnvelope,
  viewPayload,
  viewResponsePayload,
  viewSignatureHeader,
} from "./transaction.js";

/**
 * Reads a transaction whose verdict is known: results are parsed of valid ones only.
 * @throws MalformedMessage when a valid one cannot be read
 */
export function readTransaction(envelope: Uint8Array, code: number): ValidatedTransaction {
  const isValid = code === 0;
  try {
    const payload = viewPayload(viewEnvelope(envelope).payload);
    if (payload.header === undefined) return { txId: "", type: undefined, code };
    const { type, txId } = viewChannelHeader(payload.header.channelHeader);
    const id = txId === "" ? computedTxId(payload.header.signatureHeader) : txId;
    if (!isValid) return { txId: id, type, code };
    if (type === HeaderType.CONFIG) return { txId: id, type, code, configData: payload.data };
    return { txId: id, type, code, rwset: resultsOf(payload.data) };
  } catch (error) {
    if (isValid || !(error instanceof MalformedMessage)) throw error;
    return { txId: "", type: undefined, code };
  }
}

/** Where a header names no id, the index takes the one that its nonce and creator make. */
export function computedTxId(signatureHeader: Uint8Array): string {
  const { nonce, creator } = viewSignatureHeader(signatureHeader);
  return transactionId(nonce, creator);
}

function resultsOf(transaction: Uint8Array): ParsedRwSet {
  const [action] = viewActions(transaction);
  if (action === undefined) throw new MalformedMessage("a valid transaction without action");
  const { results } = chaincodeActionOf(viewActionPayload(action.payload));
  return parseTxRwSet(results);
}

/** @throws MalformedMessage, also where a part is missing */
export function chaincodeActionOf(payload: ActionPayloadView): ChaincodeActionView {
  if (payload.action === undefined || payload.action.responsePayload.length === 0) {
    throw new MalformedMessage("no payload in ChaincodeActionPayload");
  }
  const { extension } = viewResponsePayload(payload.action.responsePayload);
  if (extension.length === 0) throw new MalformedMessage("response payload is missing extension");
  return viewChaincodeAction(extension);
}
