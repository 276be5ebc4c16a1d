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

export interface BlockStore {
  /** Count of blocks; the next one to append has this number. */
  height(): number;
  /** Durable when it resolves. Blocks come in order, one at a time or several without waiting. */
  append(block: StoredBlock): Promise<void>;
  /** Bytes of the whole `common.Block`, or undefined when there is no such block. */
  read(number: number): Promise<Uint8Array | undefined>;
  /** The first transaction with this id, valid or not. */
  find(txId: string): TxLocation | undefined;
  /** Number of the block with this header hash. */
  findByHash(headerHash: Uint8Array): number | undefined;
  close(): Promise<void>;
}
