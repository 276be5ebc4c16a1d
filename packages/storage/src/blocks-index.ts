/**
 * Where each block and each transaction is: the files `offsets` and `transactions`, with hash tables in memory.
 *
 * Both follow from the segments and are not synced: what is missing or does not read is cut and made again.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import path from "node:path";
import type { StoredBlock, TxLocation } from "@hansa/ledger";
import { equalBytes, LruMap, NO_BYTES } from "@hansa/primitives";
import {
  decodeOffset,
  decodeTransaction,
  encodeOffset,
  encodeTransaction,
  idBytes,
  idForm,
  OFFSET_BYTES,
  TRANSACTION_BYTES,
  type TransactionRecord,
} from "./blocks-record.js";
import { HashTable } from "./hash-table.js";

const CHUNK_RECORDS = 16_384;
const PAGE_RECORDS = 1_024;
/** Transactions that senders are likely to ask for next: those of the last blocks. */
const RECENT_TRANSACTIONS = 4_096;

export type BlockPlace = { readonly segment: number; readonly offset: number; readonly bodyBytes: number };

export class BlockIndex {
  readonly #offsets: number;
  readonly #transactions: number;
  readonly #byHeader = new HashTable();
  readonly #byId = new HashTable();
  readonly #recent = new LruMap<string, TxLocation>(RECENT_TRANSACTIONS);
  /** Number of the first block that the files hold; its place is the first in `offsets`. */
  readonly first: number;
  #height: number;
  #transactionCount = 0;
  #isClosed = false;

  private constructor(folder: string, first: number) {
    this.first = first;
    this.#height = first;
    this.#offsets = openSync(path.join(folder, "offsets"), "a+", 0o600);
    this.#transactions = openSync(path.join(folder, "transactions"), "a+", 0o600);
  }

  /** Reads what is sound; the height may lie below that of the segments. */
  static open(folder: string, first = 0): BlockIndex {
    const index = new BlockIndex(folder, first);
    index.#load();
    return index;
  }

  get height(): number {
    return this.#height;
  }

  place(number: number): BlockPlace | undefined {
    return number >= this.first && number < this.#height ? decodeOffset(this.#offsetBytes(number)) : undefined;
  }

  /** The block must be durable. */
  add(block: Omit<StoredBlock, "pieces">, place: BlockPlace): void {
    const { number, headerHash, transactions } = block;
    const ids = transactions.map(({ txId }) => idBytes(txId));
    const records = transactions.map(({ txId, code }, txIndex) =>
      encodeTransaction({ id: ids[txIndex] ?? NO_BYTES, form: idForm(txId), blockNumber: number, txIndex, code }),
    );
    writeAll(this.#transactions, Buffer.concat(records));
    const firstTransaction = this.#transactionCount;
    writeAll(
      this.#offsets,
      encodeOffset({ ...place, headerHash, firstTransaction, transactionCount: transactions.length }),
    );
    for (const [txIndex, { txId, code }] of transactions.entries()) {
      const id = ids[txIndex];
      if (id === undefined || txId === "") continue;
      // Of an id that comes again, the first transaction counts.
      if (this.#locate(id) === undefined) this.#recent.set(txId, { blockNumber: number, txIndex, code });
      this.#byId.add(id, firstTransaction + txIndex);
    }
    this.#byHeader.add(headerHash, number - this.first);
    this.#transactionCount += transactions.length;
    this.#height = number + 1;
  }

  find(txId: string): TxLocation | undefined {
    if (txId === "") return undefined;
    return this.#recent.get(txId) ?? this.#locate(idBytes(txId));
  }

  #locate(id: Uint8Array): TxLocation | undefined {
    for (const record of this.#byId.candidates(id)) {
      const found = decodeTransaction(readAt(this.#transactions, record * TRANSACTION_BYTES, TRANSACTION_BYTES));
      if (found === undefined || !equalBytes(found.id, id)) continue;
      return { blockNumber: found.blockNumber, txIndex: found.txIndex, code: found.code };
    }
    return undefined;
  }

  findByHash(headerHash: Uint8Array): number | undefined {
    for (const record of this.#byHeader.candidates(headerHash)) {
      const number = this.first + record;
      const found = decodeOffset(this.#offsetBytes(number));
      if (found !== undefined && equalBytes(found.headerHash, headerHash)) return number;
    }
    return undefined;
  }

  /** What is known of the transactions in blocks before this number, in pages. */
  *transactions(before: number): Generator<readonly TransactionRecord[]> {
    for (let at = 0; at < this.#transactionCount; at += PAGE_RECORDS) {
      const count = Math.min(PAGE_RECORDS, this.#transactionCount - at);
      const bytes = readAt(this.#transactions, at * TRANSACTION_BYTES, count * TRANSACTION_BYTES);
      const page: TransactionRecord[] = [];
      for (let start = 0; start < bytes.length; start += TRANSACTION_BYTES) {
        const record = decodeTransaction(bytes.subarray(start, start + TRANSACTION_BYTES));
        if (record !== undefined && record.blockNumber < before) page.push(record);
      }
      yield page;
      if (page.length < count) return;
    }
  }

  /** Forgets blocks from this number on, to make them again. */
  cut(height: number): void {
    ftruncateSync(this.#offsets, (height - this.first) * OFFSET_BYTES);
    this.#reset();
    this.#load();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#offsets);
    closeSync(this.#transactions);
  }

  #offsetBytes(number: number): Buffer {
    return readAt(this.#offsets, (number - this.first) * OFFSET_BYTES, OFFSET_BYTES);
  }

  #reset(): void {
    this.#height = this.first;
    this.#transactionCount = 0;
    this.#byHeader.clear();
    this.#byId.clear();
    this.#recent.clear();
  }

  #load(): void {
    const transactions = this.#loadTransactions();
    for (const offset of readRecords(this.#offsets, OFFSET_BYTES, decodeOffset)) {
      const end: number = offset.firstTransaction + offset.transactionCount;
      if (offset.firstTransaction !== this.#transactionCount || end > transactions) break;
      this.#byHeader.add(offset.headerHash, this.#height - this.first);
      this.#transactionCount = end;
      this.#height++;
    }
    ftruncateSync(this.#offsets, (this.#height - this.first) * OFFSET_BYTES);
    ftruncateSync(this.#transactions, this.#transactionCount * TRANSACTION_BYTES);
    let record = 0;
    for (const { id } of readRecords(this.#transactions, TRANSACTION_BYTES, decodeTransaction)) {
      if (id.some((byte) => byte !== 0)) this.#byId.add(id, record);
      record++;
    }
  }

  #loadTransactions(): number {
    let count = 0;
    for (const _ of readRecords(this.#transactions, TRANSACTION_BYTES, decodeTransaction)) count++;
    return count;
  }
}

/** Records from the start up to the first one that does not read. */
function* readRecords<T>(fd: number, size: number, decode: (bytes: Buffer) => T | undefined): Generator<T> {
  const end = fstatSync(fd).size;
  for (let at = 0; at < end; at += CHUNK_RECORDS * size) {
    const chunk = readAt(fd, at, Math.min(CHUNK_RECORDS * size, end - at));
    for (let record = 0; record + size <= chunk.length; record += size) {
      const decoded = decode(chunk.subarray(record, record + size));
      if (decoded === undefined) return;
      yield decoded;
    }
  }
}

export function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const read = readSync(fd, bytes, filled, length - filled, position + filled);
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written);
}
