/** Writes down from time to time how much the nodes keep on disk, so that a bill can say so for any period. */
import type { Logger } from "@hansa/primitives";
import { messageOf } from "@hansa/primitives";
import type { NodeObserver } from "../model/node-observer.js";
import { put, type RowStore, type StorageRow } from "../model/rows.js";
import type { NetworkOperator } from "../operator.js";

const EVERY_MS = 10 * 60 * 1000;
/** Smaller changes are not written down. */
const STEP_BYTES = 1024 * 1024;
const MAX_SAMPLES = 2_000;

export class StorageSampler {
  readonly #operator: NetworkOperator;
  readonly #observer: NodeObserver;
  readonly #rows: RowStore;
  readonly #timer: NodeJS.Timeout;

  constructor(operator: NetworkOperator, observer: NodeObserver, rows: RowStore, logger: Logger) {
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

  async sample(networkId: string): Promise<void> {
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

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Of a long list every other sample, the newest kept: older times get coarser. */
function thinned(samples: StorageRow): StorageRow {
  return samples.length < MAX_SAMPLES ? samples : samples.filter((_, index) => (samples.length - 1 - index) % 2 === 0);
}
