/**
 * The governance strand when several orderers share its stream, as a state machine without I/O, clock or chance.
 *
 * Every orderer judges the same acts in the same order, at the stream's time, and so arrives at the same blocks. A
 * message of the stream makes one block at most, of those of its acts that the rules allow where it stands. What is
 * refused there leaves no trace but the stream's time.
 *
 * The network's time is the stream's and what the operator has moved it ahead: each ClockAdvanced ends its block, which
 * is stamped with the time before it, and adds the difference.
 */
import {
  type Act,
  encodeStrandBlock,
  type Folded,
  type Founded,
  GOVERNANCE_STRAND,
  GovernanceRefusal,
  type GovernanceState,
  readSignedRecord,
  readStrandBlock,
  type SignedRecord,
  type StrandBlock,
  signedRecord,
  type VerifySignature,
  verifyStrand,
} from "@hansa/governance";
import { channelStrandId, emptyTip, type JournalBlock, nextBlock, type StrandTip, tipAfter } from "@hansa/journal";
import type { SignedData } from "@hansa/msp";
import { assert, type Bytes, HansaError, messageOf, NO_BYTES, sha256, type UnixMs } from "@hansa/primitives";
import { WireError } from "@hansa/wire";
import {
  type ItemRef,
  isIgnored,
  type Placed,
  type RecordConsequence,
  type RecordPlace,
  recentIdsOf,
  takeRecord,
} from "./record-window.js";
import {
  decodePosition,
  encodePosition,
  type RecordBody,
  STREAM_START,
  type StreamPosition,
  type SubmittedItem,
} from "./stream-record.js";

/** What every orderer of the strand judges by; the same arguments give the same answer at all of them. */
export type GovernanceRules = {
  /** Whether the act may be ordered at the network's time `at`; certificates must hold at `certificatesAt`. */
  judge(state: GovernanceState | undefined, signed: SignedRecord, at: UnixMs, certificatesAt: UnixMs): Folded;
  /** Whether a network of these orderers may be founded so. */
  mayFound(act: Founded): boolean;
  /** Whether a record of the stream comes from an orderer of the organisation with this MSP definition. */
  isOrderer(signed: SignedData, operatorMspConfig: Bytes): boolean;
  /** Judges signatures of acts that were ordered before. */
  readonly verify: VerifySignature;
};

/** How far the strand goes. */
export type GovernanceTip = {
  /** Undefined before the founding. */
  readonly tip: StrandTip | undefined;
  readonly governance: GovernanceState | undefined;
  /** How far the strand has moved the network's time ahead of the clock, in ms. */
  readonly aheadMs: number;
};

export const NOT_FOUNDED: GovernanceTip = { tip: undefined, governance: undefined, aheadMs: 0 };

/** `sequence` is that of the newest message that was applied. */
export type GovernanceChainState = GovernanceTip &
  RecordPlace & {
    /** The stream's time: the largest of all records so far, by the orderers' clocks. */
    readonly timeMs: UnixMs;
    /** The message that an earlier run took; it is the next one. */
    readonly isTaken: boolean;
  };

export type GovernanceConsequence =
  | {
      readonly kind: "block";
      readonly block: JournalBlock;
      /** hansa.governance.StrandBlock */
      readonly content: Bytes;
      /** Whose record stands in the block at entry i + 1. Of no use for a block that was restored. */
      readonly items: readonly ItemRef[];
      readonly after: GovernanceTip;
    }
  | { readonly kind: "refuse"; readonly item: ItemRef; readonly refusal: GovernanceRefusal }
  | { readonly kind: "counted"; readonly recordId: string }
  | RecordConsequence;

/** The network's time, never before what was ordered. */
export function networkTime({ tip, governance, aheadMs }: GovernanceTip, clockMs: UnixMs): UnixMs {
  return Math.max(clockMs + aheadMs, governance?.time ?? 0, tip?.lastTimestampMs ?? 0) as UnixMs;
}

/** By how much a block moves the network's time. An advance is the last record of its block. */
export function advanceOf({ block, records }: StrandBlock): number {
  const last = records.at(-1);
  const act = last && readSignedRecord(last).act;
  return act?.kind === "clockAdvanced" ? act.to - block.timestampMs : 0;
}

/** Whether a founding or an advance of the clock: another block begins after it. */
export function endsBlock({ kind }: Act): boolean {
  return kind === "founded" || kind === "clockAdvanced";
}

/** Where a block of the strand stands in the stream; undefined when no stream led to it. @throws WireError */
export function strandPositionOf({ streamPosition }: StrandBlock): StreamPosition | undefined {
  return streamPosition === undefined ? undefined : decodePosition(streamPosition);
}

/** The strand is named by the record that founds it: another founding is another strand. */
export function governanceStrandId(founding: Bytes): string {
  return channelStrandId(GOVERNANCE_STRAND, sha256(founding));
}

/**
 * The state after a block, next to apply being the position's own message.
 * @param earlier the messages after `idsFrom(position)` and before the position, oldest first
 */
export function startGovernanceChain(
  streamId: string,
  tip: GovernanceTip,
  position: StreamPosition = STREAM_START,
  earlier: readonly Placed[] = [],
): GovernanceChainState {
  const { sequence, timeMs } = position;
  const isTaken = sequence > 0;
  return { ...tip, streamId, sequence: Math.max(0, sequence - 1), timeMs, recentIds: recentIdsOf(earlier), isTaken };
}

/** Applies the next message of the stream. Takes the state over. */
export function applyGovernanceMessage(
  state: GovernanceChainState,
  message: Bytes,
  rules: GovernanceRules,
): { state: GovernanceChainState; consequences: GovernanceConsequence[] } {
  const chain = new Apply(state, message, rules);
  chain.apply();
  return { state: chain.state, consequences: chain.consequences };
}

class Apply {
  readonly consequences: GovernanceConsequence[] = [];
  readonly #message: Bytes;
  readonly #rules: GovernanceRules;

  constructor(
    public state: GovernanceChainState,
    message: Bytes,
    rules: GovernanceRules,
  ) {
    this.#message = message;
    this.#rules = rules;
  }

  apply(): void {
    const { isTaken } = this.state;
    this.state = { ...this.state, sequence: this.state.sequence + 1, isTaken: false };
    const record = takeRecord(this.state, this.#message, (signed, body) => this.#isByOrderer(signed, body));
    if (isTaken) return;
    if (isIgnored(record)) {
      this.consequences.push(record);
      return;
    }
    const { id, timestampMs, body } = record;
    this.consequences.push({ kind: "counted", recordId: id });
    this.state = { ...this.state, timeMs: Math.max(this.state.timeMs, timestampMs) as UnixMs };
    if (body.kind === "submission") this.#submission(id, body.items);
    else if (body.kind === "restored") this.#restored(id, body.block);
  }

  /** Before the founding, the founding itself says whose orderers they are. */
  #isByOrderer(signed: SignedData, body: RecordBody): boolean {
    const { governance } = this.state;
    if (governance !== undefined) return this.#rules.isOrderer(signed, governance.operatorMspConfig);
    const founding = foundingIn(body);
    return (
      founding !== undefined &&
      this.#rules.mayFound(founding) &&
      this.#rules.isOrderer(signed, founding.operatorMspConfig)
    );
  }

  #submission(recordId: string, submitted: readonly SubmittedItem[]): void {
    const at = networkTime(this.state, this.state.timeMs);
    const records: Bytes[] = [];
    const items: ItemRef[] = [];
    let { governance, aheadMs } = this.state;
    let isFull = false;
    for (const [index, { envelope }] of submitted.entries()) {
      const item = { recordId, index };
      if (isFull) {
        this.consequences.push({ kind: "resubmit", item });
        continue;
      }
      const judged = this.#judge(governance, envelope, at);
      if (!judged.ok) {
        this.consequences.push({ kind: "refuse", item, refusal: judged.refusal });
        continue;
      }
      const { signed, state } = judged;
      governance = state;
      records.push(signedRecord(signed.record, signed.signatures));
      items.push(item);
      isFull = endsBlock(signed.act);
      if (signed.act.kind === "clockAdvanced") aheadMs += signed.act.to - at;
    }
    const [first] = records;
    if (first === undefined) return;
    const tip = this.state.tip ?? emptyTip(governanceStrandId(first));
    const contents = { channelId: GOVERNANCE_STRAND, timestampMs: at, headerHash: NO_BYTES, envelopes: records };
    const block = nextBlock(tip, contents);
    assert(block.timestampMs === at, `a record judged at ${at} would stand at ${block.timestampMs}`);
    this.#block({ block, records }, items, { tip: tipAfter(block), governance, aheadMs });
  }

  #judge(state: GovernanceState | undefined, bytes: Bytes, at: UnixMs) {
    try {
      const signed = readSignedRecord(bytes);
      const judged = this.#rules.judge(state, signed, at, this.state.timeMs);
      return judged.ok ? ({ ok: true, signed, state: judged.state } as const) : judged;
    } catch (error) {
      if (error instanceof GovernanceRefusal) return { ok: false, refusal: error } as const;
      if (!(error instanceof WireError)) throw error;
      return { ok: false, refusal: new GovernanceRefusal("INVALID", messageOf(error)) } as const;
    }
  }

  /** A block that had been ordered before the stream lost its end, or before there was a stream. */
  #restored(recordId: string, bytes: Bytes): void {
    const { tip, governance, aheadMs } = this.state;
    const restored = this.#readNext(bytes);
    const verified = restored && verifyStrand([restored], this.#rules.verify, { tip, state: governance });
    if (restored === undefined || verified?.ok !== true) {
      this.consequences.push({ kind: "ignored", recordId, reason: "not the next block" });
      return;
    }
    const { tip: newest, state } = verified.position;
    this.#block(restored, [], { tip: newest, governance: state, aheadMs: aheadMs + advanceOf(restored) });
  }

  /** Undefined for what is no block, or begins a strand under another name than its own. */
  #readNext(bytes: Bytes): StrandBlock | undefined {
    try {
      const { block, records } = readStrandBlock(bytes);
      const [first] = records;
      if (first === undefined) return undefined;
      const isNamed = this.state.tip !== undefined || block.address.strandId === governanceStrandId(first);
      return isNamed ? { block, records } : undefined;
    } catch (error) {
      if (error instanceof HansaError) return undefined;
      throw error;
    }
  }

  #block(made: StrandBlock, items: readonly ItemRef[], after: GovernanceTip): void {
    const { sequence, timeMs } = this.state;
    const messageHash = sha256(this.#message);
    const streamPosition = encodePosition({ sequence, messageHash, itemsTaken: 0, timeMs, cutAtMs: timeMs });
    this.state = { ...this.state, ...after };
    this.consequences.push({
      kind: "block",
      block: made.block,
      content: encodeStrandBlock({ ...made, streamPosition }),
      items,
      after,
    });
  }
}

function foundingIn(body: RecordBody): Founded | undefined {
  try {
    const first = body.kind === "submission" ? body.items[0]?.envelope : firstRecordIn(body);
    const act = first && readSignedRecord(first).act;
    return act?.kind === "founded" ? act : undefined;
  } catch (error) {
    if (error instanceof HansaError) return undefined;
    throw error;
  }
}

function firstRecordIn(body: RecordBody): Bytes | undefined {
  return body.kind === "restored" ? readStrandBlock(body.block).records[0] : undefined;
}
