/**
 * When a node that ended is started again. The first time at once, since a single crash is the common case; then
 * after pauses that double, so that a node which cannot live does not keep the machine busy.
 */
export type RestartHistory = { readonly failures: number };

export const NO_FAILURES: RestartHistory = { failures: 0 };

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 15_000;
/** A node that ran this long counts as healthy: its next end starts the count anew. */
const HEALTHY_MS = 20_000;

export function afterEnd(history: RestartHistory, ranMs: number): { history: RestartHistory; pauseMs: number } {
  const failures = ranMs >= HEALTHY_MS ? 1 : history.failures + 1;
  const pauseMs = failures === 1 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (failures - 2), LONGEST_PAUSE_MS);
  return { history: { failures }, pauseMs };
}
