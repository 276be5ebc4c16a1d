/**
 * Read-write sets as they are parsed from a transaction.
 *
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/rwsetutil/rwset_proto_util.go.
 */
import { equalBytes, NO_BYTES, sha256 } from "@hansa/primitives";
import { keyFromHash } from "./keys.js";
import { FieldReader, merged } from "./scan.js";
import type { Version } from "./state.js";

/** A read of a key that was not there has no version. */
export type KvRead = { readonly key: string; readonly version: Version | undefined };

export type KvWrite = { readonly key: string; readonly isDelete: boolean; readonly value: Uint8Array };

export type MetadataEntry = { readonly name: string; readonly value: Uint8Array };

/** No entries: the key's metadata is removed. */
export type MetadataWrite = { readonly key: string; readonly entries: readonly MetadataEntry[] };

export type MerkleSummary = {
  readonly maxDegree: number;
  readonly maxLevel: number;
  readonly maxLevelHashes: readonly Uint8Array[];
};

export type RangeQuery = {
  readonly startKey: string;
  readonly endKey: string;
  /** False: the caller stopped at `endKey`, which belongs to the results. */
  readonly itrExhausted: boolean;
  readonly rawReads: readonly KvRead[];
  readonly merkle: MerkleSummary | undefined;
};

/** Keys are the 32-byte hashes as latin1 strings, as in hashed namespaces. */
export type HashedWrite = {
  readonly key: string;
  readonly isDelete: boolean;
  readonly isPurge: boolean;
  readonly valueHash: Uint8Array;
};

export type HashedCollection = {
  readonly name: string;
  readonly reads: readonly KvRead[];
  readonly writes: readonly HashedWrite[];
  readonly metadataWrites: readonly MetadataWrite[];
  /** SHA-256 of the collection's private read-write set; empty when nothing private was written. */
  readonly privateHash: Uint8Array;
};

export type NamespaceRwSet = {
  readonly namespace: string;
  readonly reads: readonly KvRead[];
  readonly rangeQueries: readonly RangeQuery[];
  readonly writes: readonly KvWrite[];
  readonly metadataWrites: readonly MetadataWrite[];
  readonly collections: readonly HashedCollection[];
};

export type ParsedRwSet = { readonly namespaces: readonly NamespaceRwSet[] };

/**
 * Parses `rwset.TxReadWriteSet` and the sets inside it.
 * @throws MalformedMessage
 */
export function parseTxRwSet(bytes: Uint8Array): ParsedRwSet {
  const namespaces: NamespaceRwSet[] = [];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 2 && reader.isLengthDelimited()) namespaces.push(parseNamespace(reader.bytes()));
    else reader.skip();
  }
  return { namespaces };
}

/** Whether the transaction writes anything, public or private, to this namespace. */
export function writesTo(set: NamespaceRwSet): boolean {
  return (
    set.writes.length > 0 ||
    set.metadataWrites.length > 0 ||
    set.collections.some((collection) => collection.writes.length > 0 || collection.metadataWrites.length > 0)
  );
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function parseNamespace(bytes: Uint8Array): NamespaceRwSet {
  let namespace = "";
  let kv: Uint8Array = NO_BYTES;
  const collections: HashedCollection[] = [];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) namespace = reader.string();
    else if (reader.field === 2) kv = reader.bytes();
    else if (reader.field === 3) collections.push(parseCollection(reader.bytes()));
    else reader.skip();
  }
  return { namespace, ...parseKvRwSet(kv), collections };
}

function parseKvRwSet(bytes: Uint8Array) {
  const reads: KvRead[] = [];
  const rangeQueries: RangeQuery[] = [];
  const writes: KvWrite[] = [];
  const metadataWrites: MetadataWrite[] = [];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) reads.push(parseRead(reader.bytes(), false));
    else if (reader.field === 2) rangeQueries.push(parseRangeQuery(reader.bytes()));
    else if (reader.field === 3) writes.push(parseWrite(reader.bytes()));
    else if (reader.field === 4) metadataWrites.push(parseMetadataWrite(reader.bytes(), false));
    else reader.skip();
  }
  return { reads, rangeQueries, writes, metadataWrites };
}

function parseCollection(bytes: Uint8Array): HashedCollection {
  let name = "";
  let hashed: Uint8Array = NO_BYTES;
  let privateHash: Uint8Array = NO_BYTES;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) hashed = reader.bytes();
    else if (reader.field === 3) privateHash = reader.bytes();
    else reader.skip();
  }
  const reads: KvRead[] = [];
  const writes: HashedWrite[] = [];
  const metadataWrites: MetadataWrite[] = [];
  const inner = new FieldReader(hashed);
  while (inner.next()) {
    if (!inner.isLengthDelimited()) inner.skip();
    else if (inner.field === 1) reads.push(parseRead(inner.bytes(), true));
    else if (inner.field === 2) writes.push(parseHashedWrite(inner.bytes()));
    else if (inner.field === 3) metadataWrites.push(parseMetadataWrite(inner.bytes(), true));
    else inner.skip();
  }
  return { name, reads, writes, metadataWrites, privateHash };
}

function parseKey(reader: FieldReader, hashed: boolean): string {
  return hashed ? keyFromHash(reader.bytes()) : reader.string();
}

function parseRead(bytes: Uint8Array, hashed: boolean): KvRead {
  const read: Mutable<KvRead> = { key: "", version: undefined };
  let version: Uint8Array | undefined;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) read.key = parseKey(reader, hashed);
    else if (reader.field === 2) version = merged(version, reader.bytes());
    else reader.skip();
  }
  if (version !== undefined) read.version = parseVersion(version);
  return read;
}

function parseVersion(bytes: Uint8Array): Version {
  let blockNumber = 0;
  let txIndex = 0;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 1 && reader.isVarint()) blockNumber = reader.number();
    else if (reader.field === 2 && reader.isVarint()) txIndex = reader.number();
    else reader.skip();
  }
  return { blockNumber, txIndex };
}

function parseWrite(bytes: Uint8Array): KvWrite {
  let key = "";
  let isDelete = false;
  let value: Uint8Array = NO_BYTES;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 1 && reader.isLengthDelimited()) key = reader.string();
    else if (reader.field === 2 && reader.isVarint()) isDelete = reader.number() !== 0;
    else if (reader.field === 3 && reader.isLengthDelimited()) value = reader.bytes();
    else reader.skip();
  }
  // An empty value deletes: protobuf cannot tell it from none, so Fabric treats both alike.
  return { key, isDelete: isDelete || value.length === 0, value };
}

const HASH_OF_NOTHING = sha256(NO_BYTES);

function parseHashedWrite(bytes: Uint8Array): HashedWrite {
  let key = "";
  let isDelete = false;
  let isPurge = false;
  let valueHash: Uint8Array = NO_BYTES;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 1 && reader.isLengthDelimited()) key = keyFromHash(reader.bytes());
    else if (reader.field === 2 && reader.isVarint()) isDelete = reader.number() !== 0;
    else if (reader.field === 3 && reader.isLengthDelimited()) valueHash = reader.bytes();
    else if (reader.field === 4 && reader.isVarint()) isPurge = reader.number() !== 0;
    else reader.skip();
  }
  const deletes = isDelete || valueHash.length === 0 || equalBytes(valueHash, HASH_OF_NOTHING);
  return { key, isDelete: deletes, isPurge, valueHash };
}

function parseMetadataWrite(bytes: Uint8Array, hashed: boolean): MetadataWrite {
  let key = "";
  const entries: MetadataEntry[] = [];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) key = parseKey(reader, hashed);
    else if (reader.field === 2) entries.push(parseMetadataEntry(reader.bytes()));
    else reader.skip();
  }
  return { key, entries };
}

function parseMetadataEntry(bytes: Uint8Array): MetadataEntry {
  let name = "";
  let value: Uint8Array = NO_BYTES;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) value = reader.bytes();
    else reader.skip();
  }
  return { name, value };
}

function parseRangeQuery(bytes: Uint8Array): RangeQuery {
  const query: Mutable<RangeQuery> = {
    startKey: "",
    endKey: "",
    itrExhausted: false,
    rawReads: [],
    merkle: undefined,
  };
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 3 && reader.isVarint()) query.itrExhausted = reader.number() !== 0;
    else if (!reader.isLengthDelimited()) reader.skip();
    else if (reader.field === 1) query.startKey = reader.string();
    else if (reader.field === 2) query.endKey = reader.string();
    else if (reader.field === 4) {
      query.rawReads = parseQueryReads(reader.bytes());
      query.merkle = undefined;
    } else if (reader.field === 5) {
      query.merkle = parseMerkleSummary(reader.bytes());
      query.rawReads = [];
    } else reader.skip();
  }
  return query;
}

function parseQueryReads(bytes: Uint8Array): KvRead[] {
  const reads: KvRead[] = [];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 1 && reader.isLengthDelimited()) reads.push(parseRead(reader.bytes(), false));
    else reader.skip();
  }
  return reads;
}

function parseMerkleSummary(bytes: Uint8Array): MerkleSummary {
  let maxDegree = 0;
  let maxLevel = 0;
  const maxLevelHashes: Uint8Array[] = [];
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 1 && reader.isVarint()) maxDegree = reader.number();
    else if (reader.field === 2 && reader.isVarint()) maxLevel = reader.number();
    else if (reader.field === 3 && reader.isLengthDelimited()) maxLevelHashes.push(reader.bytes());
    else reader.skip();
  }
  return { maxDegree, maxLevel, maxLevelHashes };
}
