/**
 * A range of the state as a simulation reads it: a page at a time, and what was served is remembered.
 *
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/txmgr/query_executor.go (resultsItr).
 */
import { MAX_DEGREE, RangeResults } from "./range-results.js";
import type { RangeQuery } from "./rwset.js";
import type { RangeCursor, StateEntry } from "./state.js";

/** Results of a range, one by one. Their reading is recorded as far as it went. */
export interface StateIterator {
  next(): Promise<StateEntry | undefined>;
  /** Key after the last one served, without recording it: the bookmark of the next page. Empty at the end. Closes. */
  bookmark(): Promise<string>;
  close(): Promise<void>;
}

/** Entries read ahead for an iterator. */
const PAGE = 100;

/** Serves a range and remembers what was served, for the phantom check. */
export class RecordingIterator implements StateIterator {
  readonly namespace: string;
  readonly #cursor: RangeCursor;
  readonly #startKey: string;
  readonly #endKey: string;
  readonly #results = new RangeResults(MAX_DEGREE);
  #page: readonly StateEntry[] = [];
  #position = 0;
  #left: number;
  #lastKey = "";
  #isExhausted = false;

  constructor(cursor: RangeCursor, startKey: string, endKey: string, limit: number, namespace = "") {
    this.namespace = namespace;
    this.#cursor = cursor;
    this.#startKey = startKey;
    this.#endKey = endKey;
    this.#left = limit;
  }

  async next(): Promise<StateEntry | undefined> {
    const entry = this.#left > 0 ? await this.#peek() : undefined;
    if (entry === undefined) {
      // Fabric marks a page that is full as exhausted too, with the end of the whole range.
      this.#isExhausted = true;
      this.#lastKey = this.#endKey;
      return undefined;
    }
    this.#position++;
    this.#left--;
    this.#results.add({ key: entry.key, version: entry.version });
    this.#lastKey = entry.key;
    return entry;
  }

  async bookmark(): Promise<string> {
    const entry = await this.#peek();
    await this.close();
    return entry?.key ?? "";
  }

  async close(): Promise<void> {
    await this.#cursor.close();
  }

  /** What the phantom check must find again. */
  query(): RangeQuery {
    const { rawReads, merkle } = this.#results.done();
    return { startKey: this.#startKey, endKey: this.#lastKey, itrExhausted: this.#isExhausted, rawReads, merkle };
  }

  async #peek(): Promise<StateEntry | undefined> {
    if (this.#position >= this.#page.length) {
      this.#page = await this.#cursor.next(Math.min(PAGE, this.#left + 1));
      this.#position = 0;
    }
    return this.#page[this.#position];
  }
}
