/**
 * Collects what a simulation read and wrote and encodes it to Fabric's bytes: namespaces, collections and keys in the
 * order of their bytes, range queries in the order they were opened. Endorsers must agree on these bytes.
 *
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/rwsetutil/rwset_builder.go.
 */
import { fromUtf8, NO_BYTES, sha256 } from "@hansa/primitives";
import { encode, kvrwset, rwset } from "@hansa/wire";
import { compareKeys } from "./keys.js";
import type { Metadata } from "./metadata.js";
import { toProtoRead } from "./range-results.js";
import type { KvRead, RangeQuery } from "./rwset.js";
import type { Version } from "./state.js";

type PrivateWrite = { readonly value: Uint8Array; readonly isPurge: boolean };

type CollectionSet = {
  readonly reads: Map<string, Version | undefined>;
  readonly writes: Map<string, PrivateWrite>;
  readonly metadataWrites: Map<string, Metadata>;
};

type NamespaceSet = {
  readonly reads: Map<string, Version | undefined>;
  readonly writes: Map<string, Uint8Array>;
  readonly metadataWrites: Map<string, Metadata>;
  readonly rangeQueries: Map<string, RangeQuery>;
  readonly collections: Map<string, CollectionSet>;
};

export type EncodedRwSet = {
  /** `rwset.TxReadWriteSet`: public writes, and hashes of private ones. */
  readonly publicBytes: Uint8Array;
  /** The private writes in plain; undefined when there are none. */
  readonly privateSet: rwset.ITxPvtReadWriteSet | undefined;
};

export class RwSetBuilder {
  readonly #namespaces = new Map<string, NamespaceSet>();

  read(namespace: string, key: string, version: Version | undefined): void {
    this.#namespace(namespace).reads.set(key, version);
  }

  /** An empty value deletes. */
  write(namespace: string, key: string, value: Uint8Array): void {
    this.#namespace(namespace).writes.set(key, value);
  }

  metadataWrite(namespace: string, key: string, metadata: Metadata): void {
    this.#namespace(namespace).metadataWrites.set(key, metadata);
  }

  /** Of equal ranges (start, end, exhausted) only the first is kept. */
  rangeQuery(namespace: string, query: RangeQuery): void {
    const queries = this.#namespace(namespace).rangeQueries;
    const identity = JSON.stringify([query.startKey, query.endKey, query.itrExhausted]);
    if (!queries.has(identity)) queries.set(identity, query);
  }

  privateRead(namespace: string, collection: string, key: string, version: Version | undefined): void {
    this.#collection(namespace, collection).reads.set(key, version);
  }

  /** An empty value deletes. */
  privateWrite(namespace: string, collection: string, key: string, value: Uint8Array, isPurge: boolean): void {
    this.#collection(namespace, collection).writes.set(key, { value, isPurge });
  }

  privateMetadataWrite(namespace: string, collection: string, key: string, metadata: Metadata): void {
    this.#collection(namespace, collection).metadataWrites.set(key, metadata);
  }

  encode(): EncodedRwSet {
    const nsRwset: rwset.INsReadWriteSet[] = [];
    const nsPvtRwset: rwset.INsPvtReadWriteSet[] = [];
    for (const [namespace, set] of sorted(this.#namespaces)) {
      const collectionHashedRwset: rwset.ICollectionHashedReadWriteSet[] = [];
      const collectionPvtRwset: rwset.ICollectionPvtReadWriteSet[] = [];
      for (const [collectionName, collection] of sorted(set.collections)) {
        const hashedRwset = encode(kvrwset.HashedRWSet, toHashedRwSet(collection));
        if (collection.writes.size === 0 && collection.metadataWrites.size === 0) {
          collectionHashedRwset.push({ collectionName, hashedRwset });
          continue;
        }
        const privateBytes = encode(kvrwset.KVRWSet, toPrivateRwSet(collection));
        collectionPvtRwset.push({ collectionName, rwset: privateBytes });
        collectionHashedRwset.push({ collectionName, hashedRwset, pvtRwsetHash: sha256(privateBytes) });
      }
      const bytes = encode(kvrwset.KVRWSet, toPublicRwSet(set));
      nsRwset.push({ namespace, rwset: bytes, collectionHashedRwset });
      if (collectionPvtRwset.length > 0) nsPvtRwset.push({ namespace, collectionPvtRwset });
    }
    return {
      publicBytes: encode(rwset.TxReadWriteSet, { nsRwset }),
      privateSet: nsPvtRwset.length === 0 ? undefined : { nsPvtRwset },
    };
  }

  #namespace(namespace: string): NamespaceSet {
    let set = this.#namespaces.get(namespace);
    if (set === undefined) {
      set = {
        reads: new Map(),
        writes: new Map(),
        metadataWrites: new Map(),
        rangeQueries: new Map(),
        collections: new Map(),
      };
      this.#namespaces.set(namespace, set);
    }
    return set;
  }

  #collection(namespace: string, collection: string): CollectionSet {
    const { collections } = this.#namespace(namespace);
    let set = collections.get(collection);
    if (set === undefined) {
      set = { reads: new Map(), writes: new Map(), metadataWrites: new Map() };
      collections.set(collection, set);
    }
    return set;
  }
}

function sorted<V>(map: ReadonlyMap<string, V>): [string, V][] {
  const entries = [...map];
  return entries.length < 2 ? entries : entries.sort(([a], [b]) => compareKeys(a, b));
}

function keyHash(key: string): Uint8Array {
  return sha256(fromUtf8(key));
}

function toPublicRwSet(set: NamespaceSet): kvrwset.IKVRWSet {
  return {
    reads: sorted(set.reads).map(([key, version]) => toProtoRead({ key, version })),
    rangeQueriesInfo: [...set.rangeQueries.values()].map(toProtoRangeQuery),
    writes: sorted(set.writes).map(([key, value]) => ({ key, isDelete: value.length === 0, value })),
    metadataWrites: sorted(set.metadataWrites).map(([key, metadata]) => ({ key, entries: toEntries(metadata) })),
  };
}

function toHashedRwSet(set: CollectionSet): kvrwset.IHashedRWSet {
  return {
    hashedReads: sorted(set.reads).map(([key, version]) => {
      const read: KvRead = { key: "", version };
      return { keyHash: keyHash(key), version: toProtoRead(read).version };
    }),
    hashedWrites: sorted(set.writes).map(([key, { value, isPurge }]) => {
      const isDelete = value.length === 0;
      return { keyHash: keyHash(key), isDelete, valueHash: isDelete ? NO_BYTES : sha256(value), isPurge };
    }),
    metadataWrites: sorted(set.metadataWrites).map(([key, metadata]) => ({
      keyHash: keyHash(key),
      entries: toEntries(metadata),
    })),
  };
}

/** Metadata lives with the hashed key; the private set only names the keys whose version it moves. */
function toPrivateRwSet(set: CollectionSet): kvrwset.IKVRWSet {
  return {
    writes: sorted(set.writes).map(([key, { value }]) => ({ key, isDelete: value.length === 0, value })),
    metadataWrites: sorted(set.metadataWrites).map(([key]) => ({ key })),
  };
}

function toEntries(metadata: Metadata): kvrwset.IKVMetadataEntry[] {
  return sorted(metadata).map(([name, value]) => ({ name, value }));
}

function toProtoRangeQuery(query: RangeQuery): kvrwset.IRangeQueryInfo {
  const info: kvrwset.IRangeQueryInfo = {
    startKey: query.startKey,
    endKey: query.endKey,
    itrExhausted: query.itrExhausted,
  };
  if (query.merkle !== undefined)
    info.readsMerkleHashes = { ...query.merkle, maxLevelHashes: [...query.merkle.maxLevelHashes] };
  else if (query.rawReads.length > 0) info.rawReads = { kvReads: query.rawReads.map(toProtoRead) };
  return info;
}
