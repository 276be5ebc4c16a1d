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
  readonly config: unknown;
  state: NodeState;
  handle: NodeHandle | undefined;
  history: RestartHistory;
  restarts: number;
  startedAtMs: number;
  lastFailure: string | undefined;
  timer: NodeJS.Timeout | undefined;
};

/** Keeps nodes running: one that ends is started again with the same configuration, until it is told to stop. */
export class NodeKeeper {
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
        kept.state = "stopped";
        clearTimeout(kept.timer);
        await kept.handle?.stop(graceMs);
        kept.handle = undefined;
      }),
    );
  }

  /** Stops everything: peers before orderers before certificate authorities, so that nobody waits for a server that left. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const kind of ["peer", "orderer", "ca"] as const)
      await this.stop(
        [...this.#kept.values()].filter((kept) => kept.node.kind === kind).map((kept) => kept.node.id),
        graceMs,
      );
    await this.#host.close();
  }

  async #launch(kept: Kept): Promise<void> {
    const handle = await this.#host.start(kept.node.id, kept.node.kind, kept.config);
    if (this.#closing || kept.state === "stopped") return handle.stop(0);
    kept.handle = handle;
    kept.state = "running";
    kept.startedAtMs = this.#clock.now();
    void handle.ended.then((reason) => this.#ended(kept, handle, reason));
  }

  #ended(kept: Kept, handle: NodeHandle, reason: string): void {
    if (kept.handle !== handle || kept.state === "stopped" || this.#closing) return;
    kept.handle = undefined;
    this.#restartLater(kept, reason, this.#clock.now() - kept.startedAtMs);
  }

  #restartLater(kept: Kept, reason: string, ranMs: number): void {
    const { history, pauseMs } = afterEnd(kept.history, ranMs);
    kept.history = history;
    kept.state = "restarting";
    kept.lastFailure = reason;
    kept.restarts += 1;
    this.#logger.warn("node ended, starting it again", { node: kept.node.id, reason, ranMs, pauseMs });
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
function named(id: string, error: unknown): unknown {
  if (!(error instanceof HansaError) || error.message.startsWith(`Node ${id} `)) return error;
  const message = `Node ${id} did not start: ${error.message.replace(/\.$/, "")}.`;
  return new HansaError(error.code, message, { cause: error, nextStep: error.nextStep });
}
