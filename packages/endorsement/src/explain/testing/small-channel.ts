/** A channel in memory, judged by the real rules and kept as a peer keeps it: what explanations are made from. */
import { ChannelConfig } from "@hansa/channel-config";
import { type HistoryEntry, KeyHistory, prepareBlock, type TxLocation, type Version } from "@hansa/ledger";
import { assert } from "@hansa/primitives";
import { type BlockParts, blockDataHash, blockHeaderHash, common, encode, joinBlock, METADATA } from "@hansa/wire";
import { MapState } from "../../chaincode/testing/map-state.js";
import { CHANNEL, genesis } from "../../validation/testing/endorsed.js";
import { BlockValidator } from "../../validation/validate-block.js";
import { Explainer, type ExplainSource, type Reader } from "../explain.js";
import type { Explanation } from "../explanation.js";

export class SmallChannel {
  readonly state = new MapState();
  readonly #blocks = new Map<number, Uint8Array>();
  readonly #locations = new Map<string, TxLocation>();
  readonly #history: HistoryEntry[] = [];
  readonly #validator = new BlockValidator(CHANNEL);
  readonly #holds: ExplainSource["holds"];
  #config: ChannelConfig;
  #previousHash: Uint8Array;
  #lastConfig = 0;

  constructor(holds: ExplainSource["holds"] = () => false) {
    this.#holds = holds;
    this.#config = ChannelConfig.fromBlock(joinBlock(genesis));
    this.#blocks.set(0, joinBlock(genesis));
    this.#previousHash = blockHeaderHash(genesis.header);
  }

  /** The number that the next block will have. */
  get height(): number {
    return this.#blocks.size;
  }

  /** Commits a block. @returns the validation codes */
  async commit(...envelopes: Uint8Array[]): Promise<number[]> {
    const number = this.height;
    const header = { number: BigInt(number), previousHash: this.#previousHash, dataHash: blockDataHash(envelopes) };
    const parts: BlockParts = { header, envelopes, metadata: [] };
    const { transactions, config } = await this.#validator.validate(parts, {
      config: this.#config,
      state: this.state,
      isKnown: (txId) => this.#locations.has(txId),
    });
    if (config !== this.#config) this.#lastConfig = number;
    this.#config = config;
    const { codes, batch } = await prepareBlock(number, transactions, this.state, true);
    const lastConfig = { index: this.#lastConfig };
    const signatures = encode(common.Metadata, { value: encode(common.OrdererBlockMetadata, { lastConfig }) });
    const metadata: Uint8Array[] = [];
    metadata[METADATA.SIGNATURES] = signatures;
    metadata[METADATA.LAST_CONFIG] = new Uint8Array(0);
    metadata[METADATA.TRANSACTIONS_FILTER] = codes;
    this.#blocks.set(number, joinBlock({ header, envelopes, metadata }));
    this.#previousHash = blockHeaderHash(header);
    this.state.apply(batch);
    this.#history.unshift(...batch.history.toReversed());
    for (const [txIndex, { txId }] of transactions.entries()) {
      const location = { blockNumber: number, txIndex, code: codes[txIndex] ?? 0 };
      if (txId !== "" && !this.#locations.has(txId)) this.#locations.set(txId, location);
    }
    return [...codes];
  }

  explainer(): Explainer {
    const blocks = {
      read: async (number: number) => this.#blocks.get(number),
      find: (txId: string) => this.#locations.get(txId),
      height: () => this.height,
    };
    const history = (namespace: string, key: string) => {
      const versions: Version[] = this.#history
        .filter((each) => each.namespace === namespace && each.key === key)
        .map(({ version }) => version);
      const cursor = { next: async (max: number) => versions.splice(0, max), close: async () => {} };
      return new KeyHistory(namespace, key, cursor, blocks);
    };
    const config = () => this.#config;
    return new Explainer({ channelId: CHANNEL, blocks, state: this.state, history, config, holds: this.#holds });
  }

  /** What is told of the transaction at a place. */
  async explain(block: number, index: number, reader?: Reader): Promise<Explanation> {
    const [explanation] = await this.explainer().explainBlock(block, [index], reader);
    assert(explanation !== undefined, `block ${block} has transaction ${index}`);
    return explanation;
  }
}
