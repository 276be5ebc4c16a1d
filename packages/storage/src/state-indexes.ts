/**
 * Indexes on the documents of a channel's state, in the same database and the same batches as the documents.
 *
 *   "d" length(namespace) namespace                                        → definitions as JSON
 *   "x" length(namespace) namespace length(index) index place key          → key
 *
 * The place is what indexKey makes of a document: its bytes sort as the indexed fields do. An index is kept up to date
 * from the moment it is defined; what was there before is added in the background. Until that is done it serves nobody,
 * and a process that dies meanwhile begins anew.
 */
import {
  type IndexCursor,
  type IndexDefinition,
  type IndexPlan,
  indexKey,
  indexOf,
  type JsonIndex,
  readDocument,
} from "@hansa/ledger";
import type { Level } from "level";
import {
  decodeValue,
  definitionsKey,
  definitionsRange,
  indexPrefix,
  keyOfStateKey,
  namespaceRange,
} from "./state-encoding.js";

type Database = Level<Buffer, Buffer>;
type Batch = ReturnType<Database["batch"]>;
type Kept = { readonly index: JsonIndex; readonly definition: IndexDefinition; isComplete: boolean };
type Stored = { readonly namespace: string; readonly indexes: { definition: IndexDefinition; isComplete: boolean }[] };

/** Documents added between two turns of the event loop. */
const BUILD_PAGE = 500;

export class StateIndexes {
  readonly #db: Database;
  readonly #kept = new Map<string, Kept[]>();
  /** One namespace after the other. */
  #defining: Promise<void> = Promise.resolve();
  #isClosed = false;

  private constructor(db: Database) {
    this.#db = db;
  }

  static async open(db: Database): Promise<StateIndexes> {
    const indexes = new StateIndexes(db);
    for await (const [, value] of db.iterator(definitionsRange())) {
      const { namespace, indexes: stored } = JSON.parse(value.toString("utf8")) as Stored;
      indexes.#kept.set(
        namespace,
        stored.map(({ definition, isComplete }) => ({ definition, isComplete, index: indexOf(definition) })),
      );
    }
    return indexes;
  }

  /** Those that are complete. */
  of(namespace: string): readonly JsonIndex[] {
    return (this.#kept.get(namespace) ?? []).filter(({ isComplete }) => isComplete).map(({ index }) => index);
  }

  /** Whether writes to the namespace must be told to `update`. */
  covers(namespace: string): boolean {
    return this.#kept.has(namespace);
  }

  /** Moves a document to where it belongs now. */
  update(
    batch: Batch,
    namespace: string,
    key: string,
    before: Uint8Array | undefined,
    after: Uint8Array | undefined,
  ): void {
    const [old, now] = [before && readDocument(before), after && readDocument(after)];
    for (const { index } of this.#kept.get(namespace) ?? []) {
      const left = old && indexKey(index, old, key);
      const taken = now && indexKey(index, now, key);
      if (left !== undefined && taken?.equals(left) !== true) batch.del(placeKey(namespace, index, left, key));
      if (taken !== undefined) batch.put(placeKey(namespace, index, taken, key), Buffer.from(key, "utf8"));
    }
  }

  /** @param ready when what was applied so far is in the database */
  define(namespace: string, definitions: readonly IndexDefinition[], ready: () => Promise<void>): Promise<void> {
    const defined = this.#defining.then(() => this.#define(namespace, definitions, ready));
    this.#defining = defined.catch(() => {});
    return defined;
  }

  /** @param ready resolves when the database holds what can be read */
  scan(namespace: string, { index, from, to }: IndexPlan, descending: boolean, ready: Promise<void>): IndexCursor {
    const prefix = indexPrefix(namespace, nameOf(index));
    const range = { gte: Buffer.concat([prefix, from]), lt: Buffer.concat([prefix, to]), reverse: descending };
    const iterator = ready.then(() => this.#db.iterator(range));
    iterator.catch(() => {});
    return {
      next: async (max) =>
        (await (await iterator).nextv(max)).map(([bytes, key]) => ({
          place: bytes.subarray(prefix.length, bytes.length - key.length),
          key: key.toString("utf8"),
        })),
      close: async () => (await iterator).close(),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#defining;
  }

  async #define(namespace: string, definitions: readonly IndexDefinition[], ready: () => Promise<void>): Promise<void> {
    const before = this.#kept.get(namespace) ?? [];
    const same = (a: IndexDefinition, b: IndexDefinition) => JSON.stringify(a) === JSON.stringify(b);
    const now = definitions.map(
      (definition): Kept =>
        before.find((kept) => same(kept.definition, definition)) ?? {
          definition,
          index: indexOf(definition),
          isComplete: false,
        },
    );
    const gone = before.filter((kept) => !now.includes(kept));
    const unfinished = now.filter(({ isComplete }) => !isComplete);
    if (gone.length === 0 && unfinished.length === 0) return;
    if (now.length === 0) this.#kept.delete(namespace);
    else this.#kept.set(namespace, now);
    await ready();
    for (const { index } of [...gone, ...unfinished]) await this.#clear(namespace, index);
    await this.#store(namespace);
    if (!(await this.#build(namespace, unfinished))) return;
    for (const kept of unfinished) kept.isComplete = true;
    await this.#store(namespace);
  }

  /** False when the store was closed meanwhile. */
  async #build(namespace: string, unfinished: readonly Kept[]): Promise<boolean> {
    const iterator = this.#db.iterator(namespaceRange(namespace));
    try {
      for (;;) {
        const page = await iterator.nextv(BUILD_PAGE);
        if (page.length === 0) return !this.#isClosed;
        if (this.#isClosed) return false;
        const batch = this.#db.batch();
        for (const [bytes, stored] of page) {
          const document = readDocument(decodeValue(stored).value);
          if (document === undefined) continue;
          const key = keyOfStateKey(bytes, namespace);
          for (const { index } of unfinished) {
            const place = indexKey(index, document, key);
            // A place that the document has left meanwhile is noticed by whoever reads it.
            if (place !== undefined) batch.put(placeKey(namespace, index, place, key), Buffer.from(key, "utf8"));
          }
        }
        await batch.write();
      }
    } finally {
      await iterator.close();
    }
  }

  async #clear(namespace: string, index: JsonIndex): Promise<void> {
    const prefix = indexPrefix(namespace, nameOf(index));
    await this.#db.clear({ gte: prefix, lt: Buffer.concat([prefix, Buffer.of(0xff)]) });
  }

  async #store(namespace: string): Promise<void> {
    const kept = this.#kept.get(namespace);
    if (kept === undefined) return this.#db.del(definitionsKey(namespace));
    const indexes = kept.map(({ definition, isComplete }) => ({ definition, isComplete }));
    const stored: Stored = { namespace, indexes };
    await this.#db.put(definitionsKey(namespace), Buffer.from(JSON.stringify(stored)), { sync: true });
  }
}

function nameOf({ designDocument, name }: JsonIndex): string {
  return `${designDocument}/${name}`;
}

function placeKey(namespace: string, index: JsonIndex, place: Buffer, key: string): Buffer {
  return Buffer.concat([indexPrefix(namespace, nameOf(index)), place, Buffer.from(key, "utf8")]);
}
