/** The values that a key had, newest first, read from the blocks that wrote them. */
import { splitBlock, TxValidationCode } from "@hansa/wire";
import type { BlockStore } from "./block-store.js";
import { readTransaction } from "./read-transaction.js";
import type { HistoryCursor, Version } from "./state.js";
import { viewChannelHeader, viewEnvelope, viewPayload } from "./transaction.js";

export type HistoricValue = {
  readonly txId: string;
  /** From the transaction's channel header. */
  readonly timestampMs: number;
  readonly isDelete: boolean;
  /** Empty for a delete. */
  readonly value: Uint8Array;
  readonly version: Version;
};

const PAGE = 20;

export class KeyHistory {
  readonly #namespace: string;
  readonly #key: string;
  readonly #versions: HistoryCursor;
  readonly #blocks: Pick<BlockStore, "read">;
  #page: readonly Version[] = [];
  #position = 0;
  #envelopes: { blockNumber: number; envelopes: readonly Uint8Array[] } | undefined;

  constructor(namespace: string, key: string, versions: HistoryCursor, blocks: Pick<BlockStore, "read">) {
    this.#namespace = namespace;
    this.#key = key;
    this.#versions = versions;
    this.#blocks = blocks;
  }

  async next(): Promise<HistoricValue | undefined> {
    if (this.#position >= this.#page.length) {
      this.#page = await this.#versions.next(PAGE);
      this.#position = 0;
    }
    const version = this.#page[this.#position++];
    if (version === undefined) return undefined;
    return this.#read(version);
  }

  async close(): Promise<void> {
    await this.#versions.close();
  }

  async #read(version: Version): Promise<HistoricValue | undefined> {
    const envelope = (await this.#envelopesOf(version.blockNumber))[version.txIndex];
    if (envelope === undefined) return undefined;
    const { txId, rwset } = readTransaction(envelope, TxValidationCode.VALID);
    const { header } = viewPayload(viewEnvelope(envelope).payload);
    const timestampMs = header === undefined ? 0 : (viewChannelHeader(header.channelHeader).timestampMs ?? 0);
    const set = rwset?.namespaces.find(({ namespace }) => namespace === this.#namespace);
    const write = set?.writes.find(({ key }) => key === this.#key);
    if (write === undefined) return undefined;
    return { txId, timestampMs, isDelete: write.isDelete, value: write.value, version };
  }

  async #envelopesOf(blockNumber: number): Promise<readonly Uint8Array[]> {
    if (this.#envelopes?.blockNumber === blockNumber) return this.#envelopes.envelopes;
    const bytes = await this.#blocks.read(blockNumber);
    const envelopes = bytes === undefined ? [] : splitBlock(bytes).envelopes;
    this.#envelopes = { blockNumber, envelopes };
    return envelopes;
  }
}
