/** Who entered wrong secrets, and so has to wait. */
import type { Clock } from "@hansa/primitives";
import { CaError } from "./error.js";

/** Wrong secrets in a row after which an id has to wait. */
const MAX_ATTEMPTS = 10;
const LOCK_MS = 60_000;
const MAX_WATCHED_IDS = 10_000;

export class Attempts {
  readonly #clock: Clock;
  readonly #attempts = new Map<string, { failures: number; lastMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws CaError OVERLOADED */
  refuseLocked(id: string): void {
    const attempts = this.#attempts.get(id);
    if (attempts === undefined || attempts.failures < MAX_ATTEMPTS) return;
    const waitMs = attempts.lastMs + LOCK_MS - this.#clock.now();
    if (waitMs <= 0) this.#attempts.delete(id);
    else throw new CaError("OVERLOADED", `too many wrong secrets for "${id}"; wait ${Math.ceil(waitMs / 1000)} s`);
  }

  countFailure(id: string): void {
    const failures = (this.#attempts.get(id)?.failures ?? 0) + 1;
    this.#attempts.delete(id);
    this.#attempts.set(id, { failures, lastMs: this.#clock.now() });
    for (const oldest of this.#attempts.keys()) {
      if (this.#attempts.size <= MAX_WATCHED_IDS) break;
      this.#attempts.delete(oldest);
    }
  }

  forget(id: string): void {
    this.#attempts.delete(id);
  }
}
