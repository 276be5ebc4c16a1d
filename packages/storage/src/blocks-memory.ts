/** A channel's blocks in memory, for tests and for networks that keep nothing. */
import {
  type BlockStore,
  firstBlock,
  LedgerError,
  type SnapshotBasis,
  type StoredBlock,
  type TxLocation,
} from "@hansa/ledger";
import { bytesKey, concatBytes } from "@hansa/primitives";

export class MemoryBlockStore implements BlockStore {
  readonly #blocks: Uint8Array[] = [];
  readonly #locations = new Map<string, TxLocation>();
  readonly #numbers = new Map<string, number>();
  readonly basis: SnapshotBasis | undefined;
  readonly #basisIds: ReadonlySet<string>;
  #isClosed = false;

  /** @param basis what a snapshot stands for, with the ids of its transactions */
  constructor(basis?: SnapshotBasis, ids: ReadonlySet<string> = new Set()) {
    this.basis = basis;
    this.#basisIds = ids;
  }

  height(): number {
    return firstBlock(this) + this.#blocks.length;
  }

  async append(block: StoredBlock): Promise<void> {
    if (this.#isClosed) throw new LedgerError("STORE_CLOSED", "the block store is closed");
    if (block.number !== this.height()) {
      throw new LedgerError("BLOCK_OUT_OF_ORDER", `block ${block.number} came where ${this.height()} was due`);
    }
    this.#blocks.push(concatBytes(...block.pieces));
    this.#numbers.set(bytesKey(block.headerHash), block.number);
    for (const [txIndex, { txId, code }] of block.transactions.entries()) {
      if (txId === "" || this.#locations.has(txId)) continue;
      this.#locations.set(txId, { blockNumber: block.number, txIndex, code });
    }
  }

  async read(number: number): Promise<Uint8Array | undefined> {
    return this.#blocks[number - firstBlock(this)];
  }

  find(txId: string): TxLocation | undefined {
    return this.#locations.get(txId);
  }

  hasId(txId: string): boolean {
    return this.#locations.has(txId) || this.#basisIds.has(txId);
  }

  async *txIds(before: number): AsyncGenerator<readonly string[]> {
    yield [...this.#basisIds];
    yield [...this.#locations].flatMap(([txId, { blockNumber }]) => (blockNumber < before ? [txId] : []));
  }

  findByHash(headerHash: Uint8Array): number | undefined {
    return this.#numbers.get(bytesKey(headerHash));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}
