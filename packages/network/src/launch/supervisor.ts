import { existsSync, mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { HansaError, messageOf } from "@hansa/primitives";
import { LOG_LIMITS } from "../config/defaults.js";
import type { NetworkConfig } from "../config/network-config.js";
import type { NodeHost } from "../nodes/host.js";
import { InlineHost } from "../nodes/inline-host.js";
import { textLogger } from "../nodes/log.js";
import { ProcessHost } from "../nodes/process-host.js";
import { type LogFile, RotatedLog } from "../nodes/rotated-log.js";
import { INLINE_FLAGS } from "../nodes/runtime-flags.js";
import { Layout } from "../plan/layout.js";
import { readState } from "../plan/state-file.js";
import { Starter, startDetachedProcess } from "./detached.js";
import { launch } from "./launch.js";
import type { Phase } from "./phases.js";
import { serveNetwork } from "./serve.js";

export type StartReport = { readonly phases: readonly Phase[] };

type ToSupervisor = { readonly config: NetworkConfig; readonly root: string };
const FOLDER_CHECK_MS = 2_000;
/**
 * A governance act passes this process, an authority and the orderer, each for a moment; behind peers that fill every
 * core with transactions it would wait for its turn each time.
 */
const PEER_NICENESS = 5;

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
  mkdirSync(layout.logs, { recursive: true });
  try {
    return await startDetachedProcess<Phase, StartReport>({
      entry,
      verb: "supervisor",
      runtimeFlags: config.mode === "inline" ? INLINE_FLAGS : [],
      logFile: layout.log("supervisor"),
      order: { config, root: layout.root } satisfies ToSupervisor,
      onProgress,
      ...(interrupted === undefined ? {} : { interrupted }),
      interruption: `Starting network ${config.name} was interrupted; nothing is left running.`,
      died: (how) =>
        new HansaError("NODE_FAILED", `The supervisor of network ${config.name} ended with ${how}.`, {
          nextStep: fresh ? "Try again." : `Read why in ${layout.log("supervisor")}`,
        }),
    });
  } catch (error) {
    // A folder that another start has just begun to fill is not this one's to remove.
    const isOurs = !(error instanceof HansaError && error.code === "IN_USE");
    if (fresh && isOurs) await rm(layout.root, { recursive: true, force: true });
    throw error;
  }
}

/** The supervisor's process: starts the network it is told to, answers the hansa command, and heals what dies. */
export async function runSupervisor(nodeEntry: string): Promise<void> {
  let log: { write(line: string): unknown } = process.stdout;
  const logger = textLogger((line) => log.write(line));
  const givingUp = new AbortController();
  let shutDown: (() => Promise<void>) | undefined;
  const stop = (reason: string) => {
    logger.info("asked to stop", { reason });
    if (shutDown !== undefined) void shutDown();
    else givingUp.abort(new HansaError("INTERRUPTED", "The start was interrupted; nothing is left running."));
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  // Whoever starts the network may leave once it is up, not before.
  const starter = new Starter<ToSupervisor, Phase, StartReport>(() => stop("the starting command is gone"));
  process.on("uncaughtException", (error) => logger.error("unexpected", { error: error.stack ?? error.message }));
  process.on("unhandledRejection", (error) => logger.error("unexpected", { error: messageOf(error) }));

  const { config, root } = await starter.order();
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
        starter.progress(phase);
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
    starter.up({ phases: launched.phases });
  } catch (error) {
    logger.error("start failed", { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    starter.failed(error);
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
