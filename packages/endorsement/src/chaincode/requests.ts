/**
 * What a chaincode may ask of its peer during a call, one function a message type. Each takes the payload and returns
 * the answer's payload, at once where the ledger answers at once.
 * Source: hyperledger/fabric, core/chaincode/handler.go; texts of refusals alike, because they reach clients.
 */
import { parseRichQuery, type RichQuery, selectorFields } from "@hansa/ledger";
import { type Bytes, NO_BYTES } from "@hansa/primitives";
import { CANNOT_PARSE, encode, protos, queryresult, toTimestamp } from "@hansa/wire";
import { ChaincodeError, refuse } from "./error.js";
import type { ConversationLimits } from "./limits.js";
import { type EncodedResults, OpenQueries, type Page } from "./queries.js";
import { nestedMessage, ShimType } from "./shim-message.js";
import type {
  ChaincodeCall,
  CollectionPermission,
  KeyModification,
  ResultIterator,
  Simulation,
  StateResults,
} from "./simulation.js";

const MAX_NOTED_CHARS = 500;

/** A call in progress, as far as its requests need it. */
export class CallState {
  readonly call: ChaincodeCall;
  readonly limits: ConversationLimits;
  /** Encoded txid and channel fields of every message about this call. */
  readonly tail: Bytes;
  #queries: OpenQueries | undefined;
  #permissions: Map<string, CollectionPermission> | undefined;

  constructor(call: ChaincodeCall, limits: ConversationLimits, tail: Bytes) {
    this.call = call;
    this.limits = limits;
    this.tail = tail;
  }

  get simulation(): Simulation {
    return this.call.simulation ?? refuse("no ledger context");
  }

  get queries(): OpenQueries {
    this.#queries ??= new OpenQueries(this.limits);
    return this.#queries;
  }

  checkCanRead(collection: string): void {
    this.#checkNoInit();
    if (!this.#permission(collection).read) {
      refuse(
        `tx creator does not have read access permission on privatedata in chaincodeName:${this.call.chaincode} collectionName: ${collection}`,
      );
    }
  }

  checkCanWrite(collection: string): void {
    this.#checkNoInit();
    if (!this.#permission(collection).write) {
      refuse(
        `tx creator does not have write access permission on privatedata in chaincodeName:${this.call.chaincode} collectionName: ${collection}`,
      );
    }
  }

  checkNoInit(): void {
    this.#checkNoInit();
  }

  end(): void {
    this.#queries?.closeAll();
  }

  #checkNoInit(): void {
    if (this.call.isInit) refuse("private data APIs are not allowed in chaincode Init()");
  }

  #permission(collection: string): CollectionPermission {
    this.#permissions ??= new Map();
    let permission = this.#permissions.get(collection);
    if (permission === undefined) {
      permission = this.call.permission(collection);
      this.#permissions.set(collection, permission);
    }
    return permission;
  }
}

export type RequestHandler = (state: CallState, payload: Bytes) => Bytes | Promise<Bytes>;

/** By message type; undefined where the type is no request. */
export const REQUEST_HANDLERS: readonly (RequestHandler | undefined)[] = (() => {
  const handlers: (RequestHandler | undefined)[] = new Array(32).fill(undefined);
  handlers[ShimType.GET_STATE] = getState;
  handlers[ShimType.GET_STATE_MULTIPLE] = getStateMultiple;
  handlers[ShimType.PUT_STATE] = (state, payload) => putState(state, read(protos.PutState, payload));
  handlers[ShimType.DEL_STATE] = (state, payload) => delState(state, read(protos.DelState, payload));
  handlers[ShimType.PURGE_PRIVATE_DATA] = (state, payload) => purge(state, read(protos.DelState, payload));
  handlers[ShimType.GET_PRIVATE_DATA_HASH] = getPrivateDataHash;
  handlers[ShimType.GET_STATE_METADATA] = getStateMetadata;
  handlers[ShimType.PUT_STATE_METADATA] = (state, payload) =>
    putMetadata(state, read(protos.PutStateMetadata, payload));
  handlers[ShimType.GET_STATE_BY_RANGE] = getStateByRange;
  handlers[ShimType.GET_QUERY_RESULT] = getQueryResult;
  handlers[ShimType.GET_HISTORY_FOR_KEY] = getHistoryForKey;
  handlers[ShimType.QUERY_STATE_NEXT] = (state, payload) => state.queries.next(read(protos.QueryStateNext, payload).id);
  handlers[ShimType.QUERY_STATE_CLOSE] = (state, payload) =>
    state.queries.close(read(protos.QueryStateClose, payload).id);
  handlers[ShimType.INVOKE_CHAINCODE] = invokeChaincode;
  handlers[ShimType.WRITE_BATCH_STATE] = writeBatch;
  return handlers;
})();

function read<T>(type: { decode(bytes: Bytes): T }, payload: Bytes): T {
  try {
    return type.decode(payload);
  } catch (cause) {
    throw new ChaincodeError("REFUSED", `unmarshal failed: ${CANNOT_PARSE}`, { cause });
  }
}

function getState(state: CallState, payload: Bytes): Bytes {
  const { key, collection } = read(protos.GetState, payload);
  const { simulation, call } = state;
  if (collection === "") return simulation.getState(call.chaincode, key) ?? NO_BYTES;
  state.checkCanRead(collection);
  return simulation.getPrivateData(call.chaincode, collection, key) ?? NO_BYTES;
}

function getStateMultiple(state: CallState, payload: Bytes): Bytes {
  const { keys, collection } = read(protos.GetStateMultiple, payload);
  const { simulation, call, limits } = state;
  if (keys.length > limits.maxMultipleKeys) {
    throw new ChaincodeError(
      "LIMIT",
      `${keys.length} keys in one request, at most ${limits.maxMultipleKeys} are allowed`,
    );
  }
  if (collection !== "") state.checkCanRead(collection);
  const values = keys.map(
    (key) =>
      (collection === ""
        ? simulation.getState(call.chaincode, key)
        : simulation.getPrivateData(call.chaincode, collection, key)) ?? NO_BYTES,
  );
  return encode(protos.GetStateMultipleResult, { values });
}

function getPrivateDataHash(state: CallState, payload: Bytes): Bytes {
  const { key, collection } = read(protos.GetState, payload);
  const { simulation, call } = state;
  state.checkNoInit();
  return simulation.getPrivateDataHash(call.chaincode, collection, key) ?? NO_BYTES;
}

type StateWrite = { readonly key: string; readonly collection: string };

function putState(state: CallState, put: StateWrite & { readonly value: Bytes }): Bytes {
  const { simulation, call } = state;
  if (put.collection === "") {
    simulation.setState(call.chaincode, put.key, put.value);
  } else {
    state.checkCanWrite(put.collection);
    simulation.setPrivateData(call.chaincode, put.collection, put.key, put.value);
  }
  return NO_BYTES;
}

function delState(state: CallState, del: StateWrite): Bytes {
  const { simulation, call } = state;
  if (del.collection === "") {
    simulation.deleteState(call.chaincode, del.key);
  } else {
    state.checkCanWrite(del.collection);
    simulation.deletePrivateData(call.chaincode, del.collection, del.key);
  }
  return NO_BYTES;
}

function purge(state: CallState, del: StateWrite): Bytes {
  const { simulation, call } = state;
  if (!call.hasCapability("V2_5")) {
    refuse("purge private data is not enabled, channel application capability of V2_5 or later is required");
  }
  if (del.collection === "") refuse("only applicable for private data");
  state.checkCanWrite(del.collection);
  simulation.purgePrivateData(call.chaincode, del.collection, del.key);
  return NO_BYTES;
}

function checkMetadataCapability(call: ChaincodeCall): void {
  if (!call.hasCapability("V1_3")) {
    refuse("key level endorsement is not enabled, channel application capability of V1_3 or later is required");
  }
}

function getStateMetadata(state: CallState, payload: Bytes): Bytes {
  const { simulation, call } = state;
  checkMetadataCapability(call);
  const { key, collection } = read(protos.GetStateMetadata, payload);
  if (collection !== "") state.checkCanRead(collection);
  const metadata =
    collection === ""
      ? simulation.getStateMetadata(call.chaincode, key)
      : simulation.getPrivateDataMetadata(call.chaincode, collection, key);
  const entries = [...metadata].map(([metakey, value]) => ({ metakey, value }));
  return encode(protos.StateMetadataResult, { entries });
}

type MetadataWrite = StateWrite & { readonly metadata?: protos.StateMetadata.$Properties | null };

function putMetadata(state: CallState, put: MetadataWrite): Bytes {
  const { simulation, call } = state;
  checkMetadataCapability(call);
  const metadata = new Map([[put.metadata?.metakey ?? "", put.metadata?.value ?? NO_BYTES]]);
  if (put.collection === "") {
    simulation.setStateMetadata(call.chaincode, put.key, metadata);
  } else {
    state.checkCanWrite(put.collection);
    simulation.setPrivateDataMetadata(call.chaincode, put.collection, put.key, metadata);
  }
  return NO_BYTES;
}

function writeBatch(state: CallState, payload: Bytes): Bytes {
  const { rec } = read(protos.WriteBatchState, payload);
  if (rec.length > state.limits.maxWriteBatch) {
    throw new ChaincodeError(
      "LIMIT",
      `${rec.length} writes in one batch, at most ${state.limits.maxWriteBatch} are allowed`,
    );
  }
  for (const record of rec) {
    const write = {
      key: record.key ?? "",
      collection: record.collection ?? "",
      value: record.value ?? NO_BYTES,
      metadata: record.metadata,
    };
    switch (record.type) {
      case ShimType.PUT_STATE:
        putState(state, write);
        break;
      case ShimType.DEL_STATE:
        delState(state, write);
        break;
      case ShimType.PURGE_PRIVATE_DATA:
        purge(state, write);
        break;
      case ShimType.PUT_STATE_METADATA:
        putMetadata(state, write);
        break;
      default:
        refuse("unknown operation type");
    }
  }
  return NO_BYTES;
}

function getStateByRange(state: CallState, payload: Bytes): Promise<Bytes> {
  const { startKey, endKey, collection, metadata } = read(protos.GetStateByRange, payload);
  const { simulation, call } = state;
  const query = metadata.length === 0 ? undefined : read(protos.QueryMetadata, metadata);
  if (collection !== "") {
    state.checkCanRead(collection);
    const results = simulation.getPrivateDataRange(call.chaincode, collection, startKey, endKey);
    // A page size limits private results without paginating them.
    const size = query?.pageSize ?? 0;
    return state.queries.open(keyValues(call.chaincode, results, size > 0 ? size : undefined), undefined);
  }
  if (query === undefined || (query.pageSize === 0 && query.bookmark === "")) {
    const results = simulation.getStateRange(call.chaincode, startKey, endKey);
    return state.queries.open(keyValues(call.chaincode, results), undefined);
  }
  const start = query.bookmark === "" ? startKey : query.bookmark;
  const results = simulation.getStateRangePage(call.chaincode, start, endKey, query.pageSize);
  const page: Page = { size: query.pageSize, bookmark: () => results.bookmark() };
  return state.queries.open(keyValues(call.chaincode, results), page);
}

function keyValues(namespace: string, results: StateResults, limit = Number.POSITIVE_INFINITY): EncodedResults {
  let left = limit;
  return {
    next: async () => {
      const found = left-- > 0 ? await results.next() : undefined;
      if (found === undefined) return undefined;
      return encode(queryresult.KV, { namespace, key: found.key, value: found.value });
    },
    close: () => results.close(),
  };
}

function getQueryResult(state: CallState, payload: Bytes): Promise<Bytes> {
  const { collection, query: text, metadata } = read(protos.GetQueryResult, payload);
  const { simulation, call } = state;
  const page = metadata.length === 0 ? undefined : read(protos.QueryMetadata, metadata);
  if (collection !== "") state.checkCanRead(collection);
  const parsed = parseRichQuery(text);
  if (collection !== "") {
    const results = simulation.queryPrivateData(call.chaincode, collection, parsed);
    noteScan(call, collection, parsed, results);
    const size = page?.pageSize ?? 0;
    return state.queries.open(keyValues(call.chaincode, results, size > 0 ? size : undefined), undefined);
  }
  if (page === undefined || (page.pageSize === 0 && page.bookmark === "")) {
    const results = simulation.queryState(call.chaincode, parsed);
    noteScan(call, collection, parsed, results);
    return state.queries.open(keyValues(call.chaincode, results), undefined);
  }
  const query = page.bookmark === "" ? parsed : { ...parsed, bookmark: page.bookmark };
  const results = simulation.queryState(call.chaincode, query, page.pageSize);
  noteScan(call, collection, parsed, results);
  return state.queries.open(keyValues(call.chaincode, results), {
    size: page.pageSize,
    bookmark: () => results.bookmark(),
  });
}

/** A query without an index looks at every document; whoever runs the peer is told. */
function noteScan(
  call: ChaincodeCall,
  collection: string,
  { selector }: RichQuery,
  { index }: { readonly index: string | undefined },
): void {
  if (index !== undefined || call.onUnindexedQuery === undefined) return;
  const fields = [...selectorFields(selector)].sort().join(", ");
  call.onUnindexedQuery(collection, fields.slice(0, MAX_NOTED_CHARS));
}

function getHistoryForKey(state: CallState, payload: Bytes): Promise<Bytes> {
  const { call } = state;
  if (call.history === undefined) refuse("history database is not enabled");
  const { key } = read(protos.GetHistoryForKey, payload);
  const results = call.history.history(call.chaincode, key);
  return state.queries.open(modifications(results), undefined);
}

function modifications(results: ResultIterator<KeyModification>): EncodedResults {
  return {
    next: async () => {
      const found = await results.next();
      if (found === undefined) return undefined;
      const { txId, value, isDelete, timestampMs } = found;
      return encode(queryresult.KeyModification, { txId, value, isDelete, timestamp: toTimestamp(timestampMs) });
    },
    close: () => results.close(),
  };
}

async function invokeChaincode(state: CallState, payload: Bytes): Promise<Bytes> {
  const { chaincodeId, input } = read(protos.ChaincodeSpec, payload);
  const target = chaincodeId?.name ?? "";
  const encodedInput = encode(protos.ChaincodeInput, input ?? {});
  const outcome = await state.call.invoke(target, encodedInput);
  return nestedMessage(outcome.type, outcome.payload, outcome.event, state.tail);
}
