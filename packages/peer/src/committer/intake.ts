/**
 * Is this the block that must come next, and did the ordering service make it?
 * Source: hyperledger/fabric, internal/pkg/peer/blocksprovider and protoutil/blockutils.go (VerifyBlock).
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { verifyBlockSignatures } from "@hansa/ordering";
import { equalBytes, messageOf, toHex } from "@hansa/primitives";
import { blockDataHash, blockHeaderHash, holdsConfig, splitBlock } from "@hansa/wire";

/** Where the chain stands: the number that is due and the header hash of the block before it. */
export type ChainTip = { readonly next: number; readonly previousHash: Uint8Array };

export type IncomingBlock = {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly envelopes: readonly Uint8Array[];
  readonly headerHash: Uint8Array;
  readonly isConfig: boolean;
};

export type IntakeVerdict =
  | { readonly kind: "accepted"; readonly block: IncomingBlock }
  | { readonly kind: "refused"; readonly reason: string }
  /** Refused, and the orderer has signed it: it stands on another block than the one before. */
  | { readonly kind: "forked"; readonly reason: string };

const METADATA_SLOTS = 3;

/** Checks a block against the tip and the configuration in force. Never throws for what others sent. */
export function checkBlock(bytes: Uint8Array, tip: ChainTip, config: ChannelConfig): IntakeVerdict {
  try {
    return check(bytes, tip, config);
  } catch (error) {
    return refused(`malformed block: ${messageOf(error)}`);
  }
}

function check(bytes: Uint8Array, tip: ChainTip, config: ChannelConfig): IntakeVerdict {
  const { header, envelopes, metadata } = splitBlock(bytes);
  if (header.number !== BigInt(tip.next)) {
    return refused(`expected block number is [${tip.next}] but actual block number inside block is [${header.number}]`);
  }
  const follows = tip.next === 0 || equalBytes(header.previousHash, tip.previousHash);
  if (!follows) {
    const reason = `previous block hash is [${toHex(header.previousHash)}], but the last block's header hashes to [${toHex(tip.previousHash)}]`;
    const isSigned =
      metadata.length >= METADATA_SLOTS && verifyBlockSignatures({ header, envelopes, metadata }, config).ok;
    return isSigned ? { kind: "forked", reason } : refused(reason);
  }
  if (!equalBytes(blockDataHash(envelopes), header.dataHash)) {
    return refused(`Header.DataHash of block ${header.number} is different from Hash(block.Data)`);
  }
  if (metadata.length < METADATA_SLOTS) {
    return refused(`block with number ${header.number} on channel ${config.channelId} does not have metadata`);
  }
  const verdict = verifyBlockSignatures({ header, envelopes, metadata }, config);
  if (!verdict.ok) return refused(`signatures of block ${header.number} do not satisfy the policy: ${verdict.reason}`);
  return {
    kind: "accepted",
    block: {
      number: tip.next,
      bytes,
      envelopes,
      headerHash: blockHeaderHash(header),
      isConfig: holdsConfig(envelopes),
    },
  };
}

function refused(reason: string): IntakeVerdict {
  return { kind: "refused", reason };
}
