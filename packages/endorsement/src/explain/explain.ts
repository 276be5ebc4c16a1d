/**
 * Explains a committed transaction from the ledger alone: what it did, or why it changed nothing. It works from the
 * stored block, so it says the same after years and restarts, as far as the blocks before are there.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import {
  type BlockStore,
  type KeyHistory,
  type NamespaceRwSet,
  type ParsedRwSet,
  Past,
  privateWritesOf,
  type StateReader,
  type Version,
} from "@hansa/ledger";
import { assert, type Bytes } from "@hansa/primitives";
import {
  decode,
  METADATA,
  rwset,
  type SplitBlock,
  splitBlock,
  TxValidationCode,
  txValidationCodeName,
} from "@hansa/wire";
import { mspIdOfImplicitCollection } from "../lifecycle/keys.js";
import { chaincodeDefinition } from "../lifecycle/reading.js";
import { ChangedPolicies } from "../validation/key-level.js";
import { adviceOf, summaryOf } from "./advice.js";
import { evidenceOf, nameFact, wordsOf } from "./codes.js";
import {
  EXPLANATION_FORMAT,
  type Explanation,
  type Finding,
  type Place,
  type PolicyShortfall,
  type ShownCollection,
  type TransactionRef,
} from "./explanation.js";
import { describeMembers } from "./members.js";
import type { PrivateOrigin } from "./missing-private.js";
import { PastConfigs } from "./past-config.js";
import { PastState } from "./past-state.js";
import { type Endorsed, policyFacts, shortfallOf, type UnmetPolicy, unmetPolicy } from "./policies.js";
import { type ReadContext, rangeConflict, readConflicts } from "./reads.js";
import { oneLine, PrivateKeys, personFrom, publicKeyOf } from "./shown.js";
import { eventOf, MAX_LISTED, type ReadParts, readParts, refOf, refOfParts, setOf, unlisted } from "./transaction.js";

export type ExplainSource = {
  readonly channelId: string;
  readonly blocks: Pick<BlockStore, "read" | "find" | "height">;
  readonly state: StateReader;
  readonly history: (namespace: string, key: string) => KeyHistory;
  /** In force now; stands in where the block that holds an older one is gone. */
  readonly config: () => ChannelConfig;
  /** Whether this peer's organisation keeps the private data of a collection. */
  readonly holds: (namespace: string, collection: string) => boolean;
};

/** Who is told: private keys are shown as far as he may see them, private values never. */
export type Reader = {
  /** Encoded `rwset.TxPvtReadWriteSet` of a block's transactions, by index, with the collections of the reader. */
  privateWrites(blockNumber: number): Promise<ReadonlyMap<number, Uint8Array>>;
};

const NOBODY: Reader = { privateWrites: async () => new Map() };
const MAX_ENDORSERS = 50;

type Stored = SplitBlock & { readonly number: number };

export class Explainer {
  readonly #source: ExplainSource;
  readonly #configs: PastConfigs;

  constructor(source: ExplainSource) {
    this.#source = source;
    this.#configs = new PastConfigs(source);
  }

  /** The first transaction with this id; undefined when the channel has none. */
  async explain(txId: string, reader: Reader = NOBODY): Promise<Explanation | undefined> {
    const found = this.#source.blocks.find(txId);
    if (found === undefined) return undefined;
    const [explanation] = await this.explainBlock(found.blockNumber, [found.txIndex], reader);
    return explanation;
  }

  /**
   * Several transactions of one block, which is read once.
   * @returns one for each index; undefined for those that are not there
   */
  async explainBlock(
    blockNumber: number,
    indexes: readonly number[],
    reader: Reader = NOBODY,
  ): Promise<(Explanation | undefined)[]> {
    const block = await this.#block(blockNumber);
    if (block === undefined) return indexes.map(() => undefined);
    const { config, isCertain } = await this.#configs.before(blockNumber);
    const run = new Run(this.#source, block, config, isCertain, reader, (number) => this.#block(number));
    const explanations: (Explanation | undefined)[] = [];
    for (const index of indexes) {
      explanations.push(block.envelopes[index] === undefined ? undefined : await run.explain(index));
    }
    return explanations;
  }

  /** Which collections a transaction wrote private values to; undefined when it is not here. */
  async privateOrigin({ block: number, index }: Place, chaincode: string): Promise<PrivateOrigin | undefined> {
    const [explanation] = await this.explainBlock(number, [index]);
    if (explanation === undefined) return undefined;
    const written = explanation.sets.flatMap(({ namespace, collections }) =>
      collections.filter(({ writes }) => writes > 0).map((each) => ({ ...each, namespace })),
    );
    const own = written.filter(({ namespace }) => namespace === chaincode);
    return { by: explanation, collections: own.length > 0 ? own : written };
  }

  async #block(number: number): Promise<Stored | undefined> {
    const bytes = await this.#source.blocks.read(number);
    return bytes === undefined ? undefined : { ...splitBlock(bytes), number };
  }
}

/** Codes of transactions whose endorsements sufficed. */
const ENDORSED: ReadonlySet<number> = new Set([
  TxValidationCode.VALID,
  TxValidationCode.MVCC_READ_CONFLICT,
  TxValidationCode.PHANTOM_READ_CONFLICT,
]);

/** What a transaction of the block changes of keys' policies. */
type PolicyChange = { readonly at: number; readonly sets: readonly NamespaceRwSet[] };

/** Explanations of one block's transactions. */
class Run {
  readonly #source: ExplainSource;
  readonly #block: Stored;
  readonly #config: ChannelConfig;
  readonly #isConfigCertain: boolean;
  readonly #reader: Reader;
  readonly #read: (number: number) => Promise<Stored | undefined>;
  readonly #past: Past;
  readonly #keys = new Map<number, PrivateKeys>();
  #changes: readonly PolicyChange[] | undefined;

  constructor(
    source: ExplainSource,
    block: Stored,
    config: ChannelConfig,
    isConfigCertain: boolean,
    reader: Reader,
    read: (number: number) => Promise<Stored | undefined>,
  ) {
    this.#source = source;
    this.#block = block;
    this.#config = config;
    this.#isConfigCertain = isConfigCertain;
    this.#reader = reader;
    this.#read = read;
    this.#past = new Past(source.blocks);
  }

  async explain(index: number): Promise<Explanation> {
    const envelope = this.#block.envelopes[index];
    assert(envelope !== undefined, `block ${this.#block.number} has transaction ${index}`);
    const place: Place = { block: this.#block.number, index };
    const code = this.#codeOf(index);
    const parts = readParts(envelope);
    const notes: string[] = [];
    const findings = await this.#findings(code, index, envelope, parts, notes);
    const ref = refOfParts(parts, place, this.#config);
    const known = { code, findings };
    return {
      format: EXPLANATION_FORMAT,
      channel: this.#source.channelId,
      ...ref,
      type: parts.type,
      timestamp: parts.timestampMs === undefined ? undefined : isoOf(parts.timestampMs),
      code: txValidationCodeName(code),
      codeNumber: code,
      isValid: code === TxValidationCode.VALID,
      summary: oneLine(summaryOf(known)),
      findings,
      advice: adviceOf(code, findings),
      endorsers: parts.endorsements
        .slice(0, MAX_ENDORSERS)
        .flatMap(({ endorser }) => personFrom(endorser, this.#config) ?? []),
      event: eventOf(parts.events),
      sets: parts.rwset === undefined ? [] : await this.#sets(parts.rwset, index, notes),
      notes,
    };
  }

  #codeOf(index: number): number {
    return this.#block.metadata[METADATA.TRANSACTIONS_FILTER]?.[index] ?? TxValidationCode.NOT_VALIDATED;
  }

  async #findings(code: number, index: number, envelope: Bytes, parts: ReadParts, notes: string[]): Promise<Finding[]> {
    switch (code) {
      case TxValidationCode.VALID:
        return [];
      case TxValidationCode.MVCC_READ_CONFLICT:
      case TxValidationCode.PHANTOM_READ_CONFLICT:
        return this.#conflicts(code, index, parts.rwset, notes);
      case TxValidationCode.ENDORSEMENT_POLICY_FAILURE:
      case TxValidationCode.INVALID_CHAINCODE:
        return this.#shortfall(code, index, envelope, parts, notes);
      case TxValidationCode.DUPLICATE_TXID: {
        const first = this.#source.blocks.find(parts.txId);
        const isOther = first !== undefined && (first.blockNumber !== this.#block.number || first.txIndex !== index);
        const other = isOther ? await this.#refOf(first) : undefined;
        return [{ kind: "fact", fact: wordsOf(code).fact, ...(other === undefined ? {} : { other }) }];
      }
      default:
        return [{ kind: "fact", fact: this.#factOf(code, envelope) }];
    }
  }

  #factOf(code: number, envelope: Bytes): string {
    const evidence = evidenceOf(code, envelope, this.#config);
    const { fact } = wordsOf(code);
    return evidence === undefined ? fact : `${fact} ${evidence}`;
  }

  async #conflicts(code: number, index: number, results: ParsedRwSet | undefined, notes: string[]): Promise<Finding[]> {
    if (results === undefined) return [];
    const context: ReadContext = {
      at: { blockNumber: this.#block.number, txIndex: index },
      rwset: results,
      state: this.#source.state,
      past: this.#past,
      keysOf: (number) => this.#keysOf(number),
      refOf: (version) => this.#refOf(version),
    };
    if (code === TxValidationCode.PHANTOM_READ_CONFLICT) {
      const range = await rangeConflict(context);
      if (range !== undefined) return [range];
    } else {
      const { told, more } = await readConflicts(context);
      if (more > 0) notes.push(`${more} more of its reads did not hold either.`);
      if (told.length > 0) return [...told];
    }
    const fact = "Something that it read had changed, which the blocks that this peer looked at do not show.";
    return [{ kind: "fact", fact }];
  }

  async #shortfall(
    code: number,
    index: number,
    envelope: Bytes,
    parts: ReadParts,
    notes: string[],
  ): Promise<Finding[]> {
    const plain: Finding[] = [{ kind: "fact", fact: this.#factOf(code, envelope) }];
    if (parts.rwset === undefined) return plain;
    const state = new PastState({ ...this.#source, past: this.#past }, this.#block.number);
    const namespaces = new Set([parts.chaincode, ...parts.rwset.namespaces.map(({ namespace }) => namespace)]);
    for (const namespace of namespaces) await state.lookUpDefinition(namespace);
    await state.lookUpWrites(parts.rwset);
    const { changed, changer } = this.#changedBefore(index);
    const endorsed: Endorsed = { ...parts, rwset: parts.rwset };
    const unmet = unmetPolicy(endorsed, this.#config, state, changed);
    if (state.isUncertain || !this.#isConfigCertain) {
      notes.push("Some of the rules that were in force are too far back; those of today were looked at instead.");
    }
    if (unmet?.kind === "no definition") {
      return [
        { kind: "fact", fact: `The channel had no chaincode "${unmet.namespace}", which it calls or writes to.` },
      ];
    }
    if (code === TxValidationCode.INVALID_CHAINCODE) return [{ kind: "fact", fact: nameFact(parts) }];
    if (unmet === undefined) {
      const fact = "Its endorsements did not satisfy a policy; by what this peer still has, they would.";
      return [{ kind: "fact", fact }];
    }
    return [await this.#policyFinding(unmet, endorsed, changer)];
  }

  async #policyFinding(
    unmet: UnmetPolicy,
    endorsed: Endorsed,
    changer: (namespace: string, collection: string, key: string) => number | undefined,
  ): Promise<PolicyShortfall> {
    const { namespace, collection, key } = unmet;
    const by = unmet.kind === "changed key" ? changer(namespace, collection, key) : undefined;
    const keys = await this.#keysOf(this.#block.number);
    return {
      kind: "policy",
      of: shortfallOf(unmet),
      namespace,
      collection,
      key:
        key === ""
          ? undefined
          : collection === ""
            ? publicKeyOf(namespace, key)
            : keys.shown(namespace, collection, key),
      ...policyFacts(unmet, endorsed, this.#config),
      changedBy: by === undefined ? undefined : await this.#refOf({ blockNumber: this.#block.number, txIndex: by }),
    };
  }

  /** Keys whose policies earlier transactions of the block change: those that their own endorsements sufficed for. */
  #changedBefore(index: number) {
    const changed = new ChangedPolicies();
    const changers: { at: number; own: ChangedPolicies }[] = [];
    for (const { at, sets } of this.#policyChanges().filter((each) => each.at < index)) {
      const own = new ChangedPolicies();
      for (const set of sets) {
        changed.add(set);
        own.add(set);
      }
      changers.push({ at, own });
    }
    const changer = (namespace: string, collection: string, key: string) =>
      changers.find(({ own }) => own.has(namespace, collection, key))?.at;
    return { changed, changer };
  }

  #policyChanges(): readonly PolicyChange[] {
    this.#changes ??= [...this.#block.envelopes].flatMap((envelope, at) => {
      if (!ENDORSED.has(this.#codeOf(at))) return [];
      const sets = (readParts(envelope).rwset?.namespaces ?? []).filter(
        ({ metadataWrites, collections }) =>
          metadataWrites.length > 0 || collections.some((collection) => collection.metadataWrites.length > 0),
      );
      return sets.length === 0 ? [] : [{ at, sets }];
    });
    return this.#changes;
  }

  async #sets(results: ParsedRwSet, index: number, notes: string[]) {
    const cutCount = unlisted(results);
    if (cutCount > 0) notes.push(`${cutCount} of the keys, collections and namespaces that it touches are not listed.`);
    const keys = await this.#keysOf(this.#block.number);
    const kept = await this.#keptHere(index);
    const facts = (namespace: string, name: string): Pick<ShownCollection, "members" | "here"> => ({
      members: this.#membersOf(namespace, name),
      here: kept.has(`${namespace}\n${name}`) ? "held" : this.#source.holds(namespace, name) ? "missing" : "no member",
    });
    return results.namespaces.slice(0, MAX_LISTED).map((set) => setOf(set, facts, keys));
  }

  /** Collections of which this peer has the transaction's private writes. */
  async #keptHere(index: number): Promise<ReadonlySet<string>> {
    const kept = (await privateWritesOf(this.#source.state, this.#block.number)).get(index);
    if (kept === undefined) return new Set();
    const { nsPvtRwset } = decode(rwset.TxPvtReadWriteSet, kept, "rwset.TxPvtReadWriteSet");
    return new Set(
      nsPvtRwset.flatMap(({ namespace, collectionPvtRwset }) =>
        (collectionPvtRwset ?? []).map(({ collectionName }) => `${namespace}\n${collectionName}`),
      ),
    );
  }

  #membersOf(namespace: string, collection: string): string[] {
    const owner = mspIdOfImplicitCollection(collection);
    if (owner !== undefined) return [owner];
    const found = chaincodeDefinition(this.#source.state, namespace)?.collections.find(
      ({ name }) => name === collection,
    );
    return describeMembers(found);
  }

  async #keysOf(blockNumber: number): Promise<PrivateKeys> {
    let keys = this.#keys.get(blockNumber);
    if (keys === undefined) {
      keys = new PrivateKeys();
      for (const writes of (await this.#reader.privateWrites(blockNumber)).values()) keys.add(writes);
      this.#keys.set(blockNumber, keys);
    }
    return keys;
  }

  async #refOf({ blockNumber, txIndex }: Version): Promise<TransactionRef | undefined> {
    const block = blockNumber === this.#block.number ? this.#block : await this.#read(blockNumber);
    const envelope = block?.envelopes[txIndex];
    return envelope && refOf(envelope, { block: blockNumber, index: txIndex }, this.#config);
  }
}

function isoOf(ms: number): string | undefined {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
