/** What a ledger is made of, takes and gives. */
import type { Logger } from "@hansa/primitives";
import type { BlockParts } from "@hansa/wire";
import type { BlockStore } from "./block-store.js";
import type { CollectionChanges } from "./collection-history.js";
import type { BlockToLive } from "./expiry.js";
import type { ValidatedTransaction } from "./mvcc.js";
import type { PrivateWrites } from "./private-writes.js";
import type { FrozenState, StateStore } from "./state.js";

export type LedgerOptions = {
  readonly channelId: string;
  readonly blocks: BlockStore;
  readonly state: StateStore;
  /** Without it nothing expires. */
  readonly blockToLive?: BlockToLive;
  /** Without it no history of collections is kept. */
  readonly collectionChanges?: CollectionChanges;
  /** Without it private values are never known, only their hashes. */
  readonly privateWrites?: PrivateWrites;
  /** Asked at the beginning of what takes time; the function that it returns is called at the end. For metrics. */
  readonly measure?: (what: LedgerWork) => () => void;
  readonly logger?: Logger;
};

/** "blocks": the block is stored. "private": its private data and the block are. "state": its writes are in the state. */
export type LedgerWork = "blocks" | "private" | "state";

export type CommitInput = {
  readonly block: BlockParts;
  /** One for each envelope, with the verdict on structure, signatures and policies. */
  readonly transactions: readonly ValidatedTransaction[];
};

export type CommittedBlock = {
  readonly number: number;
  readonly headerHash: Uint8Array;
  /** With the peer's metadata in it: codes and commit hash. */
  readonly block: BlockParts;
  /** Final `protos.TxValidationCode`, one byte a transaction. */
  readonly codes: Uint8Array;
  /** Empty for block 0. */
  readonly commitHash: Uint8Array;
  /** With final codes. */
  readonly transactions: readonly ValidatedTransaction[];
};

/** A block that the ledger has taken in and whose writes can be read. */
export type BegunCommit = {
  readonly committed: CommittedBlock;
  /** Resolves when the block is stored and counts, after those before it. Rejects when it could not be stored. */
  readonly stored: Promise<void>;
};

/** A channel's state and what leads up to it, as they were after one block. For snapshots. */
export type FrozenLedger = {
  readonly channelId: string;
  readonly lastBlock: number;
  readonly lastBlockHash: Uint8Array;
  readonly previousBlockHash: Uint8Array;
  /** Empty after block 0. */
  readonly commitHash: Uint8Array;
  readonly state: FrozenState;
  /** See BlockStore.txIds. */
  readonly txIds: () => AsyncIterable<readonly string[]>;
};

export type ChainInfo = {
  readonly height: number;
  readonly currentBlockHash: Uint8Array;
  readonly previousBlockHash: Uint8Array;
  /** Of a ledger that began with a snapshot. */
  readonly bootstrappingSnapshotInfo?: { readonly lastBlockInSnapshot: number };
};

export type CommitListener = (committed: CommittedBlock) => void;
