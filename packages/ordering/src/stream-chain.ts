/**
 * One channel's chain when its order comes from a stream that several orderers share, as a state machine without I/O,
 * clock or chance.
 *
 * Every orderer applies the same messages in the same order and so arrives at the same blocks, byte for byte but for
 * each one's own signature. Whatever could differ between them is in the messages: the time, who wants a batch cut, the
 * signed CONFIG transaction. An admission made by one configuration is judged again where the message stands when
 * another is in force there. A record counts once: see record-window.ts.
 * Source of the batch timer as a message: hyperledger/fabric v2.5, orderer/consensus/kafka/chain.go.
 */
import { type ChannelConfig, ConfigError, validateConfigEnvelope } from "@hansa/channel-config";
import { assert, type Bytes, bytesKey, equalBytes, sha256, type UnixMs } from "@hansa/primitives";
import {
  blockDataHash,
  blockHeaderHash,
  holdsConfig,
  readEnvelope,
  readPair,
  type SplitBlock,
  splitBlock,
  WireError,
} from "@hansa/wire";
import { admitNormal } from "./admit.js";
import type { ChainStart, DraftBlock } from "./chain.js";
import { nothingPending, order, type Pending } from "./cutter.js";
import { messageBytes } from "./filters.js";
import {
  type ItemRef,
  isIgnored,
  type Placed,
  type RecordConsequence,
  type RecordPlace,
  recentIdsOf,
  takeRecord,
} from "./record-window.js";
import { type Refusal, readBroadcast } from "./route.js";
import {
  encodePosition,
  type RecordBody,
  type StreamPosition,
  type StreamRecord,
  type SubmittedItem,
} from "./stream-record.js";

/** Who may write into the stream: those who may sign blocks. */
const RECORD_POLICY = "/Channel/Orderer/BlockValidation";

type Held = ItemRef & {
  readonly envelope: Bytes;
  /** Payload plus signature. */
  readonly bytes: number;
  readonly position: MessagePosition;
};

/** A position before its block is cut. */
type MessagePosition = Omit<StreamPosition, "cutAtMs">;

export type StreamConsequence =
  | {
      readonly kind: "block";
      readonly draft: DraftBlock;
      readonly timestampMs: UnixMs;
      readonly items: readonly ItemRef[];
    }
  | { readonly kind: "refuse"; readonly item: ItemRef; readonly refusal: Refusal }
  /** The record, with so many messages, counts; what follows comes from it. */
  | { readonly kind: "counted"; readonly recordId: string; readonly messages: number }
  | RecordConsequence;

/** `sequence` is that of the newest message that was applied. */
export type StreamChainState = RecordPlace & {
  readonly config: ChannelConfig;
  /** The newest block that was drafted. */
  readonly tip: { readonly number: bigint; readonly headerHash: Bytes };
  readonly lastConfigNumber: bigint;
  /** The stream's time: the largest of all records so far. */
  readonly timeMs: UnixMs;
  /** The stream's time when the newest block was cut. */
  readonly cutAtMs: UnixMs;
  readonly pending: Pending<Held>;
  /** The message that an earlier run used in part. */
  readonly partlyUsed: StreamPosition | undefined;
};

/**
 * The state after the block that ends at `position`, next to apply being the position's own message.
 * @param earlier the messages after `idsFrom(position)` and before the position, oldest first
 */
export function startStreamChain(
  streamId: string,
  start: ChainStart,
  position: StreamPosition,
  earlier: readonly Placed[],
): StreamChainState {
  return {
    ...start,
    streamId,
    sequence: Math.max(0, position.sequence - 1),
    timeMs: position.timeMs,
    cutAtMs: position.cutAtMs,
    pending: nothingPending(),
    recentIds: recentIdsOf(earlier),
    partlyUsed: position.sequence === 0 ? undefined : position,
  };
}

/** Applies the next message of the stream. Takes the state over. */
export function applyMessage(
  state: StreamChainState,
  message: Bytes,
): { state: StreamChainState; consequences: StreamConsequence[] } {
  const chain = new Apply(state, message);
  chain.apply();
  return { state: chain.state, consequences: chain.consequences };
}

class Apply {
  readonly consequences: StreamConsequence[] = [];
  readonly #message: Bytes;
  #hash: Bytes | undefined;

  constructor(
    public state: StreamChainState,
    message: Bytes,
  ) {
    this.#message = message;
  }

  apply(): void {
    this.#set({ sequence: this.state.sequence + 1 });
    const { sequence, partlyUsed } = this.state;
    if (partlyUsed !== undefined) {
      assert(partlyUsed.sequence === sequence, `message ${sequence} where ${partlyUsed.sequence} was used in part`);
      this.#set({ partlyUsed: undefined });
    }
    const { config } = this.state;
    const record = takeRecord(
      this.state,
      this.#message,
      (signed) => config.policy(RECORD_POLICY).evaluateSigned([signed]).ok,
    );
    if (isIgnored(record)) {
      this.consequences.push(record);
      return;
    }
    const messages = record.body.kind === "submission" ? record.body.items.length : 0;
    this.consequences.push({ kind: "counted", recordId: record.id, messages });
    this.#set({ timeMs: Math.max(this.state.timeMs, record.timestampMs) as UnixMs });
    this.#body(record, record.body, partlyUsed?.itemsTaken ?? 0);
  }

  #body(record: StreamRecord, body: RecordBody, itemsUsed: number): void {
    switch (body.kind) {
      case "submission":
        this.#submission(record, body.items, itemsUsed);
        if (this.#isDue(body.cutAfterMs)) this.#cut();
        break;
      case "cut":
        if (body.blockNumber === this.state.tip.number + 1n) this.#cut();
        break;
      case "restored":
        this.#restored(record, body.block, body.timestampMs);
        break;
    }
  }

  #submission({ id: recordId }: StreamRecord, items: readonly SubmittedItem[], itemsUsed: number): void {
    const isConfig = items.some((item) => item.isConfig);
    for (const [index, item] of items.entries()) {
      if (index < itemsUsed) continue;
      const ref = { recordId, index };
      if (!isConfig) this.#item(ref, item);
      else if (items.length === 1) this.#config(ref, item);
      else this.consequences.push({ kind: "resubmit", item: ref });
    }
  }

  #item(ref: ItemRef, item: SubmittedItem): void {
    const { config, pending, timeMs } = this.state;
    let bytes: number;
    try {
      if (item.configSequence === config.sequence) {
        const [payload, signature] = readPair(item.envelope, "common.Envelope");
        bytes = messageBytes({ payload, signature });
      } else {
        const message = readBroadcast(item.envelope);
        const again = message.kind === "rejected" ? message : admitNormal(message, { config, now: timeMs });
        if (again.kind === "rejected") {
          this.consequences.push({ kind: "refuse", item: ref, refusal: again });
          return;
        }
        bytes = again.bytes;
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.consequences.push({ kind: "resubmit", item: ref });
      return;
    }
    const held: Held = { ...ref, envelope: item.envelope, bytes, position: this.#positionOf(ref) };
    const { batches, pending: left } = order(pending, held, config.orderer);
    this.#set({ pending: left });
    for (const batch of batches) this.#draft(batch);
  }

  #config(ref: ItemRef, item: SubmittedItem): void {
    const next = this.#judgeConfig(item.envelope);
    if (next === undefined) {
      this.consequences.push({ kind: "resubmit", item: ref });
      return;
    }
    this.#cut();
    this.#draft([{ ...ref, envelope: item.envelope, bytes: 0, position: this.#positionOf(ref) }], next);
  }

  /** The configuration that the CONFIG transaction leads to; undefined when it does not follow the one in force. */
  #judgeConfig(envelope: Bytes): ChannelConfig | undefined {
    try {
      return validateConfigEnvelope(this.state.config, readEnvelope(envelope).data);
    } catch (error) {
      if (error instanceof ConfigError || error instanceof WireError) return undefined;
      throw error;
    }
  }

  /** A block that had been cut before the stream lost its end. What is pending and not in it has lost its place. */
  #restored(record: StreamRecord, bytes: Bytes, timestampMs: UnixMs): void {
    const { tip, pending } = this.state;
    const block = readBlock(bytes);
    const isNext =
      block !== undefined &&
      block.header.number === tip.number + 1n &&
      equalBytes(block.header.previousHash, tip.headerHash) &&
      equalBytes(block.header.dataHash, blockDataHash(block.envelopes)) &&
      block.envelopes.length > 0;
    const isConfig = isNext && holdsConfig(block.envelopes);
    const next = isConfig ? this.#judgeConfig(block.envelopes[0] as Bytes) : undefined;
    if (!isNext || (isConfig && next === undefined)) {
      this.consequences.push({ kind: "ignored", recordId: record.id, reason: "not the next block" });
      return;
    }
    const inBlock = new Set(block.envelopes.map((envelope) => bytesKey(sha256(envelope))));
    const placed: Held[] = [];
    for (const held of pending.messages) {
      if (inBlock.has(bytesKey(sha256(held.envelope)))) placed.push(held);
      else this.consequences.push({ kind: "resubmit", item: held });
    }
    this.#set({ pending: nothingPending(), timeMs: Math.max(this.state.timeMs, timestampMs) as UnixMs });
    const position = this.#positionOf({ recordId: record.id, index: -1 });
    this.#block(block.envelopes, placed, position, next, timestampMs);
  }

  #isDue(cutAfterMs: number | undefined): boolean {
    return cutAfterMs !== undefined && this.state.timeMs - this.state.cutAtMs >= cutAfterMs;
  }

  #cut(): void {
    const { messages } = this.state.pending;
    if (messages.length === 0) return;
    this.#set({ pending: nothingPending() });
    this.#draft(messages);
  }

  #draft(batch: readonly Held[], next?: ChannelConfig): void {
    const last = batch.at(-1);
    assert(last !== undefined, "a batch without messages");
    const envelopes = batch.map(({ envelope }) => envelope);
    this.#block(envelopes, batch, last.position, next, this.state.timeMs);
  }

  #block(
    envelopes: readonly Bytes[],
    held: readonly Held[],
    position: MessagePosition,
    next: ChannelConfig | undefined,
    timestampMs: UnixMs,
  ): void {
    const { tip } = this.state;
    const number = tip.number + 1n;
    const dataHash = blockDataHash(envelopes);
    const headerHash = blockHeaderHash({ number, previousHash: tip.headerHash, dataHash });
    const config = next ?? this.state.config;
    const lastConfigNumber = next === undefined ? this.state.lastConfigNumber : number;
    this.#set({ tip: { number, headerHash }, lastConfigNumber, config, cutAtMs: timestampMs });
    const engineNote = encodePosition({ ...position, cutAtMs: timestampMs });
    const draft = { number, previousHash: tip.headerHash, dataHash, headerHash, envelopes, lastConfigNumber, config };
    const items = held.map(({ recordId, index }) => ({ recordId, index }));
    this.consequences.push({ kind: "block", draft: { ...draft, engineNote }, timestampMs, items });
  }

  #positionOf({ index }: ItemRef): MessagePosition {
    this.#hash ??= sha256(this.#message);
    const { sequence, timeMs } = this.state;
    return { sequence, messageHash: this.#hash, itemsTaken: index + 1, timeMs };
  }

  #set(change: Partial<StreamChainState>): void {
    this.state = { ...this.state, ...change };
  }
}

function readBlock(bytes: Bytes): SplitBlock | undefined {
  try {
    return splitBlock(bytes);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
