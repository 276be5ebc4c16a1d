/** BlockJudge over the rules of endorsement/validation: one validator for each channel. */
import type { ChannelConfig } from "@hansa/channel-config";
import { BlockValidator } from "@hansa/endorsement/validation";
import type { Ledger } from "@hansa/ledger";
import { splitBlock } from "@hansa/wire";
import type { BlockJudge, JudgedBlock } from "./channel.js";

export type ChannelJudge = BlockJudge & {
  /** Block 0, which brings its own configuration. */
  genesis(block: Uint8Array, ledger: Ledger): Promise<JudgedBlock>;
};

export function createJudge(channelId: string): ChannelJudge {
  const validator = new BlockValidator(channelId);
  const validate = (block: Uint8Array, config: ChannelConfig | undefined, ledger: Ledger) =>
    validator.validate(splitBlock(block), {
      config,
      state: ledger.state,
      isKnown: (txId) => ledger.find(txId) !== undefined,
    });
  return {
    prepare: () => {},
    judge: (block, config, ledger) => validate(block.bytes, config, ledger),
    genesis: (block, ledger) => validate(block, undefined, ledger),
  };
}
