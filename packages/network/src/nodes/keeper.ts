import { type Clock, HansaError, type Logger, messageOf, systemClock } from "@hansa/primitives";
import type { PlannedNode } from "../plan/plan.js";
import type { NodeHandle, NodeHost } from "./host.js";
import { afterEnd, NO_FAILURES, type RestartHistory } from "./restart-policy.js";

export type NodeState = "starting" | "running" | "restarting" | "stopped";

export type NodeReport = {
  readonly node: PlannedNode;
  readonly state: NodeState;
  readonly pid: number | undefined;
  readonly restarts: number;
  readonly startedAtMs: number;
  readonly lastFailure: string | undefined;
};

type Kept = {
  readonly node: PlannedNode;
  config: unknown;
  state: NodeState;
  handle: NodeHandle | undefined;
  history: RestartHistory;
  restarts: number;
  startedAtMs: number;
  lastFailure: string | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Of the configuration that it serves by, as JSON. */
  served: string | undefined;
  /** Configurations are given one after the other. */
  turn: Promise<void>;
  /** Called at the next change of state. */
  readonly waiting: Set<() => void>;
};

/** How long a new configuration waits for a node that does not run. */
const FOLLOW_WITHIN_MS = 60_000;

/** Keeps nodes running: one that ends is started again with the same configuration, until it is told to stop. */
export class NodeKeeper {
  /** Called when a node began to run, ended or stopped. */
  onChange: () => void = () => {};
  readonly #host: NodeHost;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  #closing = false;

  constructor(host: NodeHost, logger: Logger, clock: Clock = systemClock) {
    this.#host = host;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Gets a node's code ready while its configuration is being made. */
  prepare(node: PlannedNode): void {
    if (!this.#kept.has(node.id)) this.#host.prepare(node.id, node.kind);
  }

  /** @throws HansaError with the node's reason when its first start fails; it is not kept then */
  async start(node: PlannedNode, config: unknown): Promise<void> {
    const kept: Kept = {
      node,
      config,
      state: "starting",
      handle: undefined,
      history: NO_FAILURES,
      restarts: 0,
      startedAtMs: this.#clock.now(),
      lastFailure: undefined,
      timer: undefined,
      served: undefined,
      turn: Promise.resolve(),
      waiting: new Set(),
    };
    this.#kept.set(node.id, kept);
    try {
      await this.#launch(kept);
    } catch (error) {
      this.#kept.delete(node.id);
      throw named(node.id, error);
    }
  }

  reports(): NodeReport[] {
    return [...this.#kept.values()].map(({ node, state, handle, restarts, startedAtMs, lastFailure }) => ({
      node,
      state,
      pid: handle?.pid,
      restarts,
      startedAtMs,
      lastFailure,
    }));
  }

  /** Stops the given nodes at the same time. */
  async stop(ids: readonly string[], graceMs: number): Promise<void> {
    await Promise.all(
      ids.map(async (id) => {
        const kept = this.#kept.get(id);
        if (kept === undefined) return;
        this.#setState(kept, "stopped");
        clearTimeout(kept.timer);
        await kept.handle?.stop(graceMs);
        kept.handle = undefined;
      }),
    );
  }

  /** Stops the given nodes and keeps them no longer. */
  async remove(ids: readonly string[], graceMs: number): Promise<void> {
    await this.stop(ids, graceMs);
    for (const id of ids) this.#kept.delete(id);
    this.onChange();
  }

  has(id: string): boolean {
    return this.#kept.has(id);
  }

  /**
   * Gives a node another configuration. Resolves when it serves by it: at once when nothing is new for it, after its
   * start when it is being started.
   * @param options `wait: false` does not wait for a node that does not run
   * @returns whether it serves by it
   * @throws HansaError with the node's reason
   */
  async reconfigure(id: string, config: unknown, { wait = true }: { wait?: boolean } = {}): Promise<boolean> {
    const kept = this.#kept.get(id);
    if (kept === undefined) return false;
    const turn = kept.turn.then(() => this.#reconfigure(kept, config, wait));
    kept.turn = turn.then(
      () => {},
      () => {},
    );
    return turn.catch((error: unknown) => {
      throw named(id, error, "does not follow its new settings");
    });
  }

  async #reconfigure(kept: Kept, config: unknown, wait: boolean): Promise<boolean> {
    if (kept.served === JSON.stringify(config)) return kept.handle !== undefined;
    kept.config = config;
    const deadline = this.#clock.now() + FOLLOW_WITHIN_MS;
    while (kept.state !== "stopped" && !this.#closing) {
      const { handle } = kept;
      if (handle !== undefined) {
        const outcome = await Promise.race([handle.reconfigure(config), handle.ended]);
        if (outcome === undefined) {
          kept.served = JSON.stringify(config);
          return true;
        }
      } else {
        // Whoever starts it starts it with the new configuration, and tells it when it was being started.
        if (!wait) return false;
        await this.#nextState(kept, deadline - this.#clock.now());
        if (kept.handle !== undefined && kept.served === JSON.stringify(config)) return true;
      }
    }
    return false;
  }

  /** @throws HansaError when it stays as it is for so long */
  #nextState(kept: Kept, limitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = () => {
        clearTimeout(timer);
        kept.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(
        () => {
          kept.waiting.delete(wake);
          reject(new HansaError("NODE_FAILED", `it does not run: ${kept.lastFailure ?? "it has not started yet"}`));
        },
        Math.max(0, limitMs),
      );
      kept.waiting.add(wake);
    });
  }

  /** Stops everything: peers before orderers before NATS servers and certificate authorities, so that nobody waits for a server that left. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const kind of ["peer", "orderer", "nats", "ca"] as const)
      await this.stop(
        [...this.#kept.values()].filter((kept) => kept.node.kind === kind).map((kept) => kept.node.id),
        graceMs,
      );
    await this.#host.close();
  }

  async #launch(kept: Kept): Promise<void> {
    const { config } = kept;
    const handle = await this.#host.start(kept.node.id, kept.node.kind, config);
    if (this.#closing || kept.state === "stopped") return handle.stop(0);
    kept.served = JSON.stringify(config);
    kept.handle = handle;
    kept.startedAtMs = this.#clock.now();
    this.#setState(kept, "running");
    if (kept.config !== config)
      this.reconfigure(kept.node.id, kept.config, { wait: false }).catch((error: unknown) => {
        this.#logger.warn("node does not follow its new settings", { node: kept.node.id, reason: messageOf(error) });
      });
    void handle.ended.then((reason) => this.#ended(kept, handle, reason));
  }

  #setState(kept: Kept, state: NodeState): void {
    kept.state = state;
    for (const wake of kept.waiting) wake();
    kept.waiting.clear();
    this.onChange();
  }

  #ended(kept: Kept, handle: NodeHandle, reason: string): void {
    if (kept.handle !== handle || kept.state === "stopped" || this.#closing) return;
    kept.handle = undefined;
    this.#restartLater(kept, reason, this.#clock.now() - kept.startedAtMs);
  }

  #restartLater(kept: Kept, reason: string, servedMs: number): void {
    const { history, pauseMs } = afterEnd(kept.history, servedMs);
    kept.history = history;
    this.#setState(kept, "restarting");
    kept.lastFailure = reason;
    kept.restarts += 1;
    this.#logger.warn("node ended, starting it again", { node: kept.node.id, reason, servedMs, pauseMs });
    kept.timer = setTimeout(() => {
      if (this.#closing || kept.state === "stopped") return;
      this.#launch(kept).then(
        () => this.#logger.info("node runs again", { node: kept.node.id, pid: kept.handle?.pid }),
        (error: HansaError) => {
          if (!this.#closing && kept.state !== "stopped") this.#restartLater(kept, messageOf(error), 0);
        },
      );
    }, pauseMs);
  }
}

/** Says which node it was, where the error itself knows only what went wrong. */
function named(id: string, error: unknown, what = "did not start"): unknown {
  if (!(error instanceof HansaError) || error.message.startsWith(`Node ${id} `)) return error;
  const message = `Node ${id} ${what}: ${error.message.replace(/\.$/, "")}.`;
  return new HansaError(error.code, message, { cause: error, nextStep: error.nextStep });
}
