/** What a network's nodes are doing, for whoever asks once and for whoever wants to hear of every change. */
import type { Send } from "@hansa/transport";
import { encode, hansa, toLong } from "@hansa/wire";
import type { RunningNetwork } from "../membership/running-network.js";
import type { Operations } from "./operations.js";

/** Followers that hear nothing for much longer may take what they know for old. */
export const BEAT_MS = 1_000;

export class ToldNodes {
  readonly #network: RunningNetwork;
  readonly #operations: Operations;
  readonly #isOver: () => boolean;
  #revision = 1;

  /** @param isOver whether there is nothing to tell any more */
  constructor(network: RunningNetwork, operations: Operations, isOver: () => boolean) {
    this.#network = network;
    this.#operations = operations;
    this.#isOver = isOver;
    network.onChange(() => {
      this.#revision += 1;
    });
  }

  /** hansa.operation.NodesResponse */
  async now(options: { readonly sizes: boolean }): Promise<Uint8Array> {
    // Before the question: what changes meanwhile is told once more, never taken for known.
    const revision = toLong(this.#revision);
    const nodes = (await this.#operations.nodes(options)).map(({ storageBytes, ...node }) => ({
      ...node,
      storageBytes: toLong(storageBytes ?? 0),
    }));
    return encode(hansa.operation.NodesResponse, { nodes, revision });
  }

  async follow(signal: AbortSignal, send: Send): Promise<void> {
    let wake: () => void = () => {};
    let isStale = false;
    const unsubscribe = this.#network.onChange(() => {
      isStale = true;
      wake();
    });
    const end = () => wake();
    signal.addEventListener("abort", end, { once: true });
    try {
      while (!signal.aborted && !this.#isOver()) {
        isStale = false;
        await send(await this.now({ sizes: false }));
        if (isStale || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, BEAT_MS);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    } finally {
      unsubscribe();
      signal.removeEventListener("abort", end);
    }
  }
}
