/**
 * What the state was before a transaction, read back from the stored blocks: which transaction had changed a key last,
 * and which keys of a range had changed. For explanations, long after the state has gone on.
 *
 * Blocks are read backwards, within bounds: an answer further back than that is "unknown". Each block is read once.
 */
import { METADATA, splitBlock, TxValidationCode } from "@hansa/wire";
import type { BlockStore } from "./block-store.js";
import { compareKeys, hashedNamespace } from "./keys.js";
import { readTransaction } from "./read-transaction.js";
import type { MetadataEntry, ParsedRwSet } from "./rwset.js";
import { MalformedMessage } from "./scan.js";
import type { Version } from "./state.js";

/** What one valid transaction did to one key. */
export type Change = {
  readonly version: Version;
  readonly txId: string;
  /** "metadata": the value stayed, the key's policy changed, and with it the version. */
  readonly kind: "write" | "delete" | "metadata";
  /** Of a write; the SHA-256 of the value in a hashed namespace. */
  readonly value?: Uint8Array;
  /** Absent when the transaction left the metadata alone. */
  readonly metadata?: readonly MetadataEntry[];
};

export type LastChange =
  | { readonly kind: "found"; readonly change: Change }
  /** Nothing changed the key after the block that the search was to end at. */
  | { readonly kind: "none" }
  /** The search ended before it was sure: too far back, or a block that this ledger does not have. */
  | { readonly kind: "unknown" };

export type PastLimits = {
  readonly maxBlocks: number;
  readonly maxTransactions: number;
  readonly maxBytes: number;
};

const LIMITS: PastLimits = { maxBlocks: 1_000, maxTransactions: 20_000, maxBytes: 64 * 1024 * 1024 };

/** Blocks read before others in this process get their turn. */
const TURN = 16;

type Changes = ReadonlyMap<string, ReadonlyMap<string, readonly Change[]>>;

export class Past {
  readonly #blocks: Pick<BlockStore, "read">;
  readonly #limits: PastLimits;
  readonly #read = new Map<number, Changes | undefined>();
  #transactions = 0;
  #bytes = 0;

  constructor(blocks: Pick<BlockStore, "read">, limits: Partial<PastLimits> = {}) {
    this.#blocks = blocks;
    this.#limits = { ...LIMITS, ...limits };
  }

  /**
   * The newest change of a key before a transaction. One of its metadata alone counts, whether the key was there or not.
   * @param place the key's namespace in the state, as `hashedNamespace` gives it for private data
   * @param after changes of this block and of earlier ones do not matter; -1: all matter
   */
  async lastChange(place: string, key: string, before: Version, after: number): Promise<LastChange> {
    let newest: Change | undefined;
    for (let number = lastBlockBefore(before); number > after; number--) {
      const changes = await this.#changesOf(number);
      if (changes === undefined) return newest === undefined ? { kind: "unknown" } : { kind: "found", change: newest };
      const ofKey = changes.get(place)?.get(key) ?? [];
      for (const change of [...ofKey].reverse()) {
        if (!isBefore(change.version, before)) continue;
        if (change.kind === "metadata") {
          // Metadata of a missing key is dropped, so what was before decides whether this counts.
          newest ??= change;
          continue;
        }
        if (newest === undefined || change.kind === "delete") return { kind: "found", change };
        return { kind: "found", change: newest };
      }
    }
    return newest === undefined ? { kind: "none" } : { kind: "found", change: newest };
  }

  /**
   * The newest change before a transaction that set or dropped a key's metadata; a delete drops it.
   * Arguments as for `lastChange`.
   */
  async lastMetadata(place: string, key: string, before: Version, after: number): Promise<LastChange> {
    for (let number = lastBlockBefore(before); number > after; number--) {
      const changes = await this.#changesOf(number);
      if (changes === undefined) return { kind: "unknown" };
      const ofKey = changes.get(place)?.get(key) ?? [];
      for (const change of [...ofKey].reverse()) {
        if (!isBefore(change.version, before)) continue;
        if (change.kind === "delete") return { kind: "found", change };
        if (change.metadata === undefined) continue;
        if (change.kind === "metadata" && !(await this.wasThere(place, key, change.version, -1)))
          return { kind: "none" };
        return { kind: "found", change };
      }
    }
    return { kind: "none" };
  }

  /**
   * Whether a key was there before a transaction: metadata of a missing key is dropped. What is not known counts as
   * there. Arguments as for `lastChange`; `after` must be a block after which it was not there.
   */
  async wasThere(place: string, key: string, before: Version, after: number): Promise<boolean> {
    for (let number = lastBlockBefore(before); number > after; number--) {
      const changes = await this.#changesOf(number);
      if (changes === undefined) return true;
      const ofKey = changes.get(place)?.get(key) ?? [];
      const last = ofKey.findLast(({ kind, version }) => kind !== "metadata" && isBefore(version, before));
      if (last !== undefined) return last.kind === "write";
    }
    return false;
  }

  /**
   * The newest change of each key of a range before a transaction, in key order.
   * @param endKey exclusive unless `withEnd`; empty: an open end
   * @param after as for `lastChange`
   * @returns `complete` is false when the search ended before it was sure
   */
  async changesInRange(
    place: string,
    { startKey, endKey, withEnd }: { readonly startKey: string; readonly endKey: string; readonly withEnd: boolean },
    before: Version,
    after: number,
  ): Promise<{ readonly changes: readonly [key: string, change: Change][]; readonly complete: boolean }> {
    const found = new Map<string, Change>();
    let complete = true;
    for (let number = lastBlockBefore(before); number > after; number--) {
      const changes = await this.#changesOf(number);
      if (changes === undefined) {
        complete = false;
        break;
      }
      for (const [key, ofKey] of changes.get(place) ?? []) {
        if (found.has(key) || compareKeys(key, startKey) < 0) continue;
        const order = endKey === "" ? -1 : compareKeys(key, endKey);
        if (order > 0 || (order === 0 && !withEnd)) continue;
        const newest = ofKey.findLast(({ version }) => isBefore(version, before));
        if (newest !== undefined) found.set(key, newest);
      }
    }
    return { changes: [...found].sort(([a], [b]) => compareKeys(a, b)), complete };
  }

  /** What the valid transactions of a block changed; undefined beyond the bounds, or when there is no such block. */
  async #changesOf(number: number): Promise<Changes | undefined> {
    if (this.#read.has(number)) return this.#read.get(number);
    const { maxBlocks, maxTransactions, maxBytes } = this.#limits;
    if (this.#read.size >= maxBlocks || this.#transactions >= maxTransactions || this.#bytes >= maxBytes) {
      return undefined;
    }
    if (this.#read.size % TURN === TURN - 1) await new Promise((resolve) => setImmediate(resolve));
    const bytes = await this.#blocks.read(number);
    if (bytes === undefined) return undefined;
    this.#bytes += bytes.length;
    const { envelopes, metadata } = splitBlock(bytes);
    this.#transactions += envelopes.length;
    const codes = metadata[METADATA.TRANSACTIONS_FILTER];
    const changes = new Map<string, Map<string, Change[]>>();
    for (const [txIndex, envelope] of envelopes.entries()) {
      if (codes?.[txIndex] !== TxValidationCode.VALID) continue;
      try {
        const { txId, rwset } = readTransaction(envelope, TxValidationCode.VALID);
        if (rwset !== undefined) note(changes, rwset, txId, { blockNumber: number, txIndex });
      } catch (error) {
        if (!(error instanceof MalformedMessage)) throw error;
      }
    }
    this.#read.set(number, changes);
    return changes;
  }
}

/** Of a block's first transaction its own block tells nothing. */
function lastBlockBefore({ blockNumber, txIndex }: Version): number {
  return txIndex === 0 ? blockNumber - 1 : blockNumber;
}

function isBefore(one: Version, other: Version): boolean {
  return one.blockNumber < other.blockNumber || (one.blockNumber === other.blockNumber && one.txIndex < other.txIndex);
}

function note(changes: Map<string, Map<string, Change[]>>, rwset: ParsedRwSet, txId: string, version: Version): void {
  const add = (place: string, key: string, change: Omit<Change, "version" | "txId">) => {
    const keys = changes.get(place) ?? new Map<string, Change[]>();
    changes.set(place, keys);
    const known = keys.get(key)?.at(-1);
    if (known?.version.txIndex === version.txIndex) {
      // One transaction's write and its metadata are one change.
      keys.get(key)!.splice(-1, 1, { ...known, ...change, kind: known.kind === "metadata" ? change.kind : known.kind });
      return;
    }
    const made = { version, txId, ...change };
    const list = keys.get(key);
    if (list === undefined) keys.set(key, [made]);
    else list.push(made);
  };
  for (const set of rwset.namespaces) {
    for (const { key, isDelete, value } of set.writes) {
      add(set.namespace, key, isDelete ? { kind: "delete" } : { kind: "write", value });
    }
    for (const { key, entries } of set.metadataWrites) add(set.namespace, key, { kind: "metadata", metadata: entries });
    for (const { name, writes, metadataWrites } of set.collections) {
      const place = hashedNamespace(set.namespace, name);
      for (const { key, isDelete, isPurge, valueHash } of writes) {
        add(place, key, isDelete || isPurge ? { kind: "delete" } : { kind: "write", value: valueHash });
      }
      for (const { key, entries } of metadataWrites) add(place, key, { kind: "metadata", metadata: entries });
    }
  }
}
