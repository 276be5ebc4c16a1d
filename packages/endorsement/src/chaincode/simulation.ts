/**
 * What a chaincode conversation asks of the ledger. The ledger's TxSimulator has this shape; tests and tools may bring
 * their own. Refusals are thrown with Fabric's text.
 */
import type { RichQuery } from "@hansa/ledger";
import type { Bytes } from "@hansa/primitives";

export type StateResult = { readonly key: string; readonly value: Bytes };

/** Results one by one; how far they were read is recorded for the phantom check, so nobody reads ahead. */
export interface ResultIterator<T> {
  next(): Promise<T | undefined>;
  close(): Promise<void>;
}

export interface StateResults extends ResultIterator<StateResult> {
  /** Where the next page begins, "" at the end; closes. */
  bookmark(): Promise<string>;
}

export interface RichResults extends StateResults {
  /** The index that serves the query; undefined where every document is looked at. */
  readonly index: string | undefined;
}

export type KeyMetadata = ReadonlyMap<string, Bytes>;

/** Reads see committed state only. An empty value deletes. */
export interface Simulation {
  getState(namespace: string, key: string): Bytes | undefined;
  setState(namespace: string, key: string, value: Bytes): void;
  deleteState(namespace: string, key: string): void;
  getStateMetadata(namespace: string, key: string): KeyMetadata;
  setStateMetadata(namespace: string, key: string, metadata: KeyMetadata): void;
  /** `endKey` is exclusive; empty ends are open. */
  getStateRange(namespace: string, startKey: string, endKey: string): StateResults;
  getStateRangePage(namespace: string, startKey: string, endKey: string, pageSize: number): StateResults;
  getPrivateData(namespace: string, collection: string, key: string): Bytes | undefined;
  getPrivateDataHash(namespace: string, collection: string, key: string): Bytes | undefined;
  getPrivateDataMetadata(namespace: string, collection: string, key: string): KeyMetadata;
  getPrivateDataRange(namespace: string, collection: string, startKey: string, endKey: string): StateResults;
  /** @throws Error with CouchDB's text as Fabric passes it on */
  queryState(namespace: string, query: RichQuery, pageSize?: number): RichResults;
  queryPrivateData(namespace: string, collection: string, query: RichQuery): RichResults;
  setPrivateData(namespace: string, collection: string, key: string, value: Bytes): void;
  deletePrivateData(namespace: string, collection: string, key: string): void;
  purgePrivateData(namespace: string, collection: string, key: string): void;
  setPrivateDataMetadata(namespace: string, collection: string, key: string, metadata: KeyMetadata): void;
}

/** One past value of a key. */
export type KeyModification = {
  readonly txId: string;
  /** Of the transaction's channel header. */
  readonly timestampMs: number;
  readonly isDelete: boolean;
  /** Empty when the key was deleted. */
  readonly value: Bytes;
};

export interface HistoryReader {
  /** Newest first. */
  history(namespace: string, key: string): ResultIterator<KeyModification>;
}

/** What a chaincode may do with a collection on behalf of the proposal's creator. */
export type CollectionPermission = { readonly read: boolean; readonly write: boolean };

/** A message that ends a call: COMPLETED with an encoded protos.Response, or ERROR with a text. */
export type CallOutcome = {
  readonly type: number;
  readonly payload: Bytes;
  /** protos.ChaincodeEvent, encoded; undefined when none was set. */
  readonly event: Bytes | undefined;
};

/** One call of one chaincode within a transaction. */
export type ChaincodeCall = {
  readonly channelId: string;
  readonly txId: string;
  /** Name of the chaincode: the namespace it works in. */
  readonly chaincode: string;
  /** protos.ChaincodeInput, encoded. */
  readonly input: Bytes;
  readonly isInit: boolean;
  /** protos.SignedProposal as received; the chaincode reads creator, transient data and time from it. */
  readonly signedProposal: Bytes | undefined;
  /** Undefined only for calls outside any channel. */
  readonly simulation: Simulation | undefined;
  readonly history: HistoryReader | undefined;
  readonly timeoutMs: number;
  /** Application capability of the channel: "V1_3", "V2_5". A later version includes the earlier. */
  hasCapability(name: "V1_3" | "V2_5"): boolean;
  /** Told of a rich query that no index serves. @param collection "" for public state @param fields that it looks at */
  onUnindexedQuery?(collection: string, fields: string): void;
  /** @throws Error with Fabric's text when there is no such collection */
  permission(collection: string): CollectionPermission;
  /**
   * Calls another chaincode for this one. `target` is "name", or "name/channel"; a version in between is ignored.
   * @throws Error with Fabric's text when the call is refused or does not end
   */
  invoke(target: string, input: Bytes): Promise<CallOutcome>;
};
