/**
 * How long adaptive batching lets messages gather.
 *
 * A block costs every peer the same whatever it holds, so a busy network should fill its blocks; a message that comes
 * alone should not wait. The gap from one cut to the next therefore grows with
 * - the rate of arrivals, by its cube: next to nothing for one client that waits for each answer, all of `maxGapMs`
 *   when messages come by the hundred a second (sooner, by `BUSY_PACE`, where the machine has no core to spare);
 * - how late the chain itself is woken: on a machine that has no time left, fewer and fuller blocks are the way out.
 * Both are computed from the times of inputs alone, so they can be replayed.
 */
import type { UnixMs } from "@hansa/primitives";

export type PaceSettings = {
  /** Never wait longer than this after the last cut. */
  readonly maxGapMs: number;
  /** Arrivals per second at which the longest gap is reached. */
  readonly fullRate: number;
  /** The gap grows with this power of the rate. */
  readonly steepness: number;
  /** How far back arrivals count. */
  readonly windowMs: number;
  /** The gap is at least this many times the usual delay in being woken. */
  readonly lagFactor: number;
  /** So many messages fill a block well enough: they are not held for company. */
  readonly enoughMessages: number;
};

export const DEFAULT_PACE: PaceSettings = {
  maxGapMs: 50,
  fullRate: 300,
  steepness: 3,
  windowMs: 100,
  lagFactor: 6,
  enoughMessages: 32,
};

/**
 * For a machine with no time left: what is spared on blocks goes to transactions, and everybody waits for a core anyway,
 * so that messages may gather at a quarter of the rate. The lower power keeps it from switching between nothing and all.
 */
export const BUSY_PACE: PaceSettings = { ...DEFAULT_PACE, fullRate: 75, steepness: 2 };

/** `load` is a count of arrivals that decays with the window. */
export type Pace = { readonly load: number; readonly at: UnixMs; readonly lagMs: number };

export const RESTED: Pace = { load: 0, at: 0 as UnixMs, lagMs: 0 };

/** How much of what was known of the delay stays at each wake-up. */
const LAG_MEMORY = 0.8;

/** One more message has come. */
export function arrived(pace: Pace, now: UnixMs, { windowMs }: PaceSettings): Pace {
  return { ...pace, load: decayed(pace, now, windowMs) + 1, at: now };
}

/** @param lateMs how long after its time the chain was woken */
export function woken(pace: Pace, lateMs: number): Pace {
  return { ...pace, lagMs: LAG_MEMORY * pace.lagMs + (1 - LAG_MEMORY) * Math.max(0, lateMs) };
}

export function gapMs(
  pace: Pace,
  now: UnixMs,
  { maxGapMs, fullRate, windowMs, lagFactor, steepness }: PaceSettings,
): number {
  const perSecond = (decayed(pace, now, windowMs) * 1000) / windowMs;
  const busy = (perSecond / fullRate) ** steepness;
  return Math.floor(Math.min(maxGapMs, Math.max(maxGapMs * busy, lagFactor * pace.lagMs)));
}

function decayed(pace: Pace, now: UnixMs, windowMs: number): number {
  return pace.load * Math.exp(-Math.max(0, now - pace.at) / windowMs);
}
