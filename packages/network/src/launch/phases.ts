/** One step of a start, with how long it took. */
export type Phase = { readonly step: string; readonly ms: number };

/** Times the steps of a start, one after the other, and tells about each as it ends. */
export class PhaseClock {
  readonly phases: Phase[] = [];
  readonly #tell: (phase: Phase) => void;
  #since = performance.now();

  constructor(tell: (phase: Phase) => void) {
    this.#tell = tell;
  }

  done(step: string): void {
    const now = performance.now();
    const phase = { step, ms: Math.round(now - this.#since) };
    this.#since = now;
    this.phases.push(phase);
    this.#tell(phase);
  }
}
