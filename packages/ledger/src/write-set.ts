/**
 * Turns a valid transaction's writes into updates. Value and metadata of a key are one update: a write of one keeps
 * the other as it was after the transaction before; deleting a key drops its metadata; metadata of a missing key is
 * dropped.
 *
 * Kinds of writes are added as numbers, not or-ed: a set that writes one key twice thereby comes to another kind. Only
 * forged sets do that, but then peers must agree.
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/validation/tx_ops.go.
 */
import { hashedNamespace } from "./keys.js";
import { serializeMetadata } from "./metadata.js";
import type { MetadataWrite, ParsedRwSet } from "./rwset.js";
import type { StateBatch, StateReader, Version } from "./state.js";

const UPSERT = 1;
const METADATA_UPDATE = 2;
const METADATA_DELETE = 4;
const DELETE = 8;

type KeyOperation = { kind: number; value: Uint8Array | undefined; metadata: Uint8Array | undefined };
type KeyOperations = Map<string, KeyOperation>;

type AnyWrite = { readonly key: string; readonly isDelete: boolean };

/** Adds a valid transaction's writes to the batch of its block. */
export function applyWrites(rwset: ParsedRwSet, version: Version, batch: StateBatch, state: StateReader): void {
  // Operations are collected over the whole set first: two entries for one collection count as one.
  const operations = new Map<string, KeyOperations>();
  for (const set of rwset.namespaces) {
    collect(operations, set.namespace, set.writes, (write) => write.value, set.metadataWrites);
    for (const { name, writes, metadataWrites } of set.collections) {
      collect(operations, hashedNamespace(set.namespace, name), writes, (write) => write.valueHash, metadataWrites);
    }
  }
  for (const [namespace, keys] of operations) {
    // What a key was before this transaction, so all are settled before any is set.
    const settled = [...keys].map(
      ([key, operation]) => [key, settle(namespace, key, operation, batch, state)] as const,
    );
    for (const [key, update] of settled) {
      if (update !== undefined) batch.set(namespace, key, { ...update, version });
    }
  }
}

function collect<W extends AnyWrite>(
  all: Map<string, KeyOperations>,
  namespace: string,
  writes: readonly W[],
  payloadOf: (write: W) => Uint8Array,
  metadataWrites: readonly MetadataWrite[],
): void {
  if (writes.length === 0 && metadataWrites.length === 0) return;
  let keys = all.get(namespace);
  if (keys === undefined) {
    keys = new Map();
    all.set(namespace, keys);
  }
  for (const write of writes) {
    const operation = operationOn(keys, write.key);
    if (write.isDelete) operation.kind += DELETE;
    else {
      operation.kind += UPSERT;
      operation.value = payloadOf(write);
    }
  }
  for (const { key, entries } of metadataWrites) {
    const operation = operationOn(keys, key);
    if (entries.length === 0) operation.kind += METADATA_DELETE;
    else {
      operation.kind += METADATA_UPDATE;
      operation.metadata = serializeMetadata(entries);
    }
  }
}

function operationOn(keys: KeyOperations, key: string): KeyOperation {
  let operation = keys.get(key);
  if (operation === undefined) {
    operation = { kind: 0, value: undefined, metadata: undefined };
    keys.set(key, operation);
  }
  return operation;
}

type Settled = { readonly value: Uint8Array | undefined; readonly metadata?: Uint8Array | undefined };

/** The key's value and metadata after the operation; undefined when it changes nothing. */
function settle(
  namespace: string,
  key: string,
  operation: KeyOperation,
  batch: StateBatch,
  state: StateReader,
): Settled | undefined {
  const { kind, value, metadata } = operation;
  if ((kind & DELETE) === DELETE) return { value: undefined };
  if ((kind & UPSERT) === UPSERT && (kind & (METADATA_UPDATE | METADATA_DELETE)) !== 0) return { value, metadata };
  const latest = batch.get(namespace, key) ?? state.get(namespace, key);
  if ((kind | UPSERT) === UPSERT) return { value, metadata: latest?.metadata };
  if (latest?.value === undefined) return undefined;
  return { value: latest.value, metadata };
}
