/** Transactions put together by hand from what peers really endorsed, so that any part can be made wrong. */
import type { SigningIdentity } from "@hansa/msp";
import { concatBytes } from "@hansa/primitives";
import type { RpcClient } from "@hansa/transport";
import { common, decode, encode, protos, services } from "@hansa/wire";
import { type Forgery, signedProposal } from "../../faults/forge.js";

export type Endorsement = { readonly endorser: Uint8Array; readonly signature: Uint8Array };

/** A transaction in parts. */
export type Parts = {
  readonly txId: string;
  readonly channelHeader: Uint8Array;
  readonly signatureHeader: Uint8Array;
  /** header of the transaction's one action; the same as `signatureHeader` when all is well */
  readonly actionHeader: Uint8Array;
  readonly proposalPayload: Uint8Array;
  /** what the endorsers signed: bytes of a protos.ProposalResponsePayload */
  readonly responsePayload: Uint8Array;
  readonly endorsements: readonly Endorsement[];
};

/** Has each of the peers endorse one and the same proposal. */
export async function endorsedBy(peers: readonly RpcClient[], forgery: Forgery): Promise<Parts> {
  const { bytes, txId } = signedProposal(forgery);
  const { proposalBytes } = decode(protos.SignedProposal, bytes, "SignedProposal");
  const { header, payload } = decode(protos.Proposal, proposalBytes, "Proposal");
  const { channelHeader, signatureHeader } = decode(common.Header, header, "Header");
  const answers = await Promise.all(
    peers.map(async (peer) => {
      const answer = await peer.unary(services.Endorser.methods.ProcessProposal, bytes);
      const response = decode(protos.ProposalResponse, answer, "ProposalResponse");
      if (response.response?.status !== 200) throw new Error(`not endorsed: ${response.response?.message}`);
      return response;
    }),
  );
  const endorsements = answers.map(({ endorsement }) => ({
    endorser: endorsement?.endorser ?? new Uint8Array(0),
    signature: endorsement?.signature ?? new Uint8Array(0),
  }));
  const responsePayload = answers[0]!.payload;
  const proposalPayload = payload;
  const actionHeader = signatureHeader;
  return { txId, channelHeader, signatureHeader, actionHeader, proposalPayload, responsePayload, endorsements };
}

/** Bytes of the common.Envelope, signed by whoever sends it. */
export function envelopeOf(parts: Parts, sender: SigningIdentity): Uint8Array {
  const payload = encode(protos.ChaincodeActionPayload, {
    chaincodeProposalPayload: parts.proposalPayload,
    action: { proposalResponsePayload: parts.responsePayload, endorsements: [...parts.endorsements] },
  });
  const { channelHeader, signatureHeader } = parts;
  const data = encode(protos.Transaction, { actions: [{ header: parts.actionHeader, payload }] });
  const message = encode(common.Payload, { header: { channelHeader, signatureHeader }, data });
  return encode(common.Envelope, { payload: message, signature: sender.sign(message) });
}

/** An endorsement of the same result by somebody else. */
export function endorsementOf({ responsePayload }: Parts, endorser: SigningIdentity): Endorsement {
  const { serialized } = endorser;
  return { endorser: serialized, signature: endorser.sign(concatBytes(responsePayload, serialized)) };
}

/** The same transaction with another outcome than was endorsed. */
export function withAction(parts: Parts, change: (action: protos.ChaincodeAction) => void): Parts {
  const payload = decode(protos.ProposalResponsePayload, parts.responsePayload, "ProposalResponsePayload");
  const action = decode(protos.ChaincodeAction, payload.extension, "ChaincodeAction");
  change(action);
  payload.extension = encode(protos.ChaincodeAction, action);
  return { ...parts, responsePayload: encode(protos.ProposalResponsePayload, payload) };
}
