import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import type { NodeKind } from "../plan/plan.js";
import type { NodeHandle, NodeHost } from "./host.js";
import { textLogger } from "./log.js";
import { startNatsServer } from "./nats-process.js";
import type { NatsSpec } from "./nats-spec.js";
import { Neighbours } from "./neighbours.js";
import { loadRole } from "./roles.js";

/** All nodes inside this process, on the same ports and with the same files as processes would have. */
export class InlineHost implements NodeHost {
  readonly #logFile: (id: string) => string;
  readonly #neighbours = new Neighbours();

  constructor(logFile: (id: string) => string) {
    this.#logFile = logFile;
  }

  prepare(_id: string, kind: NodeKind): void {
    if (kind === "nats") return;
    // A failure to load shows when the node starts.
    loadRole(kind).catch(() => {});
  }

  async start(id: string, kind: NodeKind, config: unknown): Promise<NodeHandle> {
    const file = this.#logFile(id);
    if (kind === "nats") return startNatsServer(config as NatsSpec, file);
    mkdirSync(path.dirname(file), { recursive: true });
    const log = appendLines(file);
    const role = await loadRole(kind);
    const running = await role(config, textLogger(log.write, kind), this.#neighbours);
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

/** Straight into the page cache: cheaper than to ask the thread pool, and nothing is lost with the process. */
function appendLines(file: string): { write(line: string): void; close(): void } {
  let fd: number | undefined = openSync(file, "a");
  return {
    write(line) {
      try {
        if (fd !== undefined) writeSync(fd, line);
      } catch {
        // A full disk shows where data is written; the log must not be what ends a node.
      }
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}
