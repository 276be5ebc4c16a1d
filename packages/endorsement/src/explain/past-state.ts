/**
 * The state as it was before a block, for the few keys that judging a transaction's policies asks of. It is looked up
 * ahead, because judging reads it as it reads the state.
 */
import {
  hashedNamespace,
  type KeyHistory,
  type ParsedRwSet,
  type Past,
  type StateReader,
  serializeMetadata,
  splitNamespace,
  type VersionedValue,
} from "@hansa/ledger";
import { fieldKey, LIFECYCLE_NAMESPACE, metadataKey, NAMESPACES } from "../lifecycle/keys.js";

const DEFINITION_FIELDS = ["Sequence", "EndorsementInfo", "ValidationInfo", "Collections"] as const;
/** How many values of one key's history are looked at. */
const MAX_HISTORY = 100;
/** How far back a key's metadata is followed. */
const METADATA_BLOCKS = 300;
/** How many keys of one transaction are looked up. */
const MAX_KEYS = 1_000;

export type PastStateSource = {
  readonly state: StateReader;
  readonly past: Past;
  readonly history: (namespace: string, key: string) => KeyHistory;
};

export class PastState {
  readonly #source: PastStateSource;
  readonly #block: number;
  readonly #entries = new Map<string, VersionedValue | undefined>();
  /** Whether something could not be looked up as it was, and today's value stands for it. */
  isUncertain = false;

  constructor(source: PastStateSource, block: number) {
    this.#source = source;
    this.#block = block;
  }

  /** Chaincode definitions, for `Definitions`. */
  async lookUpDefinition(name: string): Promise<void> {
    const fields = DEFINITION_FIELDS.map((field) => fieldKey(NAMESPACES, name, field));
    for (const key of [metadataKey(NAMESPACES, name), ...fields]) await this.#lookUp(LIFECYCLE_NAMESPACE, key);
  }

  /** Keys that a transaction writes, whose policies count. */
  async lookUpWrites({ namespaces }: ParsedRwSet): Promise<void> {
    for (const { namespace, writes, metadataWrites, collections } of namespaces) {
      for (const { key } of [...writes, ...metadataWrites]) await this.#lookUp(namespace, key);
      for (const each of collections) {
        const place = hashedNamespace(namespace, each.name);
        for (const { key } of [...each.writes, ...each.metadataWrites]) await this.#lookUp(place, key);
      }
    }
  }

  /** For the rules of validation; of keys that were not looked up it gives today's value. */
  get reader(): StateReader {
    const { state } = this.#source;
    return {
      get: (namespace, key) => {
        const id = idOf(namespace, key);
        return this.#entries.has(id) ? this.#entries.get(id) : state.get(namespace, key);
      },
      range: (namespace, startKey, endKey) => state.range(namespace, startKey, endKey),
    };
  }

  async #lookUp(place: string, key: string): Promise<void> {
    const id = idOf(place, key);
    if (this.#entries.has(id)) return;
    if (this.#entries.size >= MAX_KEYS) {
      this.isUncertain = true;
      return;
    }
    this.#entries.set(id, await this.#before(place, key));
  }

  async #before(place: string, key: string): Promise<VersionedValue | undefined> {
    const now = this.#source.state.get(place, key);
    if (now !== undefined && now.version.blockNumber < this.#block) return now;
    const isPublic = splitNamespace(place).kind === "public";
    // Nobody keeps an index of what private keys once were; one that is gone by now is taken as never there.
    if (now === undefined && !isPublic) return undefined;
    const found = isPublic ? await this.#fromHistory(place, key) : await this.#fromBlocks(place, key);
    if (found === undefined) return undefined;
    const metadata = await this.#metadata(place, key, now);
    return metadata === undefined ? found : { ...found, metadata };
  }

  /** The value that the key had, without its metadata: the index of histories knows who wrote a public key. */
  async #fromHistory(namespace: string, key: string): Promise<VersionedValue | undefined> {
    const history = this.#source.history(namespace, key);
    try {
      for (let looked = 0; looked < MAX_HISTORY; looked++) {
        const entry = await history.next();
        if (entry === undefined) return undefined;
        if (entry.version.blockNumber >= this.#block) continue;
        return entry.isDelete ? undefined : { value: entry.value, version: entry.version };
      }
    } finally {
      await history.close();
    }
    this.isUncertain = true;
    return this.#source.state.get(namespace, key);
  }

  async #fromBlocks(place: string, key: string): Promise<VersionedValue | undefined> {
    const before = { blockNumber: this.#block, txIndex: 0 };
    const after = Math.max(-1, this.#block - METADATA_BLOCKS);
    const last = await this.#source.past.lastChange(place, key, before, after);
    if (last.kind !== "found") {
      const now = this.#source.state.get(place, key);
      if (now !== undefined) this.isUncertain = true;
      return now;
    }
    const { kind, value, version } = last.change;
    return kind === "delete" ? undefined : { value: value ?? Buffer.alloc(0), version };
  }

  async #metadata(place: string, key: string, now: VersionedValue | undefined): Promise<Uint8Array | undefined> {
    const before = { blockNumber: this.#block, txIndex: 0 };
    const last = await this.#source.past.lastMetadata(place, key, before, Math.max(-1, this.#block - METADATA_BLOCKS));
    if (last.kind === "found") {
      const entries = last.change.kind === "delete" ? [] : (last.change.metadata ?? []);
      return entries.length === 0 ? undefined : serializeMetadata(entries);
    }
    if (now?.metadata !== undefined) this.isUncertain = true;
    return now?.metadata;
  }
}

function idOf(place: string, key: string): string {
  return `${place}\n${key}`;
}
