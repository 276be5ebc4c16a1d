/**
 * The ledger of one channel: its blocks, its state, and the one way in, `commit`.
 *
 * A block is durable in the block store before its writes reach the state; the state remembers the last block it
 * holds. After a crash `open` applies the blocks that the state lacks, by the verdicts that are stored with them.
 * Source: hyperledger/fabric, core/ledger/kvledger/kv_ledger.go.
 */
import { assert, type Logger, messageOf, NO_BYTES, silentLogger } from "@hansa/primitives";
import { type BlockParts, blockChunks, METADATA, splitBlock, TxValidationCode } from "@hansa/wire";
import { type BlockStore, firstBlock, type TxLocation } from "./block-store.js";
import { type ChainTip, NO_TIP, nextNumber, storedBlock, storedTip, tipAfter } from "./chain-tip.js";
import { type CollectionChanges, recordCollections } from "./collection-history.js";
import { commitHash } from "./commit-hash.js";
import { committedBlock } from "./committed-block.js";
import { LedgerError } from "./error.js";
import { ExpirySchedule } from "./expiry.js";
import { KeyHistory } from "./history.js";
import type {
  BegunCommit,
  ChainInfo,
  CommitInput,
  CommitListener,
  CommittedBlock,
  FrozenLedger,
  LedgerOptions,
} from "./ledger-types.js";
import { type FillOutcome, fillMissing, type MissingSet, missingSets, noteUntaken } from "./missing-private.js";
import { type PreparedBlock, prepareBlock, type ValidatedTransaction } from "./mvcc.js";
import {
  applyPrivateSets,
  keepingBatch,
  keptSets,
  type PrivateWrites,
  type TakenSets,
  takePrivateSets,
} from "./private-writes.js";
import { applyPurges } from "./purge.js";
import { readTransaction } from "./read-transaction.js";
import type { IndexDefinition, JsonIndex } from "./rich-query/json-index.js";
import type { HashedCollection } from "./rwset.js";
import { type CollectionLookup, TxSimulator } from "./simulator.js";
import { Snapshots } from "./snapshots.js";
import type { StateBatch, StateReader, StateStore } from "./state.js";

const NO_SETS: TakenSets = new Map();
/** Blocks whose writes may be on their way into the state. */
const MAX_APPLYING = 16;

export class Ledger {
  readonly channelId: string;
  readonly blocks: BlockStore;
  readonly #state: StateStore;
  readonly #expiry: ExpirySchedule;
  readonly #snapshots: Snapshots;
  readonly #collectionChanges: CollectionChanges | undefined;
  readonly #privateWrites: PrivateWrites | undefined;
  readonly #measure: NonNullable<LedgerOptions["measure"]>;
  readonly #logger: Logger;
  readonly #listeners = new Set<CommitListener>();
  /** Of the last block that is stored. */
  #tip: ChainTip = NO_TIP;
  /** Of the last block that was taken in, which may still be on its way into the store. */
  #begun: ChainTip = NO_TIP;
  #isCommitting = false;
  /** Writes of the state that are under way. A commit does not wait for its own: the block is stored, and is enough. */
  readonly #applying = new Set<Promise<void>>();
  #applyFailure: unknown;
  /** Why a block that was begun could not be stored: nothing can follow it. */
  #unstored: unknown;

  private constructor(options: LedgerOptions) {
    this.channelId = options.channelId;
    this.blocks = options.blocks;
    this.#state = options.state;
    this.#snapshots = new Snapshots(options.state);
    this.#expiry = new ExpirySchedule(options.state, options.blockToLive ?? (() => 0));
    this.#collectionChanges = options.collectionChanges;
    this.#privateWrites = options.privateWrites;
    this.#measure = options.measure ?? (() => () => {});
    this.#logger = options.logger ?? silentLogger;
  }

  /**
   * Opens the ledger and brings the state up to the last block.
   * @throws LedgerError STATE_AHEAD_OF_BLOCKS when the block store has lost blocks, STATE_LOST when a ledger that
   * began with a snapshot has lost the state, which its blocks do not lead to
   */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const ledger = new Ledger(options);
    await ledger.#recover();
    return ledger;
  }

  /** Count of blocks; the next one has this number. */
  get height(): number {
    return this.#tip.height;
  }

  /** Committed state, always the latest. */
  get state(): StateReader {
    return this.#state;
  }

  /** The last block whose writes can be read; undefined before block 0. */
  get lastApplied(): number | undefined {
    return this.#state.savepoint();
  }

  /** For `common.BlockchainInfo`: header hashes of the last block and of the one before; empty where there is none. */
  info(): ChainInfo {
    const { blocks } = this;
    const { height, currentHash, previousHash } = this.#tip;
    const info = { height, currentBlockHash: currentHash, previousBlockHash: previousHash };
    if (blocks.basis === undefined) return info;
    return { ...info, bootstrappingSnapshotInfo: { lastBlockInSnapshot: blocks.basis.lastBlock } };
  }

  /** Commit hash of the last block; empty before block 1. */
  get lastCommitHash(): Uint8Array {
    return this.#tip.commitHash;
  }

  find(txId: string): TxLocation | undefined {
    return this.blocks.find(txId);
  }

  /** Whether a transaction has this id, also one of the blocks that only a snapshot stands for. */
  hasId(txId: string): boolean {
    return this.blocks.hasId(txId);
  }

  /** State and chain as the last block left them, while further blocks are committed. To be closed. */
  async freeze(): Promise<FrozenLedger> {
    const lastBlock = this.#state.savepoint();
    assert(lastBlock !== undefined, "a ledger without block has nothing to freeze");
    const { channelId, blocks } = this;
    const { currentHash: lastBlockHash, previousHash: previousBlockHash, commitHash } = this.#begun;
    const txIds = () => blocks.txIds(lastBlock + 1);
    const state = await this.#state.freeze();
    return { channelId, lastBlock, lastBlockHash, previousBlockHash, commitHash, state, txIds };
  }

  /** Indexes on the documents of a namespace that are complete. */
  indexes(namespace: string): readonly JsonIndex[] {
    return this.#state.indexes(namespace);
  }

  /** See StateStore.defineIndexes. */
  defineIndexes(namespace: string, definitions: readonly IndexDefinition[]): Promise<void> {
    return this.#state.defineIndexes(namespace, definitions);
  }

  /**
   * Simulates on the state as it is now. To be ended with `done`.
   * @param collections without it, any collection name is taken
   */
  simulator(txId: string, collections?: CollectionLookup): TxSimulator {
    const snapshot = this.#snapshots.open();
    return new TxSimulator(snapshot, txId, collections, () => snapshot.release());
  }

  history(namespace: string, key: string): KeyHistory {
    return new KeyHistory(namespace, key, this.#state.history(namespace, key), this.blocks);
  }

  /**
   * Called for each block when its writes can be read, and before a later one's can. It may be on its way into the store
   * yet; what is frozen in the call waits for that. Returns how to stop it.
   */
  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Checks reads, stores the block with codes and commit hash, applies the writes. One at a time, in order.
   * @throws LedgerError when the block is not the next one or its hashes do not hold; nothing is changed then
   */
  async commit(input: CommitInput): Promise<CommittedBlock> {
    const { committed, stored } = await this.begin(input);
    await stored;
    return committed;
  }

  /**
   * As commit, and resolves as soon as the next block can be begun: its reads see this one's writes, while this one is
   * still being stored. The state on disk never runs ahead of the blocks.
   */
  async begin({ block, transactions }: CommitInput): Promise<BegunCommit> {
    assert(!this.#isCommitting, "one commit at a time");
    assert(transactions.length === block.envelopes.length, "one verdict for each envelope");
    this.#isCommitting = true;
    try {
      const number = nextNumber(this.channelId, this.#begun, block);
      const failure = this.#unstored ?? this.#applyFailure;
      if (failure !== undefined) throw failure;
      while (this.#applying.size >= MAX_APPLYING) await Promise.race(this.#applying);
      const prepared = await prepareBlock(number, transactions, this.#state, true);
      const hash = number === 0 ? NO_BYTES : commitHash(this.#begun.commitHash, prepared.codes, prepared.batch);
      const committed = committedBlock(number, block, transactions, prepared, hash);
      const storedAll = this.#measure("private");
      await this.#applyRest(number, transactions, await this.#keepPrivate(number, transactions), prepared);
      const storedParts = this.#measure("blocks");
      const tip = tipAfter(committed);
      const stored = this.blocks
        .append({
          number,
          headerHash: committed.headerHash,
          pieces: blockChunks(committed.block),
          transactions: committed.transactions,
        })
        .then(() => {
          storedParts();
          storedAll();
          this.#tip = tip;
        });
      // Whoever began it hears of a failure, and so does the next commit.
      stored.catch((error: unknown) => {
        this.#unstored ??= error;
      });
      this.#apply(prepared.batch, number, stored);
      this.#begun = tip;
      this.#tell(committed);
      return { committed, stored };
    } finally {
      this.#isCommitting = false;
    }
  }

  /** What may be asked of others now, as far as it is wanted. See missing-private.ts. */
  missing(): AsyncGenerator<MissingSet> {
    return missingSets(this.#state, this.#privateWrites?.holds ?? (() => false));
  }

  /** See missing-private.ts. Not while a block is committed. @param takesPart whether a part of the set will do */
  async fillMissing(missing: MissingSet, plain: Uint8Array, takesPart = false): Promise<FillOutcome> {
    const written = await this.#writtenSet(missing);
    while (this.#isCommitting) await new Promise((resolve) => setImmediate(resolve));
    const savepoint = this.#state.savepoint();
    if (written === null || savepoint === undefined) return "refused";
    const { outcome, batch } = fillMissing(this.#state, missing, plain, written, takesPart);
    if (batch === undefined) return outcome;
    this.#expiry.scheduleLate(missing.namespace, missing.collection, batch);
    this.#snapshots.beforeApply(batch);
    await this.#state.apply(batch, savepoint, { sync: true });
    return outcome;
  }

  /** What a block says of a private set: undefined where only a snapshot stands for it, null where it wrote none. */
  async #writtenSet(set: MissingSet): Promise<HashedCollection | undefined | null> {
    if (set.blockNumber < firstBlock(this.blocks)) return undefined;
    const envelope = (await this.block(set.blockNumber))?.envelopes[set.txIndex];
    if (envelope === undefined) return null;
    const { rwset } = readTransaction(envelope, TxValidationCode.VALID);
    const namespace = rwset?.namespaces.find(({ namespace: name }) => name === set.namespace);
    return namespace?.collections.find(({ name }) => name === set.collection) ?? null;
  }

  /** The parts of a stored block. */
  async block(number: number): Promise<BlockParts | undefined> {
    const bytes = await this.blocks.read(number);
    return bytes === undefined ? undefined : splitBlock(bytes);
  }

  /** @throws what the last writes of the state failed with, if they did */
  async close(): Promise<void> {
    this.#listeners.clear();
    await Promise.allSettled(this.#applying);
    await this.#state.close();
    await this.blocks.close();
    if (this.#applyFailure !== undefined) throw this.#applyFailure;
  }

  /** A listener that fails cannot undo the commit, nor keep it from the others. */
  #tell(committed: CommittedBlock): void {
    for (const listener of this.#listeners) {
      try {
        listener(committed);
      } catch (error) {
        const { number } = committed;
        this.#logger.error("a listener to commits failed", {
          channel: this.channelId,
          number,
          reason: messageOf(error),
        });
      }
    }
  }

  #apply(batch: StateBatch, number: number, stored: Promise<void>): void {
    this.#snapshots.beforeApply(batch);
    const applied = this.#measure("state");
    const applying: Promise<void> = this.#state.apply(batch, number, { after: stored }).then(
      () => {
        applied();
        this.#applying.delete(applying);
      },
      (error: unknown) => {
        // The next commit or `close` reports it. What a block that is not stored wrote is not to be stored either.
        if (this.#unstored === undefined) this.#applyFailure ??= error;
        this.#applying.delete(applying);
      },
    );
    this.#applying.add(applying);
  }

  async #recover(): Promise<void> {
    await this.#expiry.load();
    const height = this.blocks.height();
    const savepoint = this.#state.savepoint();
    if (savepoint !== undefined && savepoint >= height) {
      throw new LedgerError(
        "STATE_AHEAD_OF_BLOCKS",
        `channel ${this.channelId}: the state holds block ${savepoint}, but the block store ends before block ${height}`,
        { nextStep: "Restore the block files, or delete both state and blocks to fetch the channel again." },
      );
    }
    const { basis } = this.blocks;
    if (basis !== undefined && (savepoint === undefined || savepoint < basis.lastBlock)) {
      throw new LedgerError(
        "STATE_LOST",
        `channel ${this.channelId}: the ledger began with a snapshot at block ${basis.lastBlock}, and its state is lost`,
        { nextStep: "Take the peer out of the channel (unjoin), then join by the snapshot again." },
      );
    }
    for (let number = savepoint === undefined ? 0 : savepoint + 1; number < height; number++) {
      await this.#applyAgain(number);
    }
    this.#tip = await storedTip(this.blocks);
    this.#begun = this.#tip;
  }

  async #applyAgain(number: number): Promise<void> {
    const block = await storedBlock(this.blocks, number);
    const codes = block.metadata[METADATA.TRANSACTIONS_FILTER] ?? NO_BYTES;
    const transactions = block.envelopes.map((envelope, index) =>
      readTransaction(envelope, codes[index] ?? TxValidationCode.VALID),
    );
    const prepared = await prepareBlock(number, transactions, this.#state, false);
    const kept = await keptSets(this.#state, number);
    await this.#applyRest(number, transactions, kept, prepared);
    await this.#state.apply(prepared.batch, number);
    this.#logger.info("block applied to the state again", { channel: this.channelId, number });
  }

  async #keepPrivate(number: number, transactions: readonly ValidatedTransaction[]): Promise<TakenSets> {
    if (this.#privateWrites === undefined) return NO_SETS;
    const taken = takePrivateSets(transactions, this.#state, this.#privateWrites);
    if (taken.size > 0) await this.#state.apply(keepingBatch(number, taken), number - 1, { sync: true });
    return taken;
  }

  /** What is no part of the commit hash. */
  async #applyRest(
    number: number,
    transactions: readonly ValidatedTransaction[],
    taken: TakenSets,
    { codes, batch }: PreparedBlock,
  ): Promise<void> {
    recordCollections(this.#collectionChanges, number, batch, this.#state);
    applyPrivateSets(number, codes, taken, batch, this.#state);
    if (this.#privateWrites !== undefined) {
      const { holds } = this.#privateWrites;
      noteUntaken(batch, number, transactions, codes, taken, { state: this.#state, holds });
    }
    await applyPurges(number, transactions, codes, batch, this.#state);
    await this.#expiry.apply(number, batch);
  }
}
