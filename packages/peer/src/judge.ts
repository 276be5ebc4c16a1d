/** BlockJudge over the rules of endorsement/validation: one validator for each channel. */
import type { ChannelConfig } from "@hansa/channel-config";
import { BlockValidator } from "@hansa/endorsement/validation";
import type { Ledger } from "@hansa/ledger";
import { readEnvelope, splitBlock } from "@hansa/wire";
import type { BlockJudge, JudgedBlock } from "./channel.js";
import type { IncomingBlock } from "./committer/intake.js";

export type ChannelJudge = BlockJudge & {
  /** Block 0, which brings its own configuration. */
  genesis(block: Uint8Array, ledger: Ledger): Promise<JudgedBlock>;
};

/** Creators verified before others in this process get their turn. */
const TURN = 8;

export function createJudge(channelId: string): ChannelJudge {
  const validator = new BlockValidator(channelId);
  const validate = (block: Uint8Array, config: ChannelConfig | undefined, ledger: Ledger) =>
    validator.validate(splitBlock(block), {
      config,
      state: ledger.state,
      isKnown: (txId) => ledger.hasId(txId),
    });
  return {
    prepare: (block, config) => void verifyCreators(block, config),
    judge: (block, config, ledger) => validate(block.bytes, config, ledger),
    genesis: (block, ledger) => validate(block, undefined, ledger),
  };
}

/**
 * Verifies creators while the block before is on its way to the disk; verdicts are remembered, so judging finds them.
 * What cannot be read or verified is left to the judge.
 */
async function verifyCreators({ envelopes }: IncomingBlock, config: ChannelConfig): Promise<void> {
  for (const [index, envelope] of envelopes.entries()) {
    if (index % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    try {
      const { payloadBytes, signature, signatureHeader } = readEnvelope(envelope);
      config.msps.identity(signatureHeader.creator).verify(payloadBytes, signature);
    } catch {
      // The judge says what is wrong with it.
    }
  }
}
