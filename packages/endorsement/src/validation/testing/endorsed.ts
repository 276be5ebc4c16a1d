/** A channel of two organisations with one chaincode, and transactions on it. */
import { ChannelConfig, genesisBlock } from "@hansa/channel-config";
import { testOrganization, testProfile } from "@hansa/channel-config/testing";
import { RwSetBuilder, StateBatch } from "@hansa/ledger";
import { parsePolicy, type SigningIdentity } from "@hansa/msp";
import { concatBytes, NO_BYTES, sha256 } from "@hansa/primitives";
import {
  type BlockParts,
  blockDataHash,
  common,
  encode,
  HeaderType,
  proposalHash,
  protos,
  rwset,
  splitBlock,
  toTimestamp,
  transactionId,
} from "@hansa/wire";
import { type ChaincodeParameters, definitionStructure, metadataBytes } from "../../lifecycle/definition.js";
import { fieldKey, LIFECYCLE_NAMESPACE, metadataKey, NAMESPACES } from "../../lifecycle/keys.js";

export const CHANNEL = "trade";
export const CHAINCODE = "goods";

export const brewery = testOrganization("BreweryMSP");
export const pub = testOrganization("PubMSP");
const ordererOrg = testOrganization("OrdererMSP");
export const orderer: SigningIdentity = ordererOrg.identity("orderer");
export const ordererAdmin: SigningIdentity = ordererOrg.identity("admin");

export const genesis: BlockParts = splitBlock(genesisBlock(testProfile([brewery, pub], ordererOrg)));

export function channelConfig(): ChannelConfig {
  return ChannelConfig.fromBlock(genesisBlock(testProfile([brewery, pub], ordererOrg)));
}

export const BOTH = encode(protos.ApplicationPolicy, {
  signaturePolicy: parsePolicy("AND('BreweryMSP.peer','PubMSP.peer')"),
});

/** The writes with which a definition is committed. */
export function definition(name: string, parameters: Partial<ChaincodeParameters> = {}): StateBatch {
  const structure = definitionStructure({
    name,
    sequence: 1,
    version: "1.0",
    initRequired: false,
    endorsementPlugin: "escc",
    validationPlugin: "vscc",
    validationParameter: BOTH,
    collections: [],
    collectionsBytes: NO_BYTES,
    ...parameters,
  });
  const batch = new StateBatch();
  const version = { blockNumber: 0, txIndex: 0 };
  const set = (key: string, value: Uint8Array) => batch.set(LIFECYCLE_NAMESPACE, key, { value, version });
  set(metadataKey(NAMESPACES, name), metadataBytes(structure));
  for (const [field, value] of structure.fields) set(fieldKey(NAMESPACES, name, field), value);
  return batch;
}

export type Wish = {
  readonly nonce?: string;
  readonly type?: number;
  readonly channelId?: string;
  readonly chaincode?: string;
  readonly creator?: SigningIdentity;
  readonly endorsers?: readonly SigningIdentity[];
  readonly results?: (builder: RwSetBuilder) => void;
  /** Function and arguments, in a proposal that can be read. */
  readonly args?: readonly string[];
  readonly event?: { readonly eventName: string; readonly payload: Uint8Array };
  /** Is handed the encoded `rwset.TxPvtReadWriteSet` that belongs to the results. */
  readonly onPrivate?: (bytes: Uint8Array) => void;
};

export const peers = [brewery.identity("peer"), pub.identity("peer")];

let nonces = 0;

export function endorsed(wish: Wish = {}): Uint8Array {
  const { chaincode = CHAINCODE, creator = brewery.identity("client"), endorsers = peers } = wish;
  const builder = new RwSetBuilder();
  (wish.results ?? ((each) => each.write(CHAINCODE, "beer", Buffer.from("12 casks"))))(builder);
  const nonce = sha256(Buffer.from(wish.nonce ?? `nonce ${nonces++}`));
  const channelHeader = encode(common.ChannelHeader, {
    type: wish.type ?? HeaderType.ENDORSER_TRANSACTION,
    channelId: wish.channelId ?? CHANNEL,
    txId: transactionId(nonce, creator.serialized),
    timestamp: toTimestamp(1_000),
    extension: encode(protos.ChaincodeHeaderExtension, { chaincodeId: { name: chaincode } }),
  });
  const signatureHeader = encode(common.SignatureHeader, { creator: creator.serialized, nonce });
  const chaincodeProposalPayload = wish.args === undefined ? Buffer.from("proposal") : invocation(chaincode, wish.args);
  const { publicBytes, privateSet } = builder.encode();
  if (privateSet !== undefined) wish.onPrivate?.(encode(rwset.TxPvtReadWriteSet, privateSet));
  const event = wish.event && encode(protos.ChaincodeEvent, { chaincodeId: chaincode, ...wish.event });
  const extension = encode(protos.ChaincodeAction, {
    results: publicBytes,
    response: { status: 200 },
    ...(event === undefined ? {} : { events: event }),
    chaincodeId: { name: chaincode, version: "1.0" },
  });
  const hash = proposalHash(channelHeader, signatureHeader, chaincodeProposalPayload);
  const proposalResponsePayload = encode(protos.ProposalResponsePayload, { proposalHash: hash, extension });
  const endorsements = endorsers.map(({ serialized, sign }) => ({
    endorser: serialized,
    signature: sign(concatBytes(proposalResponsePayload, serialized)),
  }));
  const action = { proposalResponsePayload, endorsements };
  const payload = encode(protos.ChaincodeActionPayload, { chaincodeProposalPayload, action });
  const data = encode(protos.Transaction, { actions: [{ header: signatureHeader, payload }] });
  return signed(encode(common.Payload, { header: { channelHeader, signatureHeader }, data }), creator);
}

function invocation(chaincode: string, args: readonly string[]): Uint8Array {
  const input = { args: args.map((each) => Buffer.from(each)) };
  return encode(protos.ChaincodeProposalPayload, {
    input: encode(protos.ChaincodeInvocationSpec, { chaincodeSpec: { chaincodeId: { name: chaincode }, input } }),
  });
}

export function signed(payload: Uint8Array, creator: SigningIdentity): Uint8Array {
  return encode(common.Envelope, { payload, signature: creator.sign(payload) });
}

export function blockOf(...envelopes: Uint8Array[]): BlockParts {
  const header = { number: 1n, previousHash: Buffer.alloc(32), dataHash: blockDataHash(envelopes) };
  return { header, envelopes, metadata: [] };
}
