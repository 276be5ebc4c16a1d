/**
 * A process in a session of its own, which outlives whoever starts it, and what the two say to each other until it is
 * up: it says that it is waiting, is given its order, tells how it gets on, and at last that it is up or why not.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { HansaError, messageOf } from "@hansa/primitives";
import { asFileFailure } from "../control/file-failure.js";

type FromDetached =
  | { readonly type: "waiting" }
  | { readonly type: "progress"; readonly progress: unknown }
  | { readonly type: "up"; readonly report: unknown }
  | { readonly type: "failed"; readonly code: string; readonly message: string; readonly nextStep?: string };

export type DetachedProcess<Progress> = {
  /** The program, and the word that it is called with. */
  readonly entry: string;
  readonly verb: string;
  /** Arguments for Node itself. */
  readonly runtimeFlags?: readonly string[];
  /** Takes its output. */
  readonly logFile: string;
  readonly order: unknown;
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the process when it aborts before it is up. */
  readonly interrupted?: AbortSignal;
  /** What to say of it then. */
  readonly interruption: string;
  /** @param how "code 1", or a signal */
  readonly died: (how: string) => HansaError;
};

/**
 * Starts the process and resolves with its report when it is up. It runs on by itself then.
 * @throws HansaError INTERRUPTED, what the process says, or what `died` makes of its end; it has ended by then
 */
export async function startDetachedProcess<Progress, Report>(options: DetachedProcess<Progress>): Promise<Report> {
  const { entry, verb, runtimeFlags = [], logFile, order, onProgress, interrupted, died } = options;
  const interruption = () => new HansaError("INTERRUPTED", options.interruption);
  if (interrupted?.aborted) throw interruption();
  const log = openSync(logFile, "a", 0o600);
  const args = [...runtimeFlags, entry, verb];
  const child = spawn(process.execPath, args, { detached: true, stdio: ["ignore", log, log, "ipc"] });
  closeSync(log);
  const stop = () => child.kill("SIGTERM");
  interrupted?.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise<Report>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) =>
        reject(interrupted?.aborted ? interruption() : died(signal ?? `code ${code}`)),
      );
      child.on("message", (message: FromDetached) => {
        if (message.type === "waiting") child.send(order as object);
        else if (message.type === "progress") onProgress?.(message.progress as Progress);
        else if (message.type === "failed")
          reject(new HansaError(message.code, message.message, { nextStep: message.nextStep }));
        // Interrupted at the last moment, it is stopping by now, and its end is what counts.
        else if (interrupted?.aborted !== true) resolve(message.report as Report);
      });
    });
  } catch (error) {
    await new Promise<void>((done) => {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) done();
      else child.once("exit", () => done());
    });
    throw error;
  } finally {
    interrupted?.removeEventListener("abort", stop);
    child.removeAllListeners();
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** Whoever started this process, as the process sees it. */
export class Starter<Order, Progress, Report> {
  #isUp = false;

  /** @param onGone called when the starter leaves before this process is up: nobody knows of it then */
  constructor(onGone: () => void) {
    process.on("disconnect", () => {
      if (!this.#isUp) onGone();
    });
  }

  order(): Promise<Order> {
    return new Promise((resolve) => {
      process.once("message", (message) => resolve(message as Order));
      this.#say({ type: "waiting" });
    });
  }

  progress(progress: Progress): void {
    this.#say({ type: "progress", progress });
  }

  up(report: Report): void {
    this.#isUp = true;
    this.#say({ type: "up", report });
  }

  /** Says why this process is not up, and ends it. */
  failed(error: unknown): void {
    const known = error instanceof HansaError ? error : asFileFailure(error);
    const nextStep = known?.nextStep;
    const report = { code: known?.code ?? "UNEXPECTED", message: messageOf(known ?? error) };
    this.#say({ type: "failed", ...report, ...(nextStep === undefined ? {} : { nextStep }) }, () => process.exit(1));
  }

  #say(message: FromDetached, then: () => void = () => {}): void {
    if (process.connected && process.send !== undefined) process.send(message, then);
    else then();
  }
}
