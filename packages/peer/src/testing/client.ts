/** What an application or an administrator does towards a peer, spelled out in messages. */
import { randomBytes } from "node:crypto";
import type { SigningIdentity } from "@hansa/msp";
import { concatBytes, NO_BYTES } from "@hansa/primitives";
import { common, encode, HeaderType, lifecycle, protos, toTimestamp, transactionId } from "@hansa/wire";
import type { RunningPeer } from "../running-peer.js";

export type ProposalFields = {
  readonly channelId?: string;
  readonly chaincode: string;
  readonly args: readonly (string | Uint8Array)[];
  readonly transient?: Readonly<Record<string, Uint8Array>>;
  readonly type?: number;
};

export type MadeProposal = {
  readonly txId: string;
  readonly header: common.IHeader;
  readonly payload: Uint8Array;
  readonly signed: Uint8Array;
};

export function makeProposal(signer: SigningIdentity, fields: ProposalFields): MadeProposal {
  const { channelId = "", chaincode, args, type = HeaderType.ENDORSER_TRANSACTION } = fields;
  const nonce = randomBytes(24);
  const txId = transactionId(nonce, signer.serialized);
  const header = {
    channelHeader: encode(common.ChannelHeader, {
      type,
      channelId,
      txId,
      timestamp: toTimestamp(Date.now()),
      extension: encode(protos.ChaincodeHeaderExtension, { chaincodeId: { name: chaincode } }),
    }),
    signatureHeader: encode(common.SignatureHeader, { creator: signer.serialized, nonce }),
  };
  const input = { args: args.map((arg) => Buffer.from(arg as string)) };
  const spec = { type: 1, chaincodeId: { name: chaincode }, input };
  const payload = encode(protos.ChaincodeProposalPayload, {
    input: encode(protos.ChaincodeInvocationSpec, { chaincodeSpec: spec }),
    TransientMap: fields.transient ?? {},
  });
  const proposalBytes = encode(protos.Proposal, { header: encode(common.Header, header), payload });
  const signed = encode(protos.SignedProposal, { proposalBytes, signature: signer.sign(proposalBytes) });
  return { txId, header, payload, signed };
}

export async function ask(peer: RunningPeer, proposal: MadeProposal): Promise<protos.ProposalResponse> {
  return protos.ProposalResponse.decode(await peer.endorseLocal(proposal.signed));
}

/** The payload of a successful answer. @throws Error with the peer's message */
export async function query(peer: RunningPeer, signer: SigningIdentity, fields: ProposalFields): Promise<Uint8Array> {
  const { response } = await ask(peer, makeProposal(signer, fields));
  if (response?.status !== 200) throw new Error(response?.message ?? "no response");
  return response.payload ?? NO_BYTES;
}

/** Has all peers endorse and puts the transaction together. @throws Error with a peer's message */
export async function endorse(
  peers: readonly RunningPeer[],
  signer: SigningIdentity,
  fields: ProposalFields,
): Promise<{ txId: string; envelope: Uint8Array }> {
  const proposal = makeProposal(signer, fields);
  const responses = await Promise.all(peers.map((peer) => ask(peer, proposal)));
  for (const { response } of responses) if (response?.status !== 200) throw new Error(response?.message ?? "");
  const invocation = protos.ChaincodeProposalPayload.decode(proposal.payload).input;
  const action = encode(protos.ChaincodeActionPayload, {
    chaincodeProposalPayload: encode(protos.ChaincodeProposalPayload, { input: invocation }),
    action: {
      proposalResponsePayload: responses[0]?.payload ?? NO_BYTES,
      endorsements: responses.map(({ endorsement }) => endorsement ?? {}),
    },
  });
  const header = proposal.header.signatureHeader ?? NO_BYTES;
  const data = encode(protos.Transaction, { actions: [{ header, payload: action }] });
  const payload = encode(common.Payload, { header: proposal.header, data });
  return { txId: proposal.txId, envelope: encode(common.Envelope, { payload, signature: signer.sign(payload) }) };
}

export type Definition = {
  readonly name: string;
  readonly sequence: number;
  readonly packageId: string;
  readonly collections?: readonly common.StaticCollectionConfig.$Properties[];
};

export function lifecycleCall(
  channelId: string,
  method: "ApproveChaincodeDefinitionForMyOrg" | "CommitChaincodeDefinition",
  { name, sequence, packageId, collections = [] }: Definition,
): ProposalFields {
  const shared = { name, version: "1.0", sequence, endorsementPlugin: "escc", validationPlugin: "vscc" };
  const validationParameter = encode(protos.ApplicationPolicy, {
    channelConfigPolicyReference: "/Channel/Application/Endorsement",
  });
  const config = collections.map((staticCollectionConfig) => ({ staticCollectionConfig }));
  const definition = { ...shared, validationParameter, collections: { config } };
  const args =
    method === "CommitChaincodeDefinition"
      ? encode(lifecycle.CommitChaincodeDefinitionArgs, definition)
      : encode(lifecycle.ApproveChaincodeDefinitionForMyOrgArgs, {
          ...definition,
          source: { localPackage: { packageId } },
        });
  return { channelId, chaincode: "_lifecycle", args: [method, args] };
}

export async function install(peer: RunningPeer, admin: SigningIdentity, bytes: Uint8Array): Promise<string> {
  const args = encode(lifecycle.InstallChaincodeArgs, { chaincodeInstallPackage: bytes });
  const answer = await query(peer, admin, { chaincode: "_lifecycle", args: ["InstallChaincode", args] });
  return lifecycle.InstallChaincodeResult.decode(answer).packageId;
}

/** For a signature that nobody made. */
export function spoiled(signed: Uint8Array): Uint8Array {
  const { proposalBytes, signature } = protos.SignedProposal.decode(signed);
  const last = signature.length - 1;
  const changed = concatBytes(signature.subarray(0, last), Uint8Array.of((signature[last] ?? 0) ^ 1));
  return encode(protos.SignedProposal, { proposalBytes, signature: changed });
}
