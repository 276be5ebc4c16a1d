/** Work that goes on after the answer: one at a time per key, tried again while its failure may pass. */
import { setTimeout as sleep } from "node:timers/promises";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 1_000;
/** Long enough for a network that is being started again on a busy machine. */
const PATIENCE_MS = 60_000;
/** How long `stop` waits for what is being done; what is not done by then goes on at the next start. */
const LAST_WAIT_MS = 5_000;

/** Failures of the way there, not of what was asked. */
const PASSING = new Set([
  "NODE_UNREACHABLE",
  "SUPERVISOR_UNREACHABLE",
  "NOT_RUNNING",
  "TIMED_OUT",
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
]);

export function mayPass(error: unknown): boolean {
  return error instanceof HansaError && PASSING.has(error.code);
}

export class Jobs {
  readonly #logger: Logger;
  readonly #running = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Ends when the control plane stops. */
  get stopped(): AbortSignal {
    return this.#stopping.signal;
  }

  /**
   * Runs `work` after what the key still does. `giveUp` is called when it fails for good; neither is called any more
   * once the control plane stops.
   */
  run(key: string, work: () => Promise<void>, giveUp: (reason: string) => Promise<void>): void {
    const before = this.#running.get(key) ?? Promise.resolve();
    const mine = before.then(() => this.#attempt(key, work, giveUp));
    this.#running.set(key, mine);
    void mine.finally(() => {
      if (this.#running.get(key) === mine) this.#running.delete(key);
    });
  }

  /** Resolves when nothing is under way: for tests. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const enough = new AbortController();
    await Promise.race([
      Promise.all(this.#running.values()),
      sleep(LAST_WAIT_MS, undefined, { signal: enough.signal }).catch(() => {}),
    ]);
    enough.abort();
  }

  async #attempt(key: string, work: () => Promise<void>, giveUp: (reason: string) => Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn("work of the control plane failed", { key, attempt, error: messageOf(error) });
        if (mayPass(error) && performance.now() < giveUpAt) {
          const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
          await sleep(waitMs, undefined, { signal }).catch(() => {});
          continue;
        }
        return await giveUp(messageOf(error)).catch((failure: unknown) => {
          this.#logger.error("cannot record a failure", { key, error: messageOf(failure) });
        });
      }
    }
  }
}
