/**
 * The filtered view of a block: ids, types, verdicts and event names, without payloads.
 *
 * Fabric gives up on a block in which one payload, header, transaction or action cannot be parsed, and answers
 * BAD_REQUEST in its place; an envelope that cannot be parsed at all is left out. Both are kept.
 * Source: hyperledger/fabric, core/peer/deliverevents.go (toFilteredBlock).
 */
import { NO_BYTES } from "@hansa/primitives";
import { common, decode, HeaderType, METADATA, protos, splitBlock, toLong, WireError } from "@hansa/wire";

const NOT_VALIDATED = 254;

/** Encoded `protos.FilteredBlock`, or undefined where Fabric refuses to make one. */
export function filteredBlock(blockBytes: Uint8Array): Uint8Array | undefined {
  const { header, envelopes, metadata } = splitBlock(blockBytes);
  const codes = metadata[METADATA.TRANSACTIONS_FILTER] ?? NO_BYTES;
  const block: protos.FilteredBlock.$Properties = { number: toLong(header.number) };
  const transactions: protos.FilteredTransaction.$Properties[] = [];
  try {
    envelopes.forEach((envelope, index) => {
      const payload = readPayload(envelope);
      if (payload?.header === undefined || payload.header === null) return;
      const channelHeader = decode(common.ChannelHeader, payload.header.channelHeader ?? NO_BYTES, "channel header");
      block.channelId = channelHeader.channelId;
      transactions.push({
        txid: channelHeader.txId,
        type: channelHeader.type,
        txValidationCode: codes[index] ?? NOT_VALIDATED,
        ...(channelHeader.type === HeaderType.ENDORSER_TRANSACTION
          ? { transactionActions: { chaincodeActions: filteredActions(payload.data) } }
          : {}),
      });
    });
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
  return protos.FilteredBlock.encode({ ...block, filteredTransactions: transactions }).finish();
}

function readPayload(envelopeBytes: Uint8Array): common.Payload | undefined {
  let envelope: common.Envelope;
  try {
    envelope = decode(common.Envelope, envelopeBytes, "envelope");
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
  return decode(common.Payload, envelope.payload, "payload");
}

function filteredActions(data: Uint8Array): protos.FilteredChaincodeAction.$Properties[] {
  const actions: protos.FilteredChaincodeAction.$Properties[] = [];
  for (const { payload } of decode(protos.Transaction, data, "transaction").actions) {
    const { action } = decode(protos.ChaincodeActionPayload, payload ?? NO_BYTES, "chaincode action payload");
    if (action === null || action === undefined) continue;
    const responseBytes = action.proposalResponsePayload ?? NO_BYTES;
    const response = decode(protos.ProposalResponsePayload, responseBytes, "proposal response payload");
    const { events } = decode(protos.ChaincodeAction, response.extension, "chaincode action");
    const { txId, chaincodeId, eventName } = decode(protos.ChaincodeEvent, events, "chaincode event");
    if (chaincodeId !== "") actions.push({ chaincodeEvent: { txId, chaincodeId, eventName } });
  }
  return actions;
}
