/**
 * Spreads work over turns of the event loop. Requests come in bursts: a client's answers arrive together, so its next
 * requests do too. Served in one go, the client waits while the server works and the server while the client does; a
 * few a turn, the first answers are on their way before the last request is looked at.
 */
export class Turns {
  readonly #atOnce: number;
  #waiting: (() => void)[] = [];
  #isScheduled = false;

  /** @param atOnce how much is done in one turn */
  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** In the order of the calls, and never before this returns. */
  whenItsTurn(work: () => void): void {
    this.#waiting.push(work);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    const now = this.#waiting.splice(0, this.#atOnce);
    this.#isScheduled = false;
    if (this.#waiting.length > 0) this.#schedule();
    for (const work of now) work();
  }
}
