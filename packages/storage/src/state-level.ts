/**
 * A channel's state in LevelDB: state, history index and savepoint of a block go in one atomic batch, which may hold
 * several blocks.
 *
 * What a block writes is readable from memory as soon as `apply` is called, and in the database when it resolves. A
 * batch is not synced to disk unless that is asked for: it can be made again from the blocks, which are.
 */
import {
  type ApplyOptions,
  compareKeys,
  type FrozenState,
  type HistoryCursor,
  type IndexCursor,
  type IndexDefinition,
  type IndexPlan,
  type JsonIndex,
  LedgerError,
  type RangeCursor,
  type StateBatch,
  type StateEntry,
  type StateStore,
  type Version,
  type VersionedValue,
} from "@hansa/ledger";
import { messageOf } from "@hansa/primitives";
import { Level } from "level";
import { ByteLru } from "./byte-lru.js";
import { Slab } from "./slab.js";
import {
  decodeValue,
  encodeValue,
  historyKey,
  historyRange,
  keyOfStateKey,
  namespaceEnd,
  namespaceOfStateKey,
  namespaceRange,
  SAVEPOINT_KEY,
  stateKey,
  stateRange,
  versionOfHistoryKey,
} from "./state-encoding.js";
import { StateIndexes } from "./state-indexes.js";

export type LevelStateOptions = {
  /** Memory for hot keys. */
  readonly cacheBytes?: number;
};

const DEFAULT_CACHE_BYTES = 16 * 1024 * 1024;
/** LevelDB's own: what is gathered before a table is written, and blocks read. */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024;
const BLOCK_CACHE_BYTES = 8 * 1024 * 1024;
const SAVEPOINT_BYTES = 6;

type Database = Level<Buffer, Buffer>;
type Pending = { readonly value: VersionedValue | null; readonly generation: number };
type Group = {
  readonly batch: ReturnType<Database["batch"]>;
  readonly generation: number;
  sync: boolean;
  /** Written when all of these have resolved. */
  readonly after: Promise<void>[];
  readonly written: Promise<void>;
};
type Iterate = { gte: Buffer; lt: Buffer; reverse?: boolean };

export class LevelStateStore implements StateStore {
  readonly #db: Database;
  readonly #cache: ByteLru<VersionedValue>;
  readonly #indexes: StateIndexes;
  readonly #slab = new Slab();
  readonly #allocate = (bytes: number) => this.#slab.allocate(bytes);
  /** What was applied and is not in the database yet. */
  readonly #pending = new Map<string, Pending>();
  /** Gathers what is applied while the database is busy with what came before. */
  #gathering: Group | undefined;
  #generation = 0;
  /** Settles when all that was applied so far is in the database. */
  #written: Promise<void> = Promise.resolve();
  #savepoint: number | undefined;
  #isClosed = false;

  private constructor(db: Database, indexes: StateIndexes, savepoint: number | undefined, options: LevelStateOptions) {
    this.#db = db;
    this.#indexes = indexes;
    this.#savepoint = savepoint;
    this.#cache = new ByteLru(
      options.cacheBytes ?? DEFAULT_CACHE_BYTES,
      ({ value, metadata }) => value.length + (metadata?.length ?? 0) + 64,
    );
  }

  /** @throws LedgerError STORE_CORRUPT when the database cannot be opened */
  static async open(folder: string, options: LevelStateOptions = {}): Promise<LevelStateStore> {
    const db: Database = new Level<Buffer, Buffer>(folder, {
      keyEncoding: "buffer",
      valueEncoding: "buffer",
      writeBufferSize: WRITE_BUFFER_BYTES,
      cacheSize: BLOCK_CACHE_BYTES,
    });
    try {
      await db.open();
      const stored = await db.get(SAVEPOINT_KEY);
      const indexes = await StateIndexes.open(db);
      return new LevelStateStore(db, indexes, stored?.readUIntBE(0, SAVEPOINT_BYTES), options);
    } catch (cause) {
      await db.close().catch(() => {});
      throw openingFailed(folder, cause);
    }
  }

  get(namespace: string, key: string): VersionedValue | undefined {
    this.#checkOpen();
    const id = cacheId(namespace, key);
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached ?? undefined;
    const pending = this.#pending.get(id);
    if (pending !== undefined) return pending.value ?? undefined;
    const stored = this.#db.getSync(stateKey(namespace, key));
    const found = stored === undefined ? null : decodeValue(stored);
    this.#cache.set(id, found);
    return found ?? undefined;
  }

  range(namespace: string, startKey: string, endKey: string): RangeCursor {
    this.#checkOpen();
    const lt = endKey === "" ? namespaceEnd(namespace) : stateKey(namespace, endKey);
    const iterator = this.#iterate({ gte: stateKey(namespace, startKey), lt });
    return {
      next: async (max) =>
        (await (await iterator).nextv(max)).map(
          ([key, value]): StateEntry => ({ key: keyOfStateKey(key, namespace), ...decodeValue(value) }),
        ),
      close: async () => (await iterator).close(),
    };
  }

  async freeze(): Promise<FrozenState> {
    this.#checkOpen();
    // What is applied from here on goes into another batch, so that there is a moment between the two.
    this.#gathering = undefined;
    const written = this.#written;
    const snapshot = await written.then(() => this.#db.snapshot());
    const iterate = (range: Iterate) => this.#db.iterator({ ...range, snapshot });
    return {
      namespaces: async () => {
        const found: string[] = [];
        const range = stateRange();
        for (;;) {
          const first = iterate(range);
          const entry = await first.next().finally(() => first.close());
          if (entry === undefined) return found.sort(compareKeys);
          const namespace = namespaceOfStateKey(entry[0]);
          found.push(namespace);
          range.gte = namespaceEnd(namespace);
        }
      },
      entries: (namespace) => {
        const iterator = iterate(namespaceRange(namespace));
        return {
          next: async (max) =>
            (await iterator.nextv(max)).map(
              ([key, value]): StateEntry => ({ key: keyOfStateKey(key, namespace), ...decodeValue(value) }),
            ),
          close: () => iterator.close(),
        };
      },
      close: () => snapshot.close(),
    };
  }

  savepoint(): number | undefined {
    return this.#savepoint;
  }

  apply(batch: StateBatch, savepoint: number, { sync = false, after }: ApplyOptions = {}): Promise<void> {
    this.#checkOpen();
    const group = this.#gather();
    if (sync) group.sync = true;
    if (after !== undefined) group.after.push(after);
    for (const [namespace, updates] of batch.updates) {
      const isIndexed = this.#indexes.covers(namespace);
      for (const [key, update] of updates) {
        const bytes = stateKey(namespace, key);
        if (isIndexed) this.#indexes.update(group.batch, namespace, key, this.get(namespace, key)?.value, update.value);
        let value: VersionedValue | null = null;
        if (update.value === undefined) group.batch.del(bytes);
        else {
          const encoded = encodeValue(update, update.value, this.#allocate);
          group.batch.put(bytes, encoded);
          // Read back, so that memory holds these few bytes and not the block that the update is a view of.
          value = decodeValue(encoded);
        }
        const id = cacheId(namespace, key);
        this.#pending.set(id, { value, generation: group.generation });
        this.#cache.set(id, value);
      }
    }
    for (const entry of batch.history) group.batch.put(historyKey(entry), EMPTY);
    const position = Buffer.alloc(SAVEPOINT_BYTES);
    position.writeUIntBE(savepoint, 0, SAVEPOINT_BYTES);
    group.batch.put(SAVEPOINT_KEY, position);
    this.#savepoint = savepoint;
    return group.written;
  }

  indexes(namespace: string): readonly JsonIndex[] {
    return this.#indexes.of(namespace);
  }

  scanIndex(namespace: string, plan: IndexPlan, descending: boolean): IndexCursor {
    this.#checkOpen();
    return this.#indexes.scan(namespace, plan, descending, this.#written);
  }

  defineIndexes(namespace: string, definitions: readonly IndexDefinition[]): Promise<void> {
    this.#checkOpen();
    return this.#indexes.define(namespace, definitions, () => this.#written);
  }

  history(namespace: string, key: string): HistoryCursor {
    this.#checkOpen();
    const iterator = this.#iterate({ ...historyRange(namespace, key), reverse: true });
    return {
      next: async (max) => (await (await iterator).nextv(max)).map(([bytes]): Version => versionOfHistoryKey(bytes)),
      close: async () => (await iterator).close(),
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#written.catch(() => {});
    await this.#indexes.close();
    await this.#db.close();
  }

  /** The group that is not being written yet: its turn comes when the one before is done. */
  #gather(): Group {
    if (this.#gathering !== undefined) return this.#gathering;
    const generation = ++this.#generation;
    const batch = this.#db.batch();
    const group: Group = {
      batch,
      generation,
      sync: false,
      after: [],
      written: this.#written.then(() => this.#write(group)),
    };
    // Whoever applied hears of a failure; so does whoever applies next.
    group.written.catch(() => {});
    this.#written = group.written;
    this.#gathering = group;
    return group;
  }

  async #write(group: Group): Promise<void> {
    this.#gathering = undefined;
    const { batch, generation, sync, after } = group;
    await Promise.all(after);
    await batch.write({ sync });
    for (const [id, pending] of this.#pending) if (pending.generation === generation) this.#pending.delete(id);
  }

  /** An iterator sees the database as it is when it is made, so what is readable must be there first. */
  #iterate(range: Iterate) {
    const iterator = this.#written.then(() => this.#db.iterator(range));
    // Whoever reads hears of a failure; a cursor that nobody reads must not bring the process down.
    iterator.catch(() => {});
    return iterator;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new LedgerError("STORE_CLOSED", "the state store is closed");
  }
}

const EMPTY = Buffer.alloc(0);

function cacheId(namespace: string, key: string): string {
  return `${namespace.length}:${namespace}${key}`;
}

/** What is said when the database cannot be opened. */
export function openingFailed(folder: string, cause: unknown): LedgerError {
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
  if (codeOf(inner) === "LEVEL_LOCKED") {
    return new LedgerError("STORE_IN_USE", `the state in ${folder} is open in another process`, {
      cause,
      nextStep: "Stop the other process, or give this one another folder.",
    });
  }
  return new LedgerError("STORE_CORRUPT", `the state in ${folder} cannot be opened: ${messageOf(inner)}`, {
    cause,
    nextStep: "Delete this folder: the state is made again from the blocks.",
  });
}

function codeOf(error: unknown): string | undefined {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : undefined;
}
