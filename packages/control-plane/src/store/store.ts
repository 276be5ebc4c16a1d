/**
 * The control plane's own memory: what governance does not know (requests under way, nodes, tags, accessors, answers to
 * idempotency tokens). A table of JSON documents by key, all of it in memory, kept by a log of changes.
 *
 * A change is seen by readers at once and is durable when `write` resolves. Several changes given together are kept
 * together or not at all.
 */

import path from "node:path";
import type { Logger } from "@hansa/primitives";
import { apply, type Change, type ChangeLog, type Json, type Tables } from "./changes.js";
import { FileLog } from "./file-log.js";
import { FileSecrets, MemorySecrets, type Secrets } from "./secrets.js";

export class Store {
  readonly #tables: Tables;
  readonly #log: ChangeLog;
  readonly secrets: Secrets;

  private constructor(tables: Tables, log: ChangeLog, secrets: Secrets) {
    this.#tables = tables;
    this.#log = log;
    this.secrets = secrets;
  }

  /**
   * Opens the store of a folder, which is made when absent. A torn tail is cut, with a line in the log.
   * @throws HansaError STORE_CORRUPT, STORE_IN_USE
   */
  static open(folder: string, logger: Logger): Store {
    const tables: Tables = new Map();
    return new Store(
      tables,
      FileLog.open(folder, tables, logger),
      new FileSecrets(path.join(folder, "passwords"), logger),
    );
  }

  /** Forgets everything at its end: for tests. */
  static inMemory(): Store {
    return new Store(new Map(), { append: async () => {}, close: async () => {} }, new MemorySecrets());
  }

  get(table: string, key: string): Json | undefined {
    return this.#tables.get(table)?.get(key);
  }

  /** In the order in which the keys were first put. */
  entries(table: string): ReadonlyMap<string, Json> {
    return this.#tables.get(table) ?? new Map();
  }

  /** @throws HansaError STORE_FAILED; the store takes no more changes then */
  write(...changes: readonly Change[]): Promise<void> {
    for (const change of changes) apply(this.#tables, change);
    return this.#log.append(changes);
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
