import type { NodeKind } from "../plan/plan.js";

/** A node that runs, in whatever way. */
export interface NodeHandle {
  /** Undefined for a node in this process. */
  readonly pid: number | undefined;
  /** Resolves when the node has ended, with why; never rejects. */
  readonly ended: Promise<string>;
  /**
   * Gives the node a changed configuration; resolves when it serves by it, and stays open when it ends before.
   * @throws HansaError with the node's own reason
   */
  reconfigure(config: unknown): Promise<void>;
  /** Lets the node finish its work and stop; ends it when that takes longer than `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** Runs nodes: as processes of their own, or inside this one. */
export interface NodeHost {
  /** Gets a node's code ready before its configuration is known. Optional; `start` does it otherwise. */
  prepare(id: string, kind: NodeKind): void;
  /**
   * Resolves when the node serves.
   * @throws HansaError with the node's own reason when it cannot start
   */
  start(id: string, kind: NodeKind, config: unknown): Promise<NodeHandle>;
  /** Ends what was prepared and never started. */
  close(): Promise<void>;
}
