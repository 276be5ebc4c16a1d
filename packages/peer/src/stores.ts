/** Where a channel's blocks and state are kept. */
import { join } from "node:path";
import type { BlockStore, StateStore } from "@hansa/ledger";
import type { Logger } from "@hansa/primitives";
import { FileBlockStore, LevelStateStore, MemoryBlockStore, MemoryStateStore } from "@hansa/storage";

export type ChannelStores = { readonly blocks: BlockStore; readonly state: StateStore };

export async function openStores(kind: "disk" | "memory", directory: string, logger: Logger): Promise<ChannelStores> {
  if (kind === "memory") return { blocks: new MemoryBlockStore(), state: new MemoryStateStore() };
  const [blocks, state] = await Promise.all([
    FileBlockStore.open(join(directory, "blocks"), { logger }),
    LevelStateStore.open(join(directory, "state")),
  ]);
  return { blocks, state };
}
