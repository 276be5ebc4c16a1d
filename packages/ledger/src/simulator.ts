/**
 * Runs one proposal's reads and writes against the committed state and records them.
 *
 * Reads see committed state only: a simulation never reads its own writes. Ranges are recorded for the phantom check.
 * Paginated queries and queries on private data make the simulation read-only.
 *
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/txmgr/tx_simulator.go, query_executor.go; error texts alike.
 */
import { NO_BYTES } from "@hansa/primitives";
import type { rwset } from "@hansa/wire";
import { SimulationError } from "./error.js";
import { hashedNamespace, hashKey, privateNamespace } from "./keys.js";
import { type Metadata, parseMetadata } from "./metadata.js";
import { RecordingIterator, type StateIterator } from "./recording-iterator.js";
import type { RichQuery } from "./rich-query/query.js";
import { RichQueryResults } from "./rich-query/run.js";
import { RwSetBuilder } from "./rwset-builder.js";
import type { StateEntry, StateReader, Version } from "./state.js";
import { sameVersion } from "./version.js";

/** Results of a rich query, one by one. */
export interface RichQueryIterator {
  /** The index that serves it; undefined where every document is looked at. */
  readonly index: string | undefined;
  next(): Promise<{ readonly key: string; readonly value: Uint8Array } | undefined>;
  bookmark(): Promise<string>;
  close(): Promise<void>;
}

export type SimulationResults = {
  /** `rwset.TxReadWriteSet`. */
  readonly publicBytes: Uint8Array;
  /** Private writes in plain; undefined when there are none. */
  readonly privateSet: rwset.ITxPvtReadWriteSet | undefined;
  /** Namespace → collections whose private data was read: their members must endorse. */
  readonly privateReads: ReadonlyMap<string, ReadonlySet<string>>;
  /**
   * Every written key with its key-level metadata, which decides who must endorse; empty metadata where the key has none.
   * The collection is "" for public keys.
   */
  readonly writtenMetadata: readonly WrittenMetadata[];
};

export type WrittenMetadata = {
  readonly namespace: string;
  readonly collection: string;
  readonly key: string;
  readonly metadata: Metadata;
};

/**
 * Names of the collections of a chaincode, explicit and implicit; undefined when it defines none
 * (no definition). Asked once a namespace.
 */
export type CollectionLookup = (namespace: string) => ReadonlySet<string> | undefined;

export class TxSimulator {
  readonly txId: string;
  readonly #state: StateReader;
  readonly #lookup: CollectionLookup | undefined;
  readonly #builder = new RwSetBuilder();
  readonly #iterators: RecordingIterator[] = [];
  readonly #cursors: { close(): Promise<void> }[] = [];
  readonly #collections = new Map<string, ReadonlySet<string>>();
  readonly #privateReads = new Map<string, Set<string>>();
  readonly #writtenMetadata = new Map<string, WrittenMetadata>();
  readonly #release: (() => void) | undefined;
  #isDone = false;
  #hasWritten = false;
  #hasQueriedPrivate = false;
  #hasPaginated = false;
  #hasResults = false;

  /**
   * @param lookup without it, any collection name is taken
   * @param release called once by `done`
   */
  constructor(state: StateReader, txId: string, lookup?: CollectionLookup, release?: () => void) {
    this.#state = state;
    this.txId = txId;
    this.#lookup = lookup;
    this.#release = release;
  }

  getState(namespace: string, key: string): Uint8Array | undefined {
    return this.#read(namespace, key)?.value;
  }

  /** Reads the key for its metadata; the read is recorded as any other. */
  getStateMetadata(namespace: string, key: string): Metadata {
    return parseMetadata(this.#read(namespace, key)?.metadata);
  }

  /** An empty value deletes the key. */
  setState(namespace: string, key: string, value: Uint8Array): void {
    this.#beforeWrite();
    this.#builder.write(namespace, key, value);
    this.#noteMetadata(namespace, "", key);
  }

  deleteState(namespace: string, key: string): void {
    this.setState(namespace, key, NO_BYTES);
  }

  /** Replaces all metadata of the key; an empty map removes it. */
  setStateMetadata(namespace: string, key: string, metadata: Metadata): void {
    this.#beforeWrite();
    this.#builder.metadataWrite(namespace, key, metadata);
    this.#noteMetadata(namespace, "", key);
  }

  /** From `startKey` up to and without `endKey`; empty ends are open. */
  getStateRange(namespace: string, startKey: string, endKey: string): StateIterator {
    this.#checkDone();
    return this.#openRange(namespace, startKey, endKey, Number.POSITIVE_INFINITY);
  }

  /** As `getStateRange`, at most `pageSize` results, all where that is not positive; the simulation becomes read-only. */
  getStateRangePage(namespace: string, startKey: string, endKey: string, pageSize: number): StateIterator {
    if (this.#hasWritten) this.#refuse("Paginated queries are supported only in a read-only transaction");
    this.#hasPaginated = true;
    this.#checkDone();
    return this.#openRange(namespace, startKey, endKey, pageSize > 0 ? pageSize : Number.POSITIVE_INFINITY);
  }

  getPrivateData(namespace: string, collection: string, key: string): Uint8Array | undefined {
    this.#checkCollection(namespace, collection);
    this.#checkDone();
    const found = this.#state.get(privateNamespace(namespace, collection), key);
    const hashed = this.#state.get(hashedNamespace(namespace, collection), hashKey(key));
    if (!sameVersion(hashed?.version, found?.version)) {
      throw new SimulationError(
        "private data matching public hash version is not available. Public hash version = " +
          `${printVersion(hashed?.version)}, Private data version = ${printVersion(found?.version)}`,
      );
    }
    this.#builder.privateRead(namespace, collection, key, found?.version);
    this.#notePrivateRead(namespace, collection);
    return found?.value;
  }

  /** SHA-256 of the value, which every peer of the channel has. */
  getPrivateDataHash(namespace: string, collection: string, key: string): Uint8Array | undefined {
    return this.#readHashed(namespace, collection, key)?.value;
  }

  getPrivateDataMetadata(namespace: string, collection: string, key: string): Metadata {
    return parseMetadata(this.#readHashed(namespace, collection, key)?.metadata);
  }

  /** Nothing is recorded of the results; the simulation becomes read-only. */
  getPrivateDataRange(namespace: string, collection: string, startKey: string, endKey: string): StateIterator {
    if (this.#hasWritten) this.#refuse("Queries on pvt data is supported only in a read-only transaction");
    this.#hasQueriedPrivate = true;
    this.#checkCollection(namespace, collection);
    this.#checkDone();
    const cursor = this.#state.range(privateNamespace(namespace, collection), startKey, endKey);
    this.#cursors.push(cursor);
    return new RecordingIterator(cursor, startKey, endKey, Number.POSITIVE_INFINITY);
  }

  /**
   * Documents that a query selects. What is served is recorded as read, nothing is for the phantom check; a page makes
   * the simulation read-only.
   * @throws RichQueryError, SimulationError
   */
  queryState(namespace: string, query: RichQuery, pageSize?: number): RichQueryIterator {
    if (pageSize !== undefined) {
      if (this.#hasWritten) this.#refuse("Paginated queries are supported only in a read-only transaction");
      this.#hasPaginated = true;
    }
    this.#checkDone();
    return this.#openQuery(namespace, query, pageSize, ({ key, version }) =>
      this.#builder.read(namespace, key, version),
    );
  }

  /** As `queryState`, of a collection: nothing is recorded, and the simulation becomes read-only. */
  queryPrivateData(namespace: string, collection: string, query: RichQuery): RichQueryIterator {
    if (this.#hasWritten) this.#refuse("Queries on pvt data is supported only in a read-only transaction");
    this.#hasQueriedPrivate = true;
    this.#checkCollection(namespace, collection);
    this.#checkDone();
    return this.#openQuery(privateNamespace(namespace, collection), query);
  }

  setPrivateData(namespace: string, collection: string, key: string, value: Uint8Array): void {
    this.#writePrivate(namespace, collection, key, value, false);
  }

  deletePrivateData(namespace: string, collection: string, key: string): void {
    this.#writePrivate(namespace, collection, key, NO_BYTES, false);
  }

  purgePrivateData(namespace: string, collection: string, key: string): void {
    this.#writePrivate(namespace, collection, key, NO_BYTES, true);
  }

  setPrivateDataMetadata(namespace: string, collection: string, key: string, metadata: Metadata): void {
    this.#checkCollection(namespace, collection);
    this.#beforeWrite();
    this.#builder.privateMetadataWrite(namespace, collection, key, metadata);
    this.#noteMetadata(namespace, collection, key);
  }

  /** @throws SimulationError when asked twice */
  results(): SimulationResults {
    if (this.#hasResults) {
      throw new SimulationError("this function should only be called once on a transaction simulator instance");
    }
    this.#hasResults = true;
    for (const iterator of this.#iterators) {
      this.#builder.rangeQuery(iterator.namespace, iterator.query());
    }
    return {
      ...this.#builder.encode(),
      privateReads: this.#privateReads,
      writtenMetadata: [...this.#writtenMetadata.values()],
    };
  }

  /** Ends the simulation: iterators close, nothing may be asked of it any more. */
  done(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    // What a cursor cannot close any more, its store has closed.
    for (const cursor of this.#cursors) cursor.close().catch(() => {});
    this.#release?.();
  }

  #read(namespace: string, key: string) {
    this.#checkDone();
    const found = this.#state.get(namespace, key);
    this.#builder.read(namespace, key, found?.version);
    return found;
  }

  #readHashed(namespace: string, collection: string, key: string) {
    this.#checkCollection(namespace, collection);
    this.#checkDone();
    const found = this.#state.get(hashedNamespace(namespace, collection), hashKey(key));
    this.#builder.privateRead(namespace, collection, key, found?.version);
    return found;
  }

  #writePrivate(namespace: string, collection: string, key: string, value: Uint8Array, isPurge: boolean): void {
    this.#checkCollection(namespace, collection);
    this.#beforeWrite();
    this.#builder.privateWrite(namespace, collection, key, value, isPurge);
    this.#noteMetadata(namespace, collection, key);
  }

  #openRange(namespace: string, startKey: string, endKey: string, limit: number): StateIterator {
    const cursor = this.#state.range(namespace, startKey, endKey);
    this.#cursors.push(cursor);
    const iterator = new RecordingIterator(cursor, startKey, endKey, limit, namespace);
    this.#iterators.push(iterator);
    return iterator;
  }

  #openQuery(
    namespace: string,
    query: RichQuery,
    pageSize?: number,
    onServed: (entry: StateEntry) => void = () => {},
  ): RichQueryIterator {
    const limit = pageSize !== undefined && pageSize > 0 ? pageSize : Number.POSITIVE_INFINITY;
    const results = new RichQueryResults(this.#state, namespace, query, limit);
    this.#cursors.push(results);
    return {
      index: results.index,
      bookmark: () => results.bookmark(),
      close: () => results.close(),
      next: async () => {
        const found = await results.next();
        if (found === undefined) return undefined;
        onServed(found.entry);
        return { key: found.entry.key, value: found.value };
      },
    };
  }

  #beforeWrite(): void {
    this.#checkDone();
    if (this.#hasQueriedPrivate) {
      this.#refuse("Transaction has already performed queries on pvt data. Writes are not allowed");
    }
    if (this.#hasPaginated) {
      this.#refuse("Transaction has already performed a paginated query. Writes are not allowed");
    }
    this.#hasWritten = true;
  }

  /** "unsuppored" is Fabric's spelling. */
  #refuse(why: string): never {
    throw new SimulationError(`txid [${this.txId}]: unsuppored transaction. ${why}`);
  }

  #checkDone(): void {
    if (this.#isDone) throw new SimulationError("this instance should not be used after calling Done()");
  }

  #checkCollection(namespace: string, collection: string): void {
    if (this.#lookup === undefined) return;
    let known = this.#collections.get(namespace);
    if (known === undefined) {
      known = this.#lookup(namespace);
      if (known === undefined) {
        throw new SimulationError(
          `collection config not defined for chaincode [${namespace}], pass the collection configuration upon chaincode definition/instantiation`,
        );
      }
      this.#collections.set(namespace, known);
    }
    if (!known.has(collection)) {
      throw new SimulationError(
        `collection [${collection}] not defined in the collection config for chaincode [${namespace}]`,
      );
    }
  }

  #notePrivateRead(namespace: string, collection: string): void {
    let collections = this.#privateReads.get(namespace);
    if (collections === undefined) {
      collections = new Set();
      this.#privateReads.set(namespace, collections);
    }
    collections.add(collection);
  }

  #noteMetadata(namespace: string, collection: string, key: string): void {
    const stored =
      collection === ""
        ? this.#state.get(namespace, key)?.metadata
        : this.#state.get(hashedNamespace(namespace, collection), hashKey(key))?.metadata;
    const metadata = parseMetadata(stored);
    this.#writtenMetadata.set(`${namespace}\n${collection}\n${key}`, { namespace, collection, key, metadata });
  }
}

function printVersion(version: Version | undefined): string {
  return version === undefined ? "<nil>" : `{BlockNum: ${version.blockNumber}, TxNum: ${version.txIndex}}`;
}
