export { type BlockStore, firstBlock, type SnapshotBasis, type StoredBlock, type TxLocation } from "./block-store.js";
export { ByteWriter } from "./byte-writer.js";
export {
  COLLECTION_HISTORY,
  type CollectionChanges,
  collectionEntryKey,
  readCollectionEntryKey,
} from "./collection-history.js";
export { commitHash, updateBytes } from "./commit-hash.js";
export { LedgerError, type LedgerFault, SimulationError } from "./error.js";
export type { BlockToLive } from "./expiry.js";
export { type HistoricValue, KeyHistory } from "./history.js";
export * from "./keys.js";
export { Ledger } from "./ledger.js";
export type * from "./ledger-types.js";
export { type Metadata, parseMetadata, serializeMetadata, VALIDATION_PARAMETER } from "./metadata.js";
export type { FillOutcome, MissingSet } from "./missing-private.js";
export { type PreparedBlock, prepareBlock, type ValidatedTransaction } from "./mvcc.js";
export { type Change, type LastChange, Past, type PastLimits } from "./past.js";
export {
  compareSet,
  encodeSets,
  KEPT_PRIVATE,
  type PrivateWrites,
  privateWritesOf,
  readSets,
  type TakenSet,
  type WantedSet,
  wantedSets,
} from "./private-writes.js";
export { RangeResults } from "./range-results.js";
export { chaincodeActionOf, computedTxId, readTransaction } from "./read-transaction.js";
export { RichQueryError } from "./rich-query/error.js";
export { readDocument } from "./rich-query/json.js";
export {
  type IndexDefinition,
  type IndexPlan,
  indexKey,
  indexOf,
  type JsonIndex,
  readIndexDefinition,
} from "./rich-query/json-index.js";
export { parseRichQuery, type RichQuery } from "./rich-query/query.js";
export { RichQueryResults } from "./rich-query/run.js";
export { selectorFields } from "./rich-query/selector.js";
export * from "./rwset.js";
export { type EncodedRwSet, RwSetBuilder } from "./rwset-builder.js";
export { FieldReader, MalformedMessage } from "./scan.js";
export * from "./simulator.js";
export { StateImport, type StateImportOptions } from "./snapshot-import.js";
export * from "./snapshot-record.js";
export * from "./state.js";
export * from "./transaction.js";
export { sameVersion, versionBytes } from "./version.js";
