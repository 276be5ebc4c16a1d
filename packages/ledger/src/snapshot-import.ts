/**
 * Fills an empty state store from the records of a snapshot. Public state comes first: how long the data of a collection
 * lives is read from it when the hashed records come. All private data is noted as missing: who may have what may change.
 *
 * Source: hyperledger/fabric, core/ledger/kvledger/snapshot.go (order), core/ledger/pvtdatastorage/
 * snapshot_data_importer.go (missing data), txmgmt/pvtstatepurgemgmt/snapshot_purge_mgr_builder.go (expiry).
 */
import { COLLECTION_HISTORY, collectionEntryKey } from "./collection-history.js";
import { type BlockToLive, ImportedExpiry } from "./expiry.js";
import { splitNamespace } from "./keys.js";
import { markMissing } from "./missing-private.js";
import { StateBatch, type StateEntry, type StateStore } from "./state.js";

export type StateImportOptions = {
  readonly state: StateStore;
  /** Number of the last block that the snapshot covers. */
  readonly lastBlock: number;
  /** Without it nothing expires. */
  readonly blockToLive?: BlockToLive;
};

export class StateImport {
  readonly #options: StateImportOptions;
  readonly #expiry: ImportedExpiry;

  constructor(options: StateImportOptions) {
    this.#options = options;
    this.#expiry = new ImportedExpiry(options.state, options.blockToLive ?? (() => 0));
  }

  /** Records of one namespace, public or hashed. */
  async records(joined: string, entries: readonly StateEntry[]): Promise<void> {
    const { state, lastBlock } = this.#options;
    const batch = new StateBatch();
    for (const { key, ...value } of entries) batch.set(joined, key, value);
    const { kind, namespace, collection } = splitNamespace(joined);
    if (kind === "hashed" && collection !== undefined) {
      this.#expiry.schedule(batch, namespace, collection, entries);
      for (const { version } of entries) markMissing(batch, version, namespace, collection, false);
    }
    await state.apply(batch, lastBlock);
  }

  /** A chaincode's collections from one block on. */
  async collections(chaincode: string, blockNumber: number, value: Uint8Array): Promise<void> {
    const batch = new StateBatch();
    batch.set(COLLECTION_HISTORY, collectionEntryKey(chaincode, blockNumber), {
      value,
      version: { blockNumber, txIndex: 0 },
    });
    await this.#options.state.apply(batch, this.#options.lastBlock);
  }

  /** Makes it durable. */
  async done(): Promise<void> {
    await this.#options.state.apply(new StateBatch(), this.#options.lastBlock, { sync: true });
  }
}
