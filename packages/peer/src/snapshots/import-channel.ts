/** Makes a channel's folder, or its stores in memory, from a snapshot. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Ledger, type LedgerOptions } from "@hansa/ledger";
import {
  importBlocks,
  importBlocksIntoMemory,
  importState,
  LevelStateStore,
  MemoryStateStore,
  type SnapshotMetadata,
} from "@hansa/storage";
import { configInForce } from "../config-in-force.js";
import type { ChannelStores } from "../stores.js";

export type ImportRules = Pick<LedgerOptions, "blockToLive" | "collectionChanges">;

/**
 * Fills a folder with `blocks` and `state`, all or nothing: after a failure it is gone.
 * @throws Error when the snapshot does not make a channel
 */
export async function importChannel(
  snapshot: string,
  metadata: SnapshotMetadata,
  folder: string,
  rules: ImportRules,
): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const state = await LevelStateStore.open(join(folder, "state"));
    const [blocks, filled] = await Promise.allSettled([
      importBlocks(snapshot, metadata, join(folder, "blocks")),
      importState(snapshot, metadata, state, rules),
    ]);
    if (blocks.status === "rejected" || filled.status === "rejected") {
      await state.close();
      if (blocks.status === "fulfilled") await blocks.value.close();
      throw blocks.status === "rejected" ? blocks.reason : (filled as PromiseRejectedResult).reason;
    }
    const ledger = await Ledger.open({ channelId: metadata.channelId, blocks: blocks.value, state, ...rules });
    try {
      configInForce(ledger).checkCapabilities();
    } finally {
      await ledger.close();
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

export async function importIntoMemory(
  snapshot: string,
  metadata: SnapshotMetadata,
  rules: ImportRules,
): Promise<ChannelStores> {
  const state = new MemoryStateStore();
  await importState(snapshot, metadata, state, rules);
  return { blocks: await importBlocksIntoMemory(snapshot, metadata), state };
}
