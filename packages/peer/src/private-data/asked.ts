/** Which peers were asked for private data of which block since this peer has started, and what came of it. */
import { LruMap } from "@hansa/primitives";

export type AskedPeer = { readonly mspId: string; readonly address: string; readonly outcome: string };

/** Blocks remembered, over all channels. */
const REMEMBERED_BLOCKS = 1_000;
/** Peers remembered of one block. */
const REMEMBERED_PEERS = 32;

export class AskedPeers {
  readonly #blocks = new LruMap<string, Map<string, AskedPeer>>(REMEMBERED_BLOCKS);

  note(channelId: string, blockNumber: number, { mspId, address, outcome }: AskedPeer): void {
    const key = `${channelId}/${blockNumber}`;
    const peers = this.#blocks.get(key) ?? new Map<string, AskedPeer>();
    if (peers.size < REMEMBERED_PEERS || peers.has(address)) peers.set(address, { mspId, address, outcome });
    this.#blocks.set(key, peers);
  }

  /** The last outcome of each. */
  of(channelId: string, blockNumber: number): readonly AskedPeer[] {
    return [...(this.#blocks.get(`${channelId}/${blockNumber}`)?.values() ?? [])];
  }
}
