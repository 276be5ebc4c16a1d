/**
 * The blocks of one channel on this node: signs and appends what an engine hands out, keeps the newest in memory, and
 * wakes whoever follows.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { type JournalRecord, type JournalStrand, nextBlock, type StrandTip, tipAfter } from "@hansa/journal";
import type { SigningIdentity } from "@hansa/msp";
import type { ChainMetrics } from "@hansa/operations";
import { type DraftBlock, sealBlock } from "@hansa/ordering";
import { assert, type Logger, messageOf, type Random, type UnixMs } from "@hansa/primitives";
import { blockResponse, Tail } from "./tail.js";

const SIGNATURE_NONCE_BYTES = 24;

export type BlockLogOptions = {
  readonly identity: SigningIdentity;
  readonly tailCacheBytes: number;
  readonly random: Random;
  readonly meter?: ChainMetrics;
  /** Told of each configuration that comes into force. */
  readonly onConfig?: (config: ChannelConfig) => void;
  readonly logger: Logger;
};

/** A block to be written, with the journal's time for it. */
export type TimedDraft = { readonly draft: DraftBlock; readonly timestampMs: UnixMs };

export class BlockLog {
  readonly strand: JournalStrand;
  readonly channelId: string;
  readonly #options: BlockLogOptions;
  readonly #tail: Tail;
  readonly #followers = new Set<() => void>();
  #config: ChannelConfig;
  #tip: StrandTip;
  #halted: string | undefined;
  #failed = false;
  /** When the oldest message came that may not be in a block yet; undefined when there is none. */
  #fillingSince: number | undefined;

  constructor(strand: JournalStrand, config: ChannelConfig, options: BlockLogOptions) {
    this.strand = strand;
    this.channelId = config.channelId;
    this.#options = options;
    this.#tail = new Tail(options.tailCacheBytes);
    this.#config = config;
    this.#tip = strand.tip;
  }

  /** In force at the newest durable block. */
  get config(): ChannelConfig {
    return this.#config;
  }

  /** How many blocks are durable. */
  get height(): number {
    return this.strand.tip.size;
  }

  /** Nothing can be written any more; reading goes on for those who ask for the best there is. */
  get isFailed(): boolean {
    return this.#failed;
  }

  /** Why no more messages are taken. */
  get haltReason(): string | undefined {
    return this.#halted;
  }

  /** The block as appended. */
  block(number: number): Promise<Uint8Array> {
    return this.strand.content(number);
  }

  /** The block as an encoded orderer.DeliverResponse; at once when it is recent. */
  response(number: number): Uint8Array | Promise<Uint8Array> {
    return this.#tail.response(number) ?? this.block(number).then(blockResponse);
  }

  /** Calls back when `notify` is called. Returns how to end it. */
  follow(onChange: () => void): () => void {
    this.#followers.add(onChange);
    return () => this.#followers.delete(onChange);
  }

  notify(): void {
    for (const onChange of [...this.#followers]) onChange();
  }

  /** A message was admitted at this `performance.now()`. */
  noteAccepted(at: number): void {
    this.#fillingSince ??= at;
  }

  /** Signs and appends consecutive blocks; settles when all are durable. One call at a time. @throws JournalError */
  async write(drafts: readonly TimedDraft[]): Promise<void> {
    const { identity, random, meter, logger } = this.#options;
    const startedAt = performance.now();
    if (this.#fillingSince !== undefined) meter?.cut(this.channelId, (startedAt - this.#fillingSince) / 1000);
    this.#fillingSince = undefined;
    const records: JournalRecord[] = drafts.map(({ draft, timestampMs }) => {
      const content = sealBlock(draft, identity, random.bytes(SIGNATURE_NONCE_BYTES));
      const { headerHash, envelopes } = draft;
      const block = nextBlock(this.#tip, { channelId: this.channelId, timestampMs, headerHash, envelopes });
      assert(block.address.sequenceNo === Number(draft.number), `block ${draft.number} at ${block.address.sequenceNo}`);
      this.#tip = tipAfter(block);
      return { block, content };
    });
    await this.strand.append(records);
    const bytes = records.reduce((sum, { content }) => sum + content.length, 0);
    meter?.written(this.channelId, bytes, (performance.now() - startedAt) / 1000);
    for (const { block, content } of records) this.#tail.push(block.address.sequenceNo, content);
    for (const { number, envelopes, config, lastConfigNumber } of drafts.map(({ draft }) => draft)) {
      this.#config = config;
      logger.debug("block written", { number, messages: envelopes.length });
      if (lastConfigNumber !== number) continue;
      logger.info("configuration changed", { number, sequence: config.sequence });
      this.#options.onConfig?.(config);
    }
  }

  /** No more messages are to be taken. The first reason stays. */
  halt(reason: string): void {
    this.#halted ??= reason;
  }

  /** Nothing can be written any more. */
  fail(reason: string, error: unknown): void {
    this.#options.meter?.failed(this.channelId);
    this.#options.logger.error(`channel stopped: ${reason}`, { reason: messageOf(error) });
    this.#failed = true;
    this.#halted = `chain is stopped: ${reason}`;
  }
}
