import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { HansaError, messageOf } from "@hansa/primitives";
import { LOG_LIMITS } from "../config/defaults.js";
import type { NetworkConfig } from "../config/network-config.js";
import type { NodeHost } from "../nodes/host.js";
import { InlineHost } from "../nodes/inline-host.js";
import { textLogger } from "../nodes/log.js";
import { ProcessHost } from "../nodes/process-host.js";
import { type LogFile, RotatedLog } from "../nodes/rotated-log.js";
import { Layout } from "../plan/layout.js";
import { readState } from "../plan/state-file.js";
import { launch } from "./launch.js";
import type { Phase } from "./phases.js";
import { serveNetwork } from "./serve.js";

export type StartReport = { readonly phases: readonly Phase[] };

type ToSupervisor = { readonly config: NetworkConfig; readonly root: string };
type FromSupervisor =
  | { readonly type: "waiting" }
  | { readonly type: "progress"; readonly phase: Phase }
  | { readonly type: "up"; readonly report: StartReport }
  | { readonly type: "failed"; readonly code: string; readonly message: string; readonly nextStep?: string };

const FOLDER_CHECK_MS = 2_000;
/**
 * A governance act passes this process, an authority and the orderer, each for a moment; behind peers that fill every
 * core with transactions it would wait for its turn each time.
 */
const PEER_NICENESS = 10;

export type DetachedOptions = {
  readonly config: NetworkConfig;
  readonly layout: Layout;
  /** The program that runs a supervisor when called with `supervisor`. */
  readonly entry: string;
  readonly onProgress: (phase: Phase) => void;
  readonly interrupted?: AbortSignal;
};

/**
 * Starts a network that outlives this process: a supervisor in its own session keeps it. Resolves when it is up.
 * @throws HansaError with the supervisor's reason; nothing is left running then
 */
export async function startDetached(options: DetachedOptions): Promise<StartReport> {
  const { config, layout, entry, onProgress, interrupted } = options;
  const fresh = (await readState(layout)) === undefined;
  const wasInterrupted = () =>
    new HansaError("INTERRUPTED", `Starting network ${config.name} was interrupted; nothing is left running.`);
  if (interrupted?.aborted) throw wasInterrupted();
  mkdirSync(layout.logs, { recursive: true });
  const log = openSync(layout.log("supervisor"), "a");
  const child = spawn(process.execPath, [entry, "supervisor"], { detached: true, stdio: ["ignore", log, log, "ipc"] });
  closeSync(log);
  const stop = () => child.kill("SIGTERM");
  interrupted?.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise<StartReport>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        const end = signal ?? `code ${code}`;
        reject(
          interrupted?.aborted
            ? wasInterrupted()
            : new HansaError("NODE_FAILED", `The supervisor of network ${config.name} ended with ${end}.`, {
                nextStep: fresh ? "Try again." : `Read why in ${layout.log("supervisor")}`,
              }),
        );
      });
      child.on("message", (message: FromSupervisor) => {
        if (message.type === "waiting") child.send({ config, root: layout.root } satisfies ToSupervisor);
        else if (message.type === "progress") onProgress(message.phase);
        else if (message.type === "failed")
          reject(new HansaError(message.code, message.message, { nextStep: message.nextStep }));
        // Interrupted at the last moment, it is stopping by now, and its end is what counts.
        else if (interrupted?.aborted !== true) resolve(message.report);
      });
    });
  } catch (error) {
    await new Promise<void>((done) => {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) done();
      else child.once("exit", () => done());
    });
    // A folder that another start has just begun to fill is not this one's to remove.
    const isOurs = !(error instanceof HansaError && error.code === "IN_USE");
    if (fresh && isOurs) await rm(layout.root, { recursive: true, force: true });
    throw error;
  } finally {
    interrupted?.removeEventListener("abort", stop);
    child.removeAllListeners();
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** The supervisor's process: starts the network it is told to, answers the hansa command, and heals what dies. */
export async function runSupervisor(nodeEntry: string): Promise<void> {
  let log: { write(line: string): unknown } = process.stdout;
  const logger = textLogger((line) => log.write(line));
  const say = (message: FromSupervisor) => {
    if (process.connected) process.send?.(message, () => {});
  };
  const givingUp = new AbortController();
  let up = false;
  let shutDown: (() => Promise<void>) | undefined;
  const stop = (reason: string) => {
    logger.info("asked to stop", { reason });
    if (shutDown !== undefined) void shutDown();
    else givingUp.abort(new HansaError("INTERRUPTED", "The start was interrupted; nothing is left running."));
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  // Whoever starts the network may leave once it is up, not before.
  process.on("disconnect", () => {
    if (!up) stop("the starting command is gone");
  });
  process.on("uncaughtException", (error) => logger.error("unexpected", { error: error.stack ?? error.message }));
  process.on("unhandledRejection", (error) => logger.error("unexpected", { error: messageOf(error) }));

  const { config, root } = await new Promise<ToSupervisor>((resolve) => {
    process.once("message", (message) => resolve(message as ToSupervisor));
    say({ type: "waiting" });
  });
  const layout = new Layout(root);
  const startedAtMs = Date.now();
  log = new RotatedLog(process.stdout.fd, logFileOf(config, layout, "supervisor"));
  try {
    const launched = await launch({
      config,
      layout,
      host: hostFor(config, layout, nodeEntry, PEER_NICENESS),
      logger,
      onProgress: (phase) => {
        logger.info(phase.step, { durationMs: phase.ms });
        say({ type: "progress", phase });
      },
      signal: givingUp.signal,
    });
    const end = () => {
      logger.info("stopped");
      process.exit(0);
    };
    const served = await serveNetwork(launched, { startedAtMs, logger, onStopped: end });
    if (givingUp.signal.aborted) {
      await served.stop();
      throw givingUp.signal.reason;
    }
    shutDown = () => served.stop().then(end);
    stopWithoutFolder(layout, () => stop("the network's folder is gone"));
    up = true;
    say({ type: "up", report: { phases: launched.phases } });
  } catch (error) {
    const known = error instanceof HansaError;
    logger.error("start failed", { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    const report: FromSupervisor = {
      type: "failed",
      code: known ? error.code : "UNEXPECTED",
      message: messageOf(error),
      ...(known && error.nextStep !== undefined ? { nextStep: error.nextStep } : {}),
    };
    if (process.connected) process.send?.(report, () => process.exit(1));
    else process.exit(1);
  }
}

/** Whoever deletes a network's folder means the network; without it, nobody could stop its processes by name any more. */
function stopWithoutFolder(layout: Layout, stop: () => void): void {
  const timer = setInterval(() => {
    if (existsSync(layout.supervisorFile)) return;
    clearInterval(timer);
    stop();
  }, FOLDER_CHECK_MS);
  timer.unref();
}

/** @param peerNiceness see ProcessHostOptions */
export function hostFor(config: NetworkConfig, layout: Layout, nodeEntry: string, peerNiceness = 0): NodeHost {
  const log = (id: string) => logFileOf(config, layout, id);
  return config.mode === "inline" ? new InlineHost(log) : new ProcessHost({ entry: nodeEntry, log, peerNiceness });
}

function logFileOf(config: NetworkConfig, layout: Layout, id: string): LogFile {
  return { file: layout.log(id), ...(config.logs ?? LOG_LIMITS) };
}
