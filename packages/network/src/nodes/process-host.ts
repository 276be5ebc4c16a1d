import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { setPriority } from "node:os";
import path from "node:path";
import { HansaError } from "@hansa/primitives";
import type { NodeKind, RoleKind } from "../plan/plan.js";
import type { NodeHandle, NodeHost } from "./host.js";
import type { Failure, FromNode, ToNode } from "./messages.js";
import { startNatsServer } from "./nats-process.js";
import type { NatsSpec } from "./nats-spec.js";
import type { LogFile } from "./rotated-log.js";
import { runtimeFlags } from "./runtime-flags.js";

export type ProcessHostOptions = {
  /** The program every node's process runs: it is called with `node <kind>` and waits for its configuration. */
  readonly entry: string;
  readonly log: (id: string) => LogFile;
  readonly startTimeoutMs?: number;
  /** A node that does not answer for so long is ended, so that it is started anew. */
  readonly hangTimeoutMs?: number;
  /**
   * How far peers, and the contracts that they start, stand back for the network's other processes where all want a core
   * at the same time: 0, the default, to 19. What the others do is short, and somebody waits for each step of it.
   */
  readonly peerNiceness?: number;
};

/** Each node in its own process. A process ends when its parent does, however that happens. */
export class ProcessHost implements NodeHost {
  readonly #options: ProcessHostOptions;
  readonly #prepared = new Map<string, NodeProcess>();

  constructor(options: ProcessHostOptions) {
    this.#options = options;
  }

  prepare(id: string, kind: NodeKind): void {
    if (kind === "nats") return;
    if (!this.#prepared.has(id)) this.#prepared.set(id, new NodeProcess(id, kind, this.#options));
  }

  async start(id: string, kind: NodeKind, config: unknown): Promise<NodeHandle> {
    if (kind === "nats") return startNatsServer(config as NatsSpec, this.#options.log(id));
    this.prepare(id, kind);
    const node = this.#prepared.get(id)!;
    this.#prepared.delete(id);
    await node.start(config);
    return node;
  }

  async close(): Promise<void> {
    const waiting = [...this.#prepared.values()];
    this.#prepared.clear();
    await Promise.all(waiting.map((node) => node.stop(0)));
  }
}

class NodeProcess implements NodeHandle {
  readonly ended: Promise<string>;
  readonly #id: string;
  readonly #child: ChildProcess;
  readonly #options: ProcessHostOptions;
  #exited = false;
  #failure: HansaError | undefined;
  #onReady: (() => void) | undefined;
  readonly #reconfiguring = new Map<number, (failure: Failure | undefined) => void>();
  #reconfigurations = 0;
  #watch: NodeJS.Timeout | undefined;
  #answeredAt = 0;

  constructor(id: string, kind: RoleKind, options: ProcessHostOptions) {
    this.#id = id;
    this.#options = options;
    const { file } = options.log(id);
    mkdirSync(path.dirname(file), { recursive: true });
    const log = openSync(file, "a");
    try {
      // Environment of the caller, except what would make a node's runtime behave otherwise than it was tested.
      const { NODE_OPTIONS: _, NODE_CHANNEL_FD: __, ...env } = process.env;
      this.#child = spawn(process.execPath, [...runtimeFlags(kind), options.entry, "node-process", kind], {
        stdio: ["ignore", log, log, "ipc"],
        env,
        serialization: "json",
        title: `hansa ${id}`,
      } as Parameters<typeof spawn>[2] & object);
    } finally {
      closeSync(log);
    }
    if (kind === "peer") standBack(this.#child.pid, options.peerNiceness ?? 0);
    this.ended = new Promise((resolve) => {
      const end = (reason: string) => {
        this.#exited = true;
        clearInterval(this.#watch);
        resolve(reason);
      };
      this.#child.once("error", (error) => end(`it could not be started: ${error.message}`));
      this.#child.once("exit", (code, signal) =>
        end(signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`),
      );
    });
    this.#child.on("message", (message: FromNode) => this.#receive(message));
  }

  get pid(): number | undefined {
    return this.#exited ? undefined : this.#child.pid;
  }

  async start(config: unknown): Promise<void> {
    const timeoutMs = this.#options.startTimeoutMs ?? 60_000;
    let timer: NodeJS.Timeout | undefined;
    const ready = new Promise<"ready">((resolve) => {
      this.#onReady = () => resolve("ready");
    });
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`it was not ready within ${timeoutMs / 1000} s`), timeoutMs);
    });
    this.#send({ type: "start", config, log: this.#options.log(this.#id) });
    const outcome = await Promise.race([ready, late, this.ended]);
    clearTimeout(timer);
    if (outcome === "ready") return this.#watchForHang();
    this.#child.kill("SIGKILL");
    await this.ended;
    if (this.#failure !== undefined) throw this.#failure;
    throw new HansaError("NODE_FAILED", `Node ${this.#id} did not start: ${outcome}.`, {
      nextStep: `Read why in ${this.#options.log(this.#id).file}`,
    });
  }

  async reconfigure(config: unknown): Promise<void> {
    const id = ++this.#reconfigurations;
    const failure = await new Promise<Failure | undefined>((resolve) => {
      this.#reconfiguring.set(id, resolve);
      this.#send({ type: "reconfigure", id, config });
    });
    if (failure !== undefined) throw new HansaError(failure.code, failure.message, { nextStep: failure.nextStep });
  }

  async stop(graceMs: number): Promise<void> {
    if (this.#exited) return;
    clearInterval(this.#watch);
    if (graceMs > 0) this.#send({ type: "stop" });
    else this.#child.kill("SIGKILL");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), Math.max(graceMs, 1));
    await this.ended;
    clearTimeout(timer);
  }

  #receive(message: FromNode): void {
    switch (message.type) {
      case "ready":
        this.#onReady?.();
        break;
      case "failed":
        this.#failure = new HansaError(message.code, message.message, { nextStep: message.nextStep });
        break;
      case "reconfigured":
        this.#reconfiguring.get(message.id)?.(message.failure);
        this.#reconfiguring.delete(message.id);
        break;
      case "pong":
        this.#answeredAt = Date.now();
        break;
      case "loaded":
        break;
    }
  }

  #watchForHang(): void {
    const limitMs = this.#options.hangTimeoutMs ?? 60_000;
    this.#answeredAt = Date.now();
    let askedAt = Date.now();
    this.#watch = setInterval(() => {
      const now = Date.now();
      // A machine that slept skips beats for everyone; only count time in which this process was awake.
      if (now - askedAt > limitMs) this.#answeredAt = now;
      askedAt = now;
      if (now - this.#answeredAt > limitMs) this.#child.kill("SIGKILL");
      else this.#send({ type: "ping" });
    }, limitMs / 6);
    this.#watch.unref();
  }

  #send(message: ToNode): void {
    // A child that has just died is reported by its exit, not by a failed send.
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}

/** At once after the start, so that the threads that the process will make stand back with it. */
function standBack(pid: number | undefined, niceness: number): void {
  if (pid === undefined || niceness === 0) return;
  try {
    setPriority(pid, niceness);
  } catch {
    // It has ended already, which is told elsewhere, or the system does not let anybody: it works without as well.
  }
}
