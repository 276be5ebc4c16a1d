/**
 * The transaction that a client signs: header and input as they were proposed, without transient data, with the
 * result that all endorsers signed.
 * Source: hyperledger/fabric, internal/pkg/gateway/submit.go (prepareTransaction).
 */
import { concatBytes } from "@hansa/primitives";
import { encode, fieldHead, protos } from "@hansa/wire";
import type { Proposal } from "./proposal.js";

/** @returns bytes of a common.Envelope without signature */
export function prepareTransaction(
  proposal: Proposal,
  proposalResponsePayload: Uint8Array,
  endorsements: protos.IEndorsement[],
): Uint8Array {
  const chaincodeProposalPayload = encode(protos.ChaincodeProposalPayload, { input: proposal.input });
  const action = encode(protos.ChaincodeActionPayload, {
    chaincodeProposalPayload,
    action: { proposalResponsePayload, endorsements },
  });
  const data = encode(protos.Transaction, { actions: [{ header: proposal.signatureHeader, payload: action }] });
  const payloadHead = fieldHead(1, proposal.header.length);
  const dataHead = fieldHead(2, data.length);
  const length = payloadHead.length + proposal.header.length + dataHead.length + data.length;
  return concatBytes(fieldHead(1, length), payloadHead, proposal.header, dataHead, data);
}
