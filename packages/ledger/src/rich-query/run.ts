/** Runs a rich query over one namespace: through an index where one serves, document by document otherwise. */
import { fromUtf8 } from "@hansa/primitives";
import type { IndexCursor, RangeCursor, StateEntry, StateReader } from "../state.js";
import { type JsonObject, readDocument } from "./json.js";
import { type IndexPlan, indexKey, planQuery } from "./json-index.js";
import { project, type RichQuery } from "./query.js";
import { matches } from "./selector.js";

/** Read at once: small enough to give others their turn in between. */
const PAGE = 500;
/**
 * What a value that is no JSON object counts as: Fabric keeps it as the attachment of a document without fields, which
 * selectors such as {} and {"_id": {"$gt": null}} find.
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/statedb/statecouchdb/couchdoc_conv.go.
 */
const NO_FIELDS: JsonObject = {};
/** What CouchDB says where there is nothing to go on from. */
const NO_BOOKMARK = "nil";

/** A match: the entry as it stands in the state, and the value that the chaincode gets. */
export type RichResult = { readonly entry: StateEntry; readonly value: Uint8Array };

/** Where a match stands in the order of the results. */
type Place = { readonly place: Buffer; readonly key: string };

export class RichQueryResults {
  readonly #reader: StateReader;
  readonly #namespace: string;
  readonly #query: RichQuery;
  readonly #plan: IndexPlan | undefined;
  readonly #source: RangeCursor | IndexCursor;
  readonly #after: Place | undefined;
  #page: readonly (StateEntry | Place)[] = [];
  #position = 0;
  #skip: number;
  #left: number;
  #last: Place | undefined;

  /** @throws RichQueryError */
  constructor(reader: StateReader, namespace: string, query: RichQuery, pageSize = Number.POSITIVE_INFINITY) {
    this.#reader = reader;
    this.#namespace = namespace;
    this.#query = query;
    this.#plan = planQuery(query, reader.indexes?.(namespace) ?? []);
    this.#after = readBookmark(query.bookmark);
    // What was skipped before the first page must not be skipped again.
    this.#skip = this.#after === undefined ? query.skip : 0;
    this.#left = Math.min(query.limit, pageSize);
    this.#source =
      this.#plan === undefined
        ? reader.range(namespace, "", "")
        : reader.scanIndex!(namespace, this.#plan, query.descending);
  }

  /** Undefined where every document had to be looked at. */
  get index(): string | undefined {
    return this.#plan?.index.name;
  }

  async next(): Promise<RichResult | undefined> {
    while (this.#left > 0) {
      const candidate = await this.#candidate();
      if (candidate === undefined) break;
      const found = this.#judge(candidate);
      if (found === undefined) continue;
      if (this.#skip > 0) {
        this.#skip--;
        continue;
      }
      this.#left--;
      this.#last = found.place;
      return found.result;
    }
    return undefined;
  }

  /** Where the next page goes on. */
  async bookmark(): Promise<string> {
    await this.close();
    return this.#last === undefined ? NO_BOOKMARK : writeBookmark(this.#last);
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  async #candidate(): Promise<StateEntry | Place | undefined> {
    if (this.#position >= this.#page.length) {
      this.#page = await this.#source.next(PAGE);
      this.#position = 0;
    }
    return this.#page[this.#position++];
  }

  /** The match behind a candidate, unless it is none, or stands on a page before. */
  #judge(candidate: StateEntry | Place): { result: RichResult; place: Place } | undefined {
    const { key } = candidate;
    const place = "place" in candidate ? candidate : { place: Buffer.alloc(0), key };
    if (this.#after !== undefined && !this.#isAfter(place)) return undefined;
    const stored = "value" in candidate ? candidate : this.#reader.get(this.#namespace, key);
    if (stored === undefined) return undefined;
    const document = readDocument(stored.value) ?? NO_FIELDS;
    // An index may still name a place that the document has left.
    if (this.#plan !== undefined && indexKey(this.#plan.index, document, key)?.equals(place.place) !== true)
      return undefined;
    if (!matches(this.#query.selector, document, key)) return undefined;
    return { result: { entry: { ...stored, key }, value: this.#value(stored.value, document, key) }, place };
  }

  #value(stored: Uint8Array, document: JsonObject, key: string): Uint8Array {
    const { fields } = this.#query;
    return fields === undefined ? stored : fromUtf8(JSON.stringify(project(document, fields, key)));
  }

  #isAfter({ place, key }: Place): boolean {
    const after = this.#after!;
    const order = place.compare(after.place) || Buffer.from(key).compare(Buffer.from(after.key));
    return this.#query.descending ? order < 0 : order > 0;
  }
}

function writeBookmark({ place, key }: Place): string {
  return Buffer.from(JSON.stringify([place.toString("base64url"), key])).toString("base64url");
}

/** Whatever else was given, CouchDB's "nil" included, begins at the beginning. */
function readBookmark(text: string): Place | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    if (!Array.isArray(value)) return undefined;
    const [place, key] = value as unknown[];
    return typeof place === "string" && typeof key === "string"
      ? { place: Buffer.from(place, "base64url"), key }
      : undefined;
  } catch {
    return undefined;
  }
}
