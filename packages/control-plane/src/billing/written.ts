/**
 * What a member wrote over time, short enough to keep for ever: by the minute for two days, by the hour for two months,
 * by the day before that. Pure: the same writings give the same list, in whatever parts they come.
 */

/** [When the first of a span was written, bytes of all of it], oldest first. */
export type WrittenRow = readonly (readonly [at: number, bytes: number])[];

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MINUTES_KEPT_MS = 2 * DAY_MS;
const HOURS_KEPT_MS = 60 * DAY_MS;

/** @param writings in any order */
export function addWritten(row: WrittenRow, writings: WrittenRow): WrittenRow {
  const all = [...row, ...writings].sort(([a], [b]) => a - b);
  const newest = all.at(-1)?.[0] ?? 0;
  const spans: [at: number, bytes: number][] = [];
  let last: number | undefined;
  for (const [at, bytes] of all) {
    const begin = spanOf(at, newest);
    const open = spans.at(-1);
    if (open !== undefined && begin === last) open[1] += bytes;
    else spans.push([at, bytes]);
    last = begin;
  }
  return spans;
}

/** Where the span begins that a time belongs to. A span is only as long as its whole length is old enough for. */
function spanOf(at: number, newest: number): number {
  const day = at - (at % DAY_MS);
  if (day + DAY_MS <= newest - HOURS_KEPT_MS) return day;
  const hour = at - (at % HOUR_MS);
  if (hour + HOUR_MS <= newest - MINUTES_KEPT_MS) return hour;
  return at - (at % MINUTE_MS);
}
