/** Where a channel's blocks and state are kept. */
import { join } from "node:path";
import type { BlockStore, StateStore } from "@hansa/ledger";
import type { Logger } from "@hansa/primitives";
import { FileBlockStore, LevelStateStore, MemoryBlockStore, MemoryStateStore } from "@hansa/storage";

export type ChannelStores = { readonly blocks: BlockStore; readonly state: StateStore };

export async function openStores(kind: "disk" | "memory", directory: string, logger: Logger): Promise<ChannelStores> {
  if (kind === "memory") return { blocks: new MemoryBlockStore(), state: new MemoryStateStore() };
  const [blocks, state] = await Promise.allSettled([
    FileBlockStore.open(join(directory, "blocks"), { logger }),
    LevelStateStore.open(join(directory, "state")),
  ]);
  if (blocks.status === "fulfilled" && state.status === "fulfilled")
    return { blocks: blocks.value, state: state.value };
  // What did open would stay locked otherwise.
  for (const store of [blocks, state]) if (store.status === "fulfilled") await store.value.close();
  throw blocks.status === "rejected" ? blocks.reason : (state as PromiseRejectedResult).reason;
}
