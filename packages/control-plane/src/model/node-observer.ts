/** What really runs, as the operator says. */
import { setTimeout as sleep } from "node:timers/promises";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import type { NetworkOperator, OperatedNode } from "../operator.js";

const MAX_WAIT_MS = 5_000;
/** Addresses hardly ever change. */
const ADDRESS_AGE_MS = 2_000;

type Question = Promise<readonly OperatedNode[] | undefined>;
type Seen = { readonly nodes: readonly OperatedNode[]; readonly at: number };

export class NodeObserver {
  readonly #operator: NetworkOperator;
  readonly #logger: Logger;
  readonly #asking = new Map<string, { readonly current: Question; readonly next?: Question }>();
  readonly #seen = new Map<string, Seen>();

  constructor(operator: NetworkOperator, logger: Logger) {
    this.#operator = operator;
    this.#logger = logger;
  }

  /**
   * As they are now. Undefined when the network does not say. Whoever comes while a question is under way shares the
   * next one, since the answer to that one may be older than what the caller knows.
   */
  nodes(networkId: string): Promise<readonly OperatedNode[] | undefined> {
    const told = this.#told(networkId);
    if (told !== undefined) return Promise.resolve(told);
    const { current, next } = this.#asking.get(networkId) ?? {};
    if (next !== undefined) return next;
    if (current === undefined) {
      const asking = this.#ask(networkId).finally(() => this.#answered(networkId));
      this.#asking.set(networkId, { current: asking });
      return asking;
    }
    const following = current.then(() => this.#ask(networkId)).finally(() => this.#answered(networkId));
    this.#asking.set(networkId, { current, next: following });
    return following;
  }

  /** For addresses: what was seen a moment ago will do, unless the node is not in it. */
  async find(networkId: string, isIt: (node: OperatedNode) => boolean): Promise<OperatedNode | undefined> {
    const told = this.#told(networkId)?.find(isIt);
    if (told !== undefined) return told;
    const seen = this.#seen.get(networkId);
    const recent =
      seen !== undefined && performance.now() - seen.at < ADDRESS_AGE_MS ? seen.nodes.find(isIt) : undefined;
    return recent ?? ((await this.nodes(networkId)) ?? seen?.nodes ?? []).find(isIt);
  }

  /** What was seen last, however long ago. */
  last(networkId: string): readonly OperatedNode[] {
    return this.#seen.get(networkId)?.nodes ?? [];
  }

  /** With what they keep on disk. Undefined when the network does not say. */
  sizes(networkId: string): Promise<readonly OperatedNode[] | undefined> {
    return this.#ask(networkId, { sizes: true });
  }

  /** What the network tells without being asked. */
  #told(networkId: string): readonly OperatedNode[] | undefined {
    const nodes = this.#operator.network(networkId)?.nodesNow();
    if (nodes !== undefined) this.#seen.set(networkId, { nodes, at: performance.now() });
    return nodes;
  }

  #answered(networkId: string): void {
    const next = this.#asking.get(networkId)?.next;
    if (next === undefined) this.#asking.delete(networkId);
    else this.#asking.set(networkId, { current: next });
  }

  async #ask(
    networkId: string,
    options: { readonly sizes?: boolean } = {},
  ): Promise<readonly OperatedNode[] | undefined> {
    const network = this.#operator.network(networkId);
    if (network === undefined) return undefined;
    const enough = new AbortController();
    try {
      const late = sleep(MAX_WAIT_MS, undefined, { signal: enough.signal }).then(() => {
        throw new HansaError("TIMED_OUT", `network ${networkId} does not say what runs`);
      });
      const nodes = await Promise.race([network.nodes(options), late]);
      this.#seen.set(networkId, { nodes, at: performance.now() });
      return nodes;
    } catch (error) {
      this.#logger.warn("cannot learn what runs", { networkId, error: messageOf(error) });
      return undefined;
    } finally {
      enough.abort();
    }
  }
}
