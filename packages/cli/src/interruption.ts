import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { HansaError } from "@hansa/primitives";

/** How long a command may take to say itself what its interruption means. */
const LAST_WORDS_MS = 300;

/**
 * What a command that knows nothing of Ctrl-C comes to, or its interruption.
 * @throws HansaError INTERRUPTED
 */
export async function unlessInterrupted<T>(running: Promise<T>, name: string, interrupted: AbortSignal): Promise<T> {
  const ended = new AbortController();
  const left = async (): Promise<never> => {
    if (!interrupted.aborted) await once(interrupted, "abort", { signal: ended.signal });
    await sleep(LAST_WORDS_MS, undefined, { signal: ended.signal });
    throw new HansaError("INTERRUPTED", `hansa ${name} was interrupted; what it had sent may still take effect.`);
  };
  try {
    return await Promise.race([running, left()]);
  } finally {
    ended.abort();
  }
}
