import { createWriteStream, mkdirSync } from "node:fs";
import path from "node:path";
import type { NodeKind } from "../plan/plan.js";
import type { NodeHandle, NodeHost } from "./host.js";
import { textLogger } from "./log.js";
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
    // A failure to load shows when the node starts.
    loadRole(kind).catch(() => {});
  }

  async start(id: string, kind: NodeKind, config: unknown): Promise<NodeHandle> {
    const file = this.#logFile(id);
    mkdirSync(path.dirname(file), { recursive: true });
    const log = createWriteStream(file, { flags: "a" });
    log.on("error", () => {});
    const role = await loadRole(kind);
    const running = await role(
      config,
      textLogger((line) => void log.write(line)),
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
      stop: () => {
        stopped ??= running.stop().finally(() => {
          log.end();
          end("it was stopped");
        });
        return stopped;
      },
    };
  }

  async close(): Promise<void> {}
}
