import { mkdirSync } from "node:fs";
import path from "node:path";
import type { NodeKind } from "../plan/plan.js";
import type { NodeHandle, NodeHost } from "./host.js";
import { textLogger } from "./log.js";
import { startNatsServer } from "./nats-process.js";
import type { NatsSpec } from "./nats-spec.js";
import { Neighbours } from "./neighbours.js";
import { loadRole } from "./roles.js";
import { type LogFile, RotatedLog } from "./rotated-log.js";

/** All nodes inside this process, on the same ports and with the same files as processes would have. */
export class InlineHost implements NodeHost {
  readonly #log: (id: string) => LogFile;
  readonly #neighbours = new Neighbours();

  constructor(log: (id: string) => LogFile) {
    this.#log = log;
  }

  prepare(_id: string, kind: NodeKind): void {
    if (kind === "nats") return;
    // A failure to load shows when the node starts.
    loadRole(kind).catch(() => {});
  }

  async start(id: string, kind: NodeKind, config: unknown): Promise<NodeHandle> {
    const logFile = this.#log(id);
    if (kind === "nats") return startNatsServer(config as NatsSpec, logFile);
    mkdirSync(path.dirname(logFile.file), { recursive: true });
    const log = RotatedLog.open(logFile);
    const role = await loadRole(kind);
    const running = await role(
      config,
      textLogger((line) => log.write(line), kind),
      this.#neighbours,
    );
    let end: (reason: string) => void = () => {};
    const ended = new Promise<string>((resolve) => {
      end = resolve;
    });
    let stopped: Promise<void> | undefined;
    return {
      pid: undefined,
      ended,
      reconfigure: async (changed) => running.reconfigure?.(changed),
      stop: () => {
        stopped ??= running.stop().finally(() => {
          log.close();
          end("it was stopped");
        });
        return stopped;
      },
    };
  }

  async close(): Promise<void> {}
}
