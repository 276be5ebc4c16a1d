/**
 * The way to the orderers of a network, one of which is spoken to at a time. Whoever finds that it does not serve leaves
 * it, and everybody goes on with the next.
 */
import { HansaError } from "@hansa/primitives";
import { RpcClient } from "@hansa/transport";
import type { Target } from "../client/admin-client.js";
import { orderersOf } from "../client/serving-orderer.js";
import { readIdentityFileSync } from "../identity/material.js";
import type { NetworkView } from "../library/network-view.js";
import type { Layout } from "../plan/layout.js";
import { isPassing } from "./passing.js";

type Places = { readonly view: NetworkView; readonly layout: Layout };

export class Orderers {
  readonly #network: Places;
  #place = 0;
  #current: Target | undefined;
  #isClosed = false;

  constructor(network: Places) {
    this.#network = network;
  }

  /** How many there are. */
  get count(): number {
    return orderersOf(this.#network.view).length;
  }

  /** The one that is spoken to. The connection is of this object alone: others may close theirs. */
  target(): Target {
    const { view, layout } = this.#network;
    if (this.#current !== undefined) return this.#current;
    const orderers = orderersOf(view);
    const { id, host, organization } = orderers[this.#place % orderers.length]!;
    const rpc = new RpcClient(`127.0.0.1:${view.state.ports[id]!.port}`, {
      rootPems: [readIdentityFileSync(layout.tlsRoot(organization.kind, organization.domain))],
      serverName: host,
    });
    if (this.#isClosed) rpc.close();
    this.#current = { name: id, rpc };
    return this.#current;
  }

  /** Goes on with the next one, unless somebody did already. What still waits for this one fails. */
  leave(target: Target): void {
    if (this.#isClosed || this.#current !== target || this.count === 1) return;
    this.#place++;
    this.#current = undefined;
    target.rpc.close();
  }

  /** Has the one that is spoken to do something; leaves it when it does not serve. */
  async tell<T>(call: (target: Target) => Promise<T>): Promise<T> {
    const target = this.target();
    try {
      return await call(target);
    } catch (error) {
      if (isPassing(error)) this.leave(target);
      throw error;
    }
  }

  /** Asks the one that is spoken to, and while that does not serve, or lacks the channel, the next: each one once. */
  async ask<T>(call: (target: Target) => Promise<T>): Promise<T> {
    for (let others = this.count - 1; ; others--) {
      const target = this.target();
      try {
        return await call(target);
      } catch (error) {
        if (!isPassing(error) && !lacksChannel(error)) throw error;
        this.leave(target);
        if (others === 0 || this.#isClosed) throw error;
      }
    }
  }

  /** Whatever is asked from now on fails. */
  close(): void {
    this.#isClosed = true;
    this.#current?.rpc.close();
  }
}

/** One that was away when a channel was made takes it up in a moment. */
function lacksChannel(error: unknown): boolean {
  return error instanceof HansaError && error.code === "UNKNOWN_CHANNEL";
}
