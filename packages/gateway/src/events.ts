/**
 * Chaincode events of a block, in the order of its transactions, valid ones only.
 * Source: hyperledger/fabric, internal/pkg/gateway/event.
 */
import { decode, HeaderType, METADATA, protos, readEnvelope, splitBlock, TxValidationCode } from "@hansa/wire";
import { field } from "./proposal.js";

export type BlockEvents = { readonly blockNumber: bigint; readonly events: readonly protos.ChaincodeEvent[] };

/** Several listeners of a channel get the same bytes: the block is read once. */
const known = new WeakMap<Uint8Array, BlockEvents>();

/** @param block bytes of common.Block with metadata @throws WireError when it is no block */
export function chaincodeEventsOf(block: Uint8Array): BlockEvents {
  const before = known.get(block);
  if (before !== undefined) return before;
  const { header, envelopes, metadata } = splitBlock(block);
  const codes = metadata[METADATA.TRANSACTIONS_FILTER] ?? new Uint8Array(0);
  const events = envelopes.flatMap((envelope, index) =>
    codes[index] === TxValidationCode.VALID ? eventsOfTransaction(envelope) : [],
  );
  const result = { blockNumber: header.number, events };
  known.set(block, result);
  return result;
}

function eventsOfTransaction(envelopeBytes: Uint8Array): protos.ChaincodeEvent[] {
  const envelope = readEnvelope(envelopeBytes);
  if (envelope.channelHeader.type !== HeaderType.ENDORSER_TRANSACTION) return [];
  const { actions } = decode(protos.Transaction, envelope.data, "Transaction");
  return actions.flatMap(({ payload }) => {
    try {
      const action = field(payload ?? new Uint8Array(0), 2, "ChaincodeActionPayload");
      const responsePayload = field(action, 1, "ChaincodeEndorsedAction");
      const extension = field(responsePayload, 2, "ProposalResponsePayload");
      const event = decode(protos.ChaincodeEvent, field(extension, 2, "ChaincodeAction"), "ChaincodeEvent");
      return event.chaincodeId !== "" && event.eventName !== "" && event.txId !== "" ? [event] : [];
    } catch {
      return [];
    }
  });
}
