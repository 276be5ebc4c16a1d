/** Proposals as clients make them, right or wrong. */
import type { SigningIdentity } from "@hansa/msp";
import { type Bytes, fromUtf8, type UnixMs } from "@hansa/primitives";
import { common, encode, HeaderType, protos, toTimestamp, transactionId } from "@hansa/wire";

export const NOW = Date.parse("2026-12-01T00:00:00Z") as UnixMs;

export type ProposalFields = {
  readonly client: SigningIdentity;
  readonly chaincode: string;
  readonly args: readonly (string | Bytes)[];
  readonly channelId?: string;
  readonly isInit?: boolean;
  readonly transient?: Record<string, Bytes>;
  readonly header?: Partial<common.ChannelHeader.$Properties>;
  readonly nonce?: Bytes;
  readonly creator?: Bytes;
};

let count = 0;

export function newProposal(fields: ProposalFields): Bytes {
  const { client, chaincode, args, channelId = "mychannel", isInit = false, transient = {} } = fields;
  const creator = fields.creator ?? client.serialized;
  const nonce = fields.nonce ?? fromUtf8(`nonce ${count++}`);
  const channelHeader = encode(common.ChannelHeader, {
    type: HeaderType.ENDORSER_TRANSACTION,
    channelId,
    txId: transactionId(nonce, creator),
    timestamp: toTimestamp(NOW),
    extension: encode(protos.ChaincodeHeaderExtension, { chaincodeId: { name: chaincode } }),
    ...fields.header,
  });
  const header = { channelHeader, signatureHeader: encode(common.SignatureHeader, { creator, nonce }) };
  const input = { args: args.map((arg) => (typeof arg === "string" ? fromUtf8(arg) : arg)), isInit };
  const invocation = { chaincodeSpec: { type: 1, chaincodeId: { name: chaincode }, input } };
  const payload = encode(protos.ChaincodeProposalPayload, {
    input: encode(protos.ChaincodeInvocationSpec, invocation),
    TransientMap: transient,
  });
  return signProposal(client, header, payload);
}

/** Signs header and payload as a proposal. */
export function signProposal(client: SigningIdentity, header: common.Header.$Properties, payload: Bytes): Bytes {
  const proposalBytes = encode(protos.Proposal, { header: encode(common.Header, header), payload });
  return encode(protos.SignedProposal, { proposalBytes, signature: client.sign(proposalBytes) });
}
