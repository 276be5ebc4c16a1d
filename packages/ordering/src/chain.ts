/**
 * One channel's chain: from admitted messages to blocks, as a state machine without I/O, clock or chance.
 *
 * `step(state, input, now, rules)` takes the state over and returns the next one with what must be done. `wakeAt` says
 * when an input "time" is due. Writing is the caller's: it appends the blocks of a `write`, all at once and durably,
 * and then says "written".
 *
 * Batching is adaptive by default: a chain that is at rest cuts at the next "time", while blocks are being written the
 * next one fills, and the channel's BatchSize and BatchTimeout stay upper bounds. With batching "fabric" a batch waits
 * for BatchSize or BatchTimeout as Fabric's chains do.
 *
 * A configuration stands alone in its block. Until it is durable nothing behind it is ordered, because that must be
 * judged again by the new configuration.
 * Source: hyperledger/fabric, orderer/consensus/etcdraft/chain.go.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { assert, type UnixMs } from "@hansa/primitives";
import { blockDataHash, blockHeaderHash } from "@hansa/wire";
import type { Admission, Admitted } from "./admit.js";
import { nothingPending, order, type Pending } from "./cutter.js";
import { arrived, DEFAULT_PACE, gapMs, type Pace, type PaceSettings, RESTED, woken } from "./pace.js";
import type { BroadcastMessage, Refusal } from "./route.js";

export type Batching = "adaptive" | "fabric";

/** A message with the mark by which its sender is answered. */
export type Ticketed = { readonly ticket: number; readonly admitted: Admitted; readonly bytes: number };

/** A block to be signed and written. */
export type DraftBlock = {
  readonly number: bigint;
  readonly previousHash: Uint8Array;
  readonly dataHash: Uint8Array;
  readonly headerHash: Uint8Array;
  readonly envelopes: readonly Uint8Array[];
  /** The block that holds the configuration in force, this one included. */
  readonly lastConfigNumber: bigint;
  /** Of the configuration in force after this block. */
  readonly config: ChannelConfig;
  /** What the ordering engine notes for itself in the block's ORDERER metadata. */
  readonly engineNote?: Uint8Array;
};

export type BlockDraft = DraftBlock & { readonly tickets: readonly number[] };

export type ChainInput =
  | { readonly kind: "submit"; readonly ticket: number; readonly admitted: Admitted }
  | { readonly kind: "time" }
  /** Nothing more will come: what is pending need not wait for company. */
  | { readonly kind: "flush" }
  /** Every block handed out so far is durable. */
  | { readonly kind: "written" };

export type Consequence =
  | { readonly kind: "write"; readonly blocks: readonly BlockDraft[] }
  | { readonly kind: "durable"; readonly tickets: readonly number[] }
  /** Admitted earlier, but not by the configuration that came in between. */
  | { readonly kind: "refuse"; readonly ticket: number; readonly refusal: Refusal };

export type ChainRules = {
  readonly batching: Batching;
  /** As it is to be now; `DEFAULT_PACE` when absent. */
  readonly pace?: () => PaceSettings;
  /** Judges a message again by a newer configuration. */
  readonly readmit: (message: BroadcastMessage, config: ChannelConfig, now: UnixMs) => Admission;
};

export type ChainState = {
  readonly config: ChannelConfig;
  /** The newest block that was drafted. */
  readonly tip: { readonly number: bigint; readonly headerHash: Uint8Array };
  readonly lastConfigNumber: bigint;
  readonly pending: Pending<Ticketed>;
  /** When the batch timer runs out; set while anything is pending. */
  readonly timerAt: UnixMs | undefined;
  /** When the oldest pending message came, or the last write ended if that was later. */
  readonly pendingSince: UnixMs;
  /** Complete batches that wait for the write under way. */
  readonly ready: readonly (readonly Ticketed[])[];
  readonly writing: readonly BlockDraft[];
  /** A configuration is ready or being written, and these came after it. */
  readonly behindConfig: readonly Ticketed[] | undefined;
  readonly lastCutAt: UnixMs;
  readonly pace: Pace;
};

export type ChainStart = {
  readonly config: ChannelConfig;
  readonly tip: { readonly number: bigint; readonly headerHash: Uint8Array };
  readonly lastConfigNumber: bigint;
};

/** A chain at rest on top of its newest block. */
export function startChain(start: ChainStart): ChainState {
  return {
    ...start,
    pending: nothingPending(),
    timerAt: undefined,
    pendingSince: 0 as UnixMs,
    ready: [],
    writing: [],
    behindConfig: undefined,
    lastCutAt: 0 as UnixMs,
    pace: RESTED,
  };
}

/** When the next "time" is due; undefined while only other inputs can change anything. */
export function wakeAt(state: ChainState, now: UnixMs, rules: ChainRules): UnixMs | undefined {
  if (state.timerAt === undefined) return undefined;
  if (rules.batching === "fabric" || state.writing.length > 0) return state.timerAt;
  const pace = rules.pace?.() ?? DEFAULT_PACE;
  if (state.pending.messages.length >= pace.enoughMessages) return now;
  const gap = gapMs(state.pace, now, pace);
  return Math.min(state.timerAt, state.lastCutAt + gap) as UnixMs;
}

/** Takes one input. The state that was given must not be used again: its parts are taken over. */
export function step(
  state: ChainState,
  input: ChainInput,
  now: UnixMs,
  rules: ChainRules,
): { state: ChainState; consequences: Consequence[] } {
  const chain = new Step(state, now, rules);
  switch (input.kind) {
    case "submit":
      chain.submit({ ticket: input.ticket, admitted: input.admitted, bytes: input.admitted.bytes });
      break;
    case "time":
      chain.time();
      break;
    case "flush":
      chain.flush();
      break;
    case "written":
      chain.written();
      break;
  }
  chain.handOut();
  return { state: chain.state, consequences: chain.consequences };
}

class Step {
  readonly consequences: Consequence[] = [];

  constructor(
    public state: ChainState,
    readonly now: UnixMs,
    readonly rules: ChainRules,
  ) {}

  submit(message: Ticketed): void {
    this.#set({ pace: arrived(this.state.pace, this.now, this.rules.pace?.() ?? DEFAULT_PACE) });
    this.#accept(message);
  }

  time(): void {
    const { pending } = this.state;
    if (pending.messages.length === 0) return;
    const due = wakeAt(this.state, this.now, this.rules);
    assert(due !== undefined, "messages are pending without a timer");
    if (this.now < due) return;
    if (this.state.writing.length === 0) {
      // Nothing was due before there was anything to cut, nor while a write kept the chain.
      const { pace, pendingSince } = this.state;
      this.#set({ pace: woken(pace, this.now - Math.max(due, pendingSince)) });
    }
    this.#cut();
  }

  flush(): void {
    this.#cut();
  }

  written(): void {
    const { writing, behindConfig } = this.state;
    const last = writing.at(-1);
    assert(last !== undefined, "blocks are reported as written, none was handed out");
    this.#set({ writing: [], pendingSince: this.now });
    this.consequences.push({ kind: "durable", tickets: writing.flatMap((block) => block.tickets) });
    if (last.config !== this.state.config) {
      this.#set({ config: last.config, behindConfig: undefined });
      for (const message of behindConfig ?? []) this.#accept(message);
    }
    // What gathered during the write goes out when its gap is over: at once, mostly.
    if (this.rules.batching === "adaptive") this.time();
  }

  /** Hands out all complete batches as one write, when none is under way. */
  handOut(): void {
    const { ready, writing } = this.state;
    if (ready.length === 0 || writing.length > 0) return;
    const blocks = ready.map((batch) => this.#draft(batch));
    this.#set({ ready: [], writing: blocks });
    this.consequences.push({ kind: "write", blocks });
  }

  #accept(message: Ticketed): void {
    const { behindConfig, config, pending } = this.state;
    if (behindConfig !== undefined) {
      this.#set({ behindConfig: [...behindConfig, message] });
      return;
    }
    let { admitted } = message;
    if (admitted.sequence < config.sequence) {
      const again = this.rules.readmit(admitted.message, config, this.now);
      if (again.kind === "rejected") {
        this.consequences.push({ kind: "refuse", ticket: message.ticket, refusal: again });
        return;
      }
      admitted = again;
    }
    const current: Ticketed = { ticket: message.ticket, admitted, bytes: admitted.bytes };
    if (admitted.kind === "config") {
      this.#cut();
      this.#set({ ready: [...this.state.ready, [current]], behindConfig: [] });
      return;
    }
    const { batches, pending: left } = order(pending, current, config.orderer);
    this.#set({ pending: left, ready: batches.length === 0 ? this.state.ready : [...this.state.ready, ...batches] });
    if (batches.length > 0) this.#set({ lastCutAt: this.now });
    if (left.messages.length === 1) this.#set({ pendingSince: this.now });
    if (left.messages.length === 0) this.#set({ timerAt: undefined });
    // An overflowing batch leaves the timer as it runs, as Fabric's chain does while anything is pending.
    else if (this.state.timerAt === undefined) {
      this.#set({ timerAt: (this.now + config.orderer.batchTimeoutMs) as UnixMs });
    }
  }

  #cut(): void {
    const { pending, ready } = this.state;
    if (pending.messages.length === 0) return;
    this.#set({
      ready: [...ready, pending.messages],
      pending: nothingPending(),
      timerAt: undefined,
      lastCutAt: this.now,
    });
  }

  #draft(batch: readonly Ticketed[]): BlockDraft {
    const { tip } = this.state;
    const number = tip.number + 1n;
    const envelopes = batch.map(({ admitted }) => admitted.envelope);
    const dataHash = blockDataHash(envelopes);
    const headerHash = blockHeaderHash({ number, previousHash: tip.headerHash, dataHash });
    const [first] = batch;
    assert(first !== undefined, "a batch without messages");
    const isConfig = first.admitted.kind === "config";
    assert(!isConfig || batch.length === 1, "a configuration shares its block");
    const lastConfigNumber = isConfig ? number : this.state.lastConfigNumber;
    const config = first.admitted.kind === "config" ? first.admitted.next : this.state.config;
    this.#set({ tip: { number, headerHash }, lastConfigNumber });
    return {
      number,
      previousHash: tip.headerHash,
      dataHash,
      headerHash,
      envelopes,
      tickets: batch.map(({ ticket }) => ticket),
      lastConfigNumber,
      config,
    };
  }

  #set(change: Partial<ChainState>): void {
    this.state = { ...this.state, ...change };
  }
}

/** How much is accepted and not durable yet: messages and their bytes. Tells a caller when to stop reading. */
export function backlog(state: ChainState): { messages: number; bytes: number } {
  let messages = state.pending.messages.length + (state.behindConfig?.length ?? 0);
  let bytes = state.pending.bytes;
  for (const batch of state.ready) messages += batch.length;
  for (const batch of state.ready) for (const message of batch) bytes += message.bytes;
  for (const block of state.writing) messages += block.tickets.length;
  return { messages, bytes };
}
