/**
 * How long adaptive batching lets messages gather.
 *
 * A block costs every peer the same whatever it holds, so a busy chain should fill its blocks; a message that comes
 * alone should not wait. The gap from one cut to the next therefore grows with the rate of arrivals: next to nothing
 * for one client that waits for each answer, up to `maxGapMs` when hundreds arrive in a second. The rate is a count
 * that decays with `windowMs`: it depends on arrival times alone, so it can be replayed.
 */
import type { UnixMs } from "@hansa/primitives";

export type PaceSettings = {
  /** Never wait longer than this after the last cut. */
  readonly maxGapMs: number;
  /** Arrivals per second at which the longest gap is reached. */
  readonly fullRate: number;
  /** How far back arrivals count. */
  readonly windowMs: number;
};

export const DEFAULT_PACE: PaceSettings = { maxGapMs: 25, fullRate: 625, windowMs: 100 };

export type Pace = { readonly load: number; readonly at: UnixMs };

export const RESTED: Pace = { load: 0, at: 0 as UnixMs };

export function arrived(pace: Pace, now: UnixMs, { windowMs }: PaceSettings): Pace {
  return { load: decayed(pace, now, windowMs) + 1, at: now };
}

export function gapMs(pace: Pace, now: UnixMs, { maxGapMs, fullRate, windowMs }: PaceSettings): number {
  const perSecond = (decayed(pace, now, windowMs) * 1000) / windowMs;
  return Math.floor(maxGapMs * Math.min(1, perSecond / fullRate));
}

function decayed(pace: Pace, now: UnixMs, windowMs: number): number {
  return pace.load * Math.exp(-Math.max(0, now - pace.at) / windowMs);
}
