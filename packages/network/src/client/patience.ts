/** How long to wait before a node that is catching up is asked again. */

const SHORTEST_MS = 20;
const LONGEST_MS = 500;
const SHARE = 8;

/**
 * An eighth of what it has taken so far: a peer with a long ledger is not kept from it by questions, and what is learnt
 * is at most so much late.
 * @param waitedMs since the first question
 */
export function nextQuestionInMs(waitedMs: number): number {
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, waitedMs / SHARE));
}
