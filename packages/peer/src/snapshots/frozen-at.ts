/** A ledger as it was after an earlier block, made again from its blocks in a folder for the time being. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { type BlockStore, type FrozenLedger, Ledger, type LedgerOptions } from "@hansa/ledger";
import { HansaError } from "@hansa/primitives";
import { LevelStateStore } from "@hansa/storage";

/**
 * @param rules those of the ledger
 * @param folder below which the state is made
 * @throws HansaError BLOCKS_MISSING when the ledger began with a snapshot
 */
export async function frozenAt(
  blockNumber: number,
  { channelId, blocks }: Pick<Ledger, "channelId" | "blocks">,
  rules: Pick<LedgerOptions, "blockToLive" | "collectionChanges">,
  folder: string,
): Promise<FrozenLedger> {
  if (blocks.basis !== undefined) {
    throw new HansaError(
      "BLOCKS_MISSING",
      `channel ${channelId} began with a snapshot: its state at block ${blockNumber} is lost`,
      { nextStep: "Ask for a snapshot at a later block." },
    );
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const place = await mkdtemp(join(folder, `${channelId}-again-`));
  const state = await LevelStateStore.open(place);
  const close = async () => {
    await state.close();
    await rm(place, { recursive: true, force: true });
  };
  try {
    const ledger = await Ledger.open({ channelId, blocks: upTo(blocks, blockNumber), state, ...rules });
    const frozen = await ledger.freeze();
    return {
      ...frozen,
      state: {
        ...frozen.state,
        close: async () => {
          await frozen.state.close();
          await close();
        },
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The first blocks of a store, to be read only. */
function upTo(blocks: BlockStore, last: number): BlockStore {
  return {
    basis: undefined,
    height: () => last + 1,
    append: () => Promise.reject(new Error("these blocks are only read")),
    read: (number) => blocks.read(number),
    find: (txId) => blocks.find(txId),
    hasId: (txId) => blocks.hasId(txId),
    txIds: (before) => blocks.txIds(before),
    findByHash: (hash) => blocks.findByHash(hash),
    close: async () => {},
  };
}
