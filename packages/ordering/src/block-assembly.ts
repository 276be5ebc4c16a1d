/**
 * From a draft to a signed block, and back: checking the ordering service's signatures.
 *
 * Metadata has five slots. SIGNATURES holds a common.Metadata whose value is an OrdererBlockMetadata (the last
 * configuration's block and the consenters' own metadata) and one signature over value, signature header and the
 * header's ASN.1 bytes. LAST_CONFIG repeats the configuration's block, unsigned. ORDERER is where Fabric's Kafka chain
 * noted how far it had read; an engine that reads from elsewhere does the same. The others are empty when a block leaves
 * the ordering service; peers fill TRANSACTIONS_FILTER and COMMIT_HASH.
 * Source: hyperledger/fabric, orderer/common/multichannel/blockwriter.go and protoutil/blockutils.go.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import type { PolicyVerdict, SignedData, SigningIdentity } from "@hansa/msp";
import { concatBytes, NO_BYTES } from "@hansa/primitives";
import {
  type BlockHeader,
  type BlockParts,
  blockHeaderBytes,
  common,
  decode,
  encode,
  etcdraft,
  joinBlock,
  METADATA,
  readSignatureHeader,
  toBigInt,
  toLong,
} from "@hansa/wire";
import type { DraftBlock } from "./chain.js";

const SLOTS = 5;
/** Where a new etcdraft chain's log stands before its first block: two entries of its own. */
const RAFT_ENTRIES_BEFORE_BLOCKS = 2n;

/** What an orderer signs of a block. */
export function signedBlockBytes(value: Uint8Array, signatureHeader: Uint8Array, header: BlockHeader): Uint8Array {
  return concatBytes(value, signatureHeader, blockHeaderBytes(header));
}

/** The block's bytes. @param nonce 24 bytes of chance for the signature header */
export function sealBlock(draft: DraftBlock, orderer: SigningIdentity, nonce: Uint8Array): Uint8Array {
  const header = { number: draft.number, previousHash: draft.previousHash, dataHash: draft.dataHash };
  const lastConfig = { index: toLong(draft.lastConfigNumber) };
  const value = encode(common.OrdererBlockMetadata, {
    lastConfig,
    consenterMetadata: encode(common.Metadata, { value: consenterMetadata(draft) }),
  });
  const signatureHeader = encode(common.SignatureHeader, { creator: orderer.serialized, nonce });
  const signature = orderer.sign(signedBlockBytes(value, signatureHeader, header));

  const metadata: Uint8Array[] = new Array(SLOTS).fill(NO_BYTES);
  metadata[METADATA.SIGNATURES] = encode(common.Metadata, { value, signatures: [{ signatureHeader, signature }] });
  metadata[METADATA.LAST_CONFIG] = encode(common.Metadata, { value: encode(common.LastConfig, lastConfig) });
  if (draft.engineNote !== undefined) {
    metadata[METADATA.ORDERER] = encode(common.Metadata, { value: draft.engineNote });
  }
  return joinBlock({ header, envelopes: draft.envelopes, metadata });
}

/**
 * What a single raft consenter would note for this block, because tools that read the channel as etcdraft expect it.
 * Nothing here depends on it.
 */
function consenterMetadata({ config, number }: DraftBlock): Uint8Array {
  const { consensusType, consensusMetadata } = config.orderer;
  if (consensusType !== "etcdraft") return NO_BYTES;
  const { consenters } = decode(etcdraft.ConfigMetadata, consensusMetadata, "etcdraft.ConfigMetadata");
  return encode(etcdraft.BlockMetadata, {
    consenterIds: consenters.map((_, i) => toLong(i + 1)),
    nextConsenterId: toLong(consenters.length + 1),
    raftIndex: toLong(number + RAFT_ENTRIES_BEFORE_BLOCKS),
  });
}

/**
 * The signatures of a block as data for a policy.
 * @throws WireError when the SIGNATURES slot is not what it should be
 */
export function blockSignatures({ header, metadata }: BlockParts): SignedData[] {
  const { value, signatures } = decode(
    common.Metadata,
    metadata[METADATA.SIGNATURES] ?? NO_BYTES,
    "common.Metadata of SIGNATURES",
  );
  return signatures.map(({ signatureHeader, signature }) => {
    const headerBytes = signatureHeader ?? NO_BYTES;
    return {
      identity: readSignatureHeader(headerBytes).creator,
      message: signedBlockBytes(value, headerBytes, header),
      signature: signature ?? NO_BYTES,
    };
  });
}

/** Whether the block is signed as the configuration in force before it asks: /Channel/Orderer/BlockValidation. */
export function verifyBlockSignatures(block: BlockParts, config: ChannelConfig): PolicyVerdict {
  return config.policy("/Channel/Orderer/BlockValidation").evaluateSigned(blockSignatures(block));
}

/** Number of the block that held the configuration in force. Genesis blocks say nothing and mean 0. */
export function lastConfigNumber({ metadata }: BlockParts): bigint {
  const signed = decode(common.Metadata, metadata[METADATA.SIGNATURES] ?? NO_BYTES, "common.Metadata of SIGNATURES");
  const { lastConfig } = decode(common.OrdererBlockMetadata, signed.value, "common.OrdererBlockMetadata");
  return toBigInt(lastConfig?.index);
}
