/**
 * Writes down from time to time what the nodes keep on disk and what members wrote, so that a bill can say so for any
 * period. The journals say when something was written, however late they are read; what lies on disk has to be looked at.
 */
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import type { NodeObserver } from "../model/node-observer.js";
import { put, type RowStore, type StorageRow } from "../model/rows.js";
import type { NetworkOperator, Written } from "../operator.js";
import type { Change } from "../store/changes.js";
import { addWritten } from "./written.js";

const EVERY_MS = 10 * 60 * 1000;
/** Smaller changes are not written down. */
const STEP_BYTES = 1024 * 1024;
const MAX_SAMPLES = 2_000;

export class UsageSampler {
  readonly #operator: NetworkOperator;
  readonly #observer: NodeObserver;
  readonly #rows: RowStore;
  readonly #logger: Logger;
  readonly #timer: NodeJS.Timeout;
  readonly #reading = new Map<string, Promise<void>>();
  #isStopped = false;

  constructor(operator: NetworkOperator, observer: NodeObserver, rows: RowStore, logger: Logger) {
    this.#logger = logger;
    this.#operator = operator;
    this.#observer = observer;
    this.#rows = rows;
    const sampleAll = async () => {
      for (const { networkId } of this.#operator.networks()) await this.sample(networkId);
    };
    this.#timer = setInterval(() => {
      sampleAll().catch((error: unknown) => logger.warn("cannot write down storage", { error: messageOf(error) }));
    }, EVERY_MS);
    this.#timer.unref();
  }

  /** Resolves when it is as new as the network allows; one that does not run stays as it was. */
  async sample(networkId: string): Promise<void> {
    await Promise.all([this.#sampleStorage(networkId), this.#read(networkId)]);
  }

  async #sampleStorage(networkId: string): Promise<void> {
    const nodes = (await this.#observer.sizes(networkId)) ?? [];
    const at = this.#operator.network(networkId)?.now();
    if (at === undefined) return;
    const changes = nodes.flatMap(({ kind, nodeId, storageBytes }) => {
      if (kind !== "peer" || storageBytes === undefined) return [];
      const samples = this.#rows.get("storage", nodeId) ?? [];
      const last = samples.at(-1);
      if (last !== undefined && Math.abs(storageBytes - last[1]) < STEP_BYTES) return [];
      return [put("storage", nodeId, [...thinned(samples), [at, storageBytes]])];
    });
    if (changes.length > 0) await this.#rows.write(...changes);
  }

  /** One after the other, so that nothing is counted twice. */
  #read(networkId: string): Promise<void> {
    const before = this.#reading.get(networkId) ?? Promise.resolve();
    const reading = before
      .then(() => this.#readWritten(networkId))
      .catch((error: unknown) => {
        const reason = { networkId, error: messageOf(error) };
        if (error instanceof HansaError && error.code === "NOT_RUNNING")
          this.#logger.debug("nothing is written", reason);
        else this.#logger.warn("cannot learn what was written", reason);
      });
    this.#reading.set(networkId, reading);
    return reading;
  }

  async #readWritten(networkId: string): Promise<void> {
    while (!this.#isStopped) {
      const known = this.#rows.get("metered", networkId) ?? [];
      const written = (await this.#operator.network(networkId)?.written(known)) ?? [];
      if (written.length === 0) return;
      const read = new Set(written.map(({ upTo }) => upTo.channel));
      const upTo = [...known.filter(({ channel }) => !read.has(channel)), ...written.map((each) => each.upTo)];
      // Together: how far it was read, and what was found until there.
      await this.#rows.write(put("metered", networkId, upTo), ...this.#additions(written));
    }
  }

  #additions(written: readonly Written[]): Change[] {
    const byMember = new Map<string, [at: number, bytes: number][]>();
    for (const { memberId, at, bytes } of written.flatMap(({ writings }) => writings)) {
      const writings = byMember.get(memberId) ?? [];
      byMember.set(memberId, writings);
      writings.push([at, bytes]);
    }
    return [...byMember].map(([memberId, writings]) =>
      put("written", memberId, addWritten(this.#rows.get("written", memberId) ?? [], writings)),
    );
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }
}

/** Of a long list every other sample, the newest kept: older times get coarser. */
function thinned(samples: StorageRow): StorageRow {
  return samples.length < MAX_SAMPLES ? samples : samples.filter((_, index) => (samples.length - 1 - index) % 2 === 0);
}
