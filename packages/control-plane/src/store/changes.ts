/** What a store keeps and how a change shows in it. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** A document put under a key, or a key deleted (no value). */
export type Change = { readonly table: string; readonly key: string; readonly value?: Json };

export type Tables = Map<string, Map<string, Json>>;

/** Where changes are kept. */
export interface ChangeLog {
  /** Resolves when the changes are durable. Called in the order in which they were made. */
  append(changes: readonly Change[]): Promise<void>;
  close(): Promise<void>;
}

export function apply(tables: Tables, { table, key, value }: Change): void {
  if (value === undefined) {
    tables.get(table)?.delete(key);
    return;
  }
  const rows = tables.get(table) ?? new Map<string, Json>();
  tables.set(table, rows);
  rows.set(key, value);
}
