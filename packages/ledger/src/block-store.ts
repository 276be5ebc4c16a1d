/** Where the blocks of a channel are kept. Implementations are in `@hansa/storage`. */

/** Where a transaction is, and what the peer said of it. */
export type TxLocation = { readonly blockNumber: number; readonly txIndex: number; readonly code: number };

export type StoredBlock = {
  readonly number: number;
  readonly headerHash: Uint8Array;
  /** The whole `common.Block`, metadata included, in pieces: concatenated they are its bytes. */
  readonly pieces: readonly Uint8Array[];
  /** In block order. The id is empty where the envelope has none that can be read. */
  readonly transactions: readonly { readonly txId: string; readonly code: number }[];
};

/** The last block that a snapshot covers, for a ledger that began with the snapshot and lacks the blocks up to it. */
export type SnapshotBasis = {
  readonly lastBlock: number;
  readonly lastBlockHash: Uint8Array;
  readonly previousBlockHash: Uint8Array;
  readonly commitHash: Uint8Array;
};

export interface BlockStore {
  /** Undefined when the store began with block 0. */
  readonly basis: SnapshotBasis | undefined;
  /** Count of the channel's blocks; the next one to append has this number. Blocks of the basis count. */
  height(): number;
  /** Durable when it resolves. Blocks come in order, one at a time or several without waiting. */
  append(block: StoredBlock): Promise<void>;
  /** Bytes of the whole `common.Block`, or undefined when there is no such block here. */
  read(number: number): Promise<Uint8Array | undefined>;
  /** The first transaction with this id, valid or not, among the blocks that are here. */
  find(txId: string): TxLocation | undefined;
  /** Whether a transaction of the channel has this id, be it in a block that is here or in the basis. */
  hasId(txId: string): boolean;
  /** All ids in blocks before this number, and in the basis: in pages, in no order, perhaps repeated. */
  txIds(before: number): AsyncIterable<readonly string[]>;
  /** Number of the block with this header hash. */
  findByHash(headerHash: Uint8Array): number | undefined;
  close(): Promise<void>;
}

/** Number of the first block that is in the store, or will be. */
export function firstBlock({ basis }: Pick<BlockStore, "basis">): number {
  return basis === undefined ? 0 : basis.lastBlock + 1;
}
