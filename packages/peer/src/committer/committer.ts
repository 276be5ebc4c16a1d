/**
 * The committer of one channel as a state machine: which orderer to follow, which blocks to accept, what to commit next.
 *
 *   (state, input, now) → (state, consequences)
 *
 * It reads no clock and does no I/O; the driver dials, commits and waits as the consequences say and feeds back what
 * happened. Inputs of a session that is over are ignored, so the driver may be late with them.
 *
 * A block is accepted with the configuration in force at its number. After a configuration block nothing is accepted
 * until that block is committed: the blocks behind it wait unread in `held`.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { assert, type UnixMs } from "@hansa/primitives";
import { type ChainTip, checkBlock, type IncomingBlock } from "./intake.js";

export type OrdererSource = { readonly mspId: string; readonly address: string };

export type Link =
  | { readonly kind: "down"; readonly retryAt: UnixMs }
  | { readonly kind: "up"; readonly session: number; readonly source: OrdererSource; readonly paused: boolean };

export type CommitterState = {
  readonly config: ChannelConfig;
  /** What the next accepted block must continue. */
  readonly tip: ChainTip;
  /** Accepted, oldest first; the first is being committed. */
  readonly queue: readonly IncomingBlock[];
  /** Received behind a configuration block that is not committed yet. */
  readonly held: readonly Uint8Array[];
  readonly link: Link;
  readonly sources: readonly OrdererSource[];
  /** Sessions opened so far. */
  readonly sessions: number;
  /** Sessions in a row that brought no block. */
  readonly failures: number;
};

export type CommitterInput =
  | { readonly kind: "start" }
  | { readonly kind: "timer" }
  | { readonly kind: "received"; readonly session: number; readonly block: Uint8Array }
  | { readonly kind: "ended"; readonly session: number; readonly reason: string }
  /** Some orderers are not to be believed any more, or are again. */
  | { readonly kind: "sources"; readonly sources: readonly OrdererSource[] }
  | {
      readonly kind: "committed";
      readonly number: number;
      /** Configuration in force after the block. */
      readonly config: ChannelConfig;
      readonly sources: readonly OrdererSource[];
    };

export type Consequence =
  | { readonly kind: "dial"; readonly session: number; readonly source: OrdererSource; readonly from: number }
  | { readonly kind: "hang up"; readonly session: number }
  | { readonly kind: "pause"; readonly session: number }
  | { readonly kind: "resume"; readonly session: number }
  | { readonly kind: "wake"; readonly at: UnixMs }
  | { readonly kind: "commit"; readonly block: IncomingBlock }
  /** Work on this block's signatures while the one before it is being written. */
  | { readonly kind: "prepare"; readonly block: IncomingBlock }
  /** An orderer has signed a block that contradicts the blocks that it, or another one, has signed before. */
  | { readonly kind: "fork"; readonly block: Uint8Array; readonly reason: string; readonly source: OrdererSource }
  | { readonly kind: "warn"; readonly message: string; readonly reason: string; readonly source: OrdererSource };

export type Step = { readonly state: CommitterState; readonly consequences: readonly Consequence[] };

/** Blocks that may wait, accepted or held, before the stream is paused. */
const MAX_WAITING_BLOCKS = 16;
/** Source: hyperledger/fabric, internal/pkg/peer/blocksprovider (first pause and growth), here with a shorter last one. */
const FIRST_RETRY_MS = 100;
const GROWTH = 1.2;
const LAST_RETRY_MS = 5_000;

/** A committer on top of the newest block that is committed; it dials nobody before "start". */
export function newCommitter(config: ChannelConfig, tip: ChainTip, sources: readonly OrdererSource[]): CommitterState {
  return {
    config,
    tip,
    queue: [],
    held: [],
    link: { kind: "down", retryAt: 0 as UnixMs },
    sources,
    sessions: 0,
    failures: 0,
  };
}

/** Takes one input; blocks and ends of a session that is over count for nothing. */
export function step(state: CommitterState, input: CommitterInput, now: UnixMs): Step {
  switch (input.kind) {
    case "start":
    case "timer":
      return dial(state, now);
    case "received":
      return isCurrent(state, input.session) ? receive(state, input.block, now) : { state, consequences: [] };
    case "ended":
      return isCurrent(state, input.session) ? retryLater(state, input.reason, now) : { state, consequences: [] };
    case "sources":
      return believe(state, input.sources, now);
    case "committed":
      return committed(state, input, now);
  }
}

/** From an orderer that is not believed any more nothing is taken but the block that is being committed. */
function believe(before: CommitterState, sources: readonly OrdererSource[], now: UnixMs): Step {
  const state = { ...before, sources };
  const source = sourceOf(state);
  if (source === undefined) return dial({ ...state, link: { kind: "down", retryAt: now } }, now);
  if (isListed(source, sources)) return { state, consequences: [] };
  const [committing] = state.queue;
  const tip =
    committing === undefined ? state.tip : { next: committing.number + 1, previousHash: committing.headerHash };
  const queue = committing === undefined ? [] : [committing];
  return fail({ ...state, queue, held: [], tip }, "orderer is not believed any more", "see its evidence", now);
}

function isListed({ address }: OrdererSource, sources: readonly OrdererSource[]): boolean {
  return sources.some((source) => source.address === address);
}

function isCurrent(state: CommitterState, session: number): boolean {
  return state.link.kind === "up" && state.link.session === session;
}

function dial(state: CommitterState, now: UnixMs): Step {
  if (state.link.kind === "up") return { state, consequences: [] };
  if (now < state.link.retryAt) return { state, consequences: [{ kind: "wake", at: state.link.retryAt }] };
  const source = state.sources[state.sessions % Math.max(1, state.sources.length)];
  if (source === undefined) return waitFor(state, [], now);
  const session = state.sessions + 1;
  return {
    state: { ...state, sessions: session, link: { kind: "up", session, source, paused: false } },
    consequences: [{ kind: "dial", session, source, from: state.tip.next + state.held.length }],
  };
}

function receive(state: CommitterState, block: Uint8Array, now: UnixMs): Step {
  const accepted = accept({ ...state, held: [...state.held, block] }, now);
  return withBackpressure(accepted);
}

/** Moves held blocks to the queue as far as the configuration in force allows. */
function accept(before: CommitterState, now: UnixMs): Step {
  let state = before;
  const consequences: Consequence[] = [];
  while (state.held.length > 0 && !state.queue.some((block) => block.isConfig)) {
    const [bytes, ...held] = state.held;
    assert(bytes !== undefined, "a held block is there");
    const verdict = checkBlock(bytes, state.tip, state.config);
    if (verdict.kind !== "accepted") {
      const source = sourceOf(state);
      if (verdict.kind === "forked" && source !== undefined) {
        consequences.push({ kind: "fork", block: bytes, reason: verdict.reason, source });
      }
      // Whatever came behind a bad block came from the same orderer.
      const failed = fail({ ...state, held: [] }, "block refused", verdict.reason, now);
      return { state: failed.state, consequences: [...consequences, ...failed.consequences] };
    }
    const { block } = verdict;
    consequences.push({ kind: state.queue.length === 0 ? "commit" : "prepare", block });
    state = {
      ...state,
      held,
      queue: [...state.queue, block],
      tip: { next: block.number + 1, previousHash: block.headerHash },
      failures: 0,
    };
  }
  return { state, consequences };
}

function committed(before: CommitterState, input: Extract<CommitterInput, { kind: "committed" }>, now: UnixMs): Step {
  const [done, ...queue] = before.queue;
  assert(done?.number === input.number, `block ${input.number} was committed, ${done?.number} was due`);
  let state: CommitterState = { ...before, queue, config: input.config, sources: input.sources };
  const consequences: Consequence[] = [];
  const [next] = queue;
  if (next !== undefined) consequences.push({ kind: "commit", block: next });

  const accepted = accept(state, now);
  state = accepted.state;
  consequences.push(...accepted.consequences);

  if (state.link.kind === "up" && !isListed(state.link.source, state.sources)) {
    const moved = fail(state, "orderer left the channel configuration", "its address is no longer listed", now);
    return { state: moved.state, consequences: [...consequences, ...moved.consequences] };
  }
  const settled = withBackpressure({ state, consequences });
  return settled;
}

function sourceOf(state: CommitterState): OrdererSource | undefined {
  return state.link.kind === "up" ? state.link.source : undefined;
}

function withBackpressure({ state, consequences }: Step): Step {
  const { link } = state;
  if (link.kind !== "up") return { state, consequences };
  const isFull = state.queue.length + state.held.length >= MAX_WAITING_BLOCKS;
  if (isFull === link.paused) return { state, consequences };
  return {
    state: { ...state, link: { ...link, paused: isFull } },
    consequences: [...consequences, { kind: isFull ? "pause" : "resume", session: link.session }],
  };
}

function fail(state: CommitterState, message: string, reason: string, now: UnixMs): Step {
  assert(state.link.kind === "up", "only a session that is up can fail");
  const { session, source } = state.link;
  return waitFor(
    state,
    [
      { kind: "hang up", session },
      { kind: "warn", message, reason, source },
    ],
    now,
  );
}

function retryLater(state: CommitterState, reason: string, now: UnixMs): Step {
  assert(state.link.kind === "up", "only a session that is up can end");
  return waitFor(state, [{ kind: "warn", message: "block stream ended", reason, source: state.link.source }], now);
}

/** The pause grows only after every orderer was tried. */
function waitFor(state: CommitterState, consequences: readonly Consequence[], now: UnixMs): Step {
  const rounds = Math.floor(state.failures / Math.max(1, state.sources.length));
  const pauseMs = Math.min(Math.round(FIRST_RETRY_MS * GROWTH ** Math.min(rounds, 100)), LAST_RETRY_MS);
  const retryAt = (now + pauseMs) as UnixMs;
  return {
    state: { ...state, failures: state.failures + 1, link: { kind: "down", retryAt } },
    consequences: [...consequences, { kind: "wake", at: retryAt }],
  };
}
