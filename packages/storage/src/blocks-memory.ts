/** A channel's blocks in memory, for tests and for networks that keep nothing. */
import { type BlockStore, LedgerError, type StoredBlock, type TxLocation } from "@hansa/ledger";
import { bytesKey, concatBytes } from "@hansa/primitives";

export class MemoryBlockStore implements BlockStore {
  readonly #blocks: Uint8Array[] = [];
  readonly #locations = new Map<string, TxLocation>();
  readonly #numbers = new Map<string, number>();
  #isClosed = false;

  height(): number {
    return this.#blocks.length;
  }

  async append(block: StoredBlock): Promise<void> {
    if (this.#isClosed) throw new LedgerError("STORE_CLOSED", "the block store is closed");
    if (block.number !== this.#blocks.length) {
      throw new LedgerError("BLOCK_OUT_OF_ORDER", `block ${block.number} came where ${this.#blocks.length} was due`);
    }
    this.#blocks.push(concatBytes(...block.pieces));
    this.#numbers.set(bytesKey(block.headerHash), block.number);
    for (const [txIndex, { txId, code }] of block.transactions.entries()) {
      if (txId === "" || this.#locations.has(txId)) continue;
      this.#locations.set(txId, { blockNumber: block.number, txIndex, code });
    }
  }

  async read(number: number): Promise<Uint8Array | undefined> {
    return this.#blocks[number];
  }

  find(txId: string): TxLocation | undefined {
    return this.#locations.get(txId);
  }

  findByHash(headerHash: Uint8Array): number | undefined {
    return this.#numbers.get(bytesKey(headerHash));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}
