/** The configurations that a channel had: each block was judged by the newest one of the blocks before it. */
import { ChannelConfig } from "@hansa/channel-config";
import type { BlockStore } from "@hansa/ledger";
import { LruMap, NO_BYTES } from "@hansa/primitives";
import { common, METADATA, splitBlock } from "@hansa/wire";

const REMEMBERED_CONFIGS = 4;

export type PastConfigsSource = {
  readonly blocks: Pick<BlockStore, "read">;
  /** In force now; stands in where the block that holds an older one is gone. */
  readonly config: () => ChannelConfig;
};

export class PastConfigs {
  readonly #source: PastConfigsSource;
  readonly #known = new LruMap<number, ChannelConfig>(REMEMBERED_CONFIGS);

  constructor(source: PastConfigsSource) {
    this.#source = source;
  }

  /** The configuration by which a block was judged; not certain when today's stands in for it. */
  async before(blockNumber: number): Promise<{ readonly config: ChannelConfig; readonly isCertain: boolean }> {
    const { blocks, config: today } = this.#source;
    const before = blockNumber === 0 ? undefined : await blocks.read(blockNumber - 1);
    const index = before === undefined ? undefined : lastConfigOf(before, blockNumber - 1);
    if (index === undefined) return { config: today(), isCertain: blockNumber === 0 };
    const known = this.#known.get(index);
    if (known !== undefined) return { config: known, isCertain: true };
    const bytes = await blocks.read(index);
    if (bytes === undefined) return { config: today(), isCertain: false };
    const config = ChannelConfig.fromBlock(bytes, { previous: today() });
    this.#known.set(index, config);
    return { config, isCertain: true };
  }
}

/** Number of the newest configuration block up to this one, as its metadata says. */
function lastConfigOf(block: Uint8Array, number: number): number | undefined {
  const { metadata } = splitBlock(block);
  const value = (slot: number) => common.Metadata.decode(metadata[slot] ?? NO_BYTES).value;
  const signatures = value(METADATA.SIGNATURES);
  const last =
    signatures.length > 0
      ? common.OrdererBlockMetadata.decode(signatures).lastConfig
      : common.LastConfig.decode(value(METADATA.LAST_CONFIG));
  const index = Number(last?.index ?? 0);
  return index <= number ? index : undefined;
}
