/**
 * When a node that ended is started again. One that had served for a while starts at once, however often that happens:
 * whatever ended it came from outside. One that ends before it is ready, or right after, most likely will again: the
 * first time it starts at once too, then after pauses that double up to a limit, so that it does not keep the machine busy.
 */
export type RestartHistory = { readonly failures: number };

export const NO_FAILURES: RestartHistory = { failures: 0 };

const FIRST_PAUSE_MS = 100;
/** A start costs about half a second of one core: a node that cannot live takes a tenth of it at most. */
const LONGEST_PAUSE_MS = 5_000;
/** A node that was ready for so long had begun to serve. */
const SERVED_MS = 1_000;

/** @param servedMs how long the node was ready before it ended; 0 when it never was */
export function afterEnd(history: RestartHistory, servedMs: number): { history: RestartHistory; pauseMs: number } {
  const failures = servedMs >= SERVED_MS ? 1 : history.failures + 1;
  const pauseMs = failures === 1 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (failures - 2), LONGEST_PAUSE_MS);
  return { history: { failures }, pauseMs };
}
