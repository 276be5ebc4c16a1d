/** BlockJudge over the rules of endorsement/validation: one validator for each channel. */
import type { ChannelConfig } from "@hansa/channel-config";
import { BlockValidator } from "@hansa/endorsement/validation";
import type { Ledger } from "@hansa/ledger";
import { splitBlock } from "@hansa/wire";
import type { BlockJudge, JudgedBlock } from "./channel.js";
import { SignaturesAhead } from "./signatures-ahead.js";

export type ChannelJudge = BlockJudge & {
  /** Block 0, which brings its own configuration. */
  genesis(block: Uint8Array, ledger: Ledger): Promise<JudgedBlock>;
};

export function createJudge(channelId: string): ChannelJudge {
  const validator = new BlockValidator(channelId);
  const ahead = new SignaturesAhead();
  const validate = (block: Uint8Array, config: ChannelConfig | undefined, ledger: Ledger) =>
    validator.validate(splitBlock(block), {
      config,
      state: ledger.state,
      isKnown: (txId) => ledger.hasId(txId),
    });
  return {
    prepare: (block, config) => ahead.begin(block, config),
    judge: async (block, config, ledger) => {
      await ahead.verified(block, config);
      return validate(block.bytes, config, ledger);
    },
    genesis: (block, ledger) => validate(block, undefined, ledger),
  };
}
