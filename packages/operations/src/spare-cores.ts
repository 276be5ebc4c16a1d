/**
 * Whether the machine has a core with nothing to do. Work handed to another thread costs a third more CPU than work done
 * at once: where all cores are busy, that is paid for nothing.
 */
import { availableParallelism, cpus } from "node:os";

/** Of all cores since the machine started. */
export type CoreTimes = { readonly idleMs: number; readonly totalMs: number };

/** Under load, so often; where little happens, the answer is about the time since the last question. */
const SAMPLE_MS = 250;
/** Cores' worth of time that must be left over. */
const ENOUGH = 0.5;
/** With more, one is always free, and asking takes longer. */
const MANY_CORES = 8;

export class SpareCores {
  readonly #cores: number;
  readonly #read: () => CoreTimes;
  readonly #now: () => number;
  #sampledAt: number;
  #times: CoreTimes;
  #ownMs = 0;
  #areThere = true;

  constructor(cores = availableParallelism(), read = coreTimes, now = () => performance.now()) {
    this.#cores = cores;
    this.#read = read;
    this.#now = now;
    this.#sampledAt = now();
    this.#times = cores > MANY_CORES ? { idleMs: 0, totalMs: 0 } : read();
  }

  /** Work that was handed over takes a core because one was spare: it must not count against itself. */
  handOver(cpuMs: number): void {
    this.#ownMs += cpuMs;
  }

  areThere(): boolean {
    if (this.#cores > MANY_CORES) return true;
    const now = this.#now();
    if (now - this.#sampledAt < SAMPLE_MS) return this.#areThere;
    const times = this.#read();
    const totalMs = times.totalMs - this.#times.totalMs;
    const spareMs = times.idleMs - this.#times.idleMs + this.#ownMs;
    // A system that does not tell has no say.
    this.#areThere = totalMs <= 0 || (spareMs / totalMs) * this.#cores >= ENOUGH;
    this.#sampledAt = now;
    this.#times = times;
    this.#ownMs = 0;
    return this.#areThere;
  }
}

/** This machine's, for all of a process: what one part hands over, no other takes for somebody else's work. */
export const machineCores = new SpareCores();

function coreTimes(): CoreTimes {
  let idleMs = 0;
  let totalMs = 0;
  for (const { times } of cpus()) {
    idleMs += times.idle;
    totalMs += times.idle + times.user + times.nice + times.sys + times.irq;
  }
  return { idleMs, totalMs };
}
