/**
 * The control plane as a process of its own: one for each data folder, outliving the command that starts it.
 * `control-plane/control-plane.json` says where it is; its log is `control-plane/control-plane.log`.
 */
import { existsSync, mkdirSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HansaError, messageOf } from "@hansa/primitives";
import { LOG_LIMITS } from "../config/defaults.js";
import { Starter, startDetachedProcess } from "../launch/detached.js";
import { isAlive, startOf } from "../nodes/alive.js";
import { textLogger } from "../nodes/log.js";
import { RotatedLog } from "../nodes/rotated-log.js";
import { writeFileDurably } from "../plan/state-file.js";
import { type ControlPlaneOptions, controlPlaneFolder, startControlPlane } from "./control-plane.js";

/** What a control plane in the background is started with: what fits on a wire. */
export type DetachedControlPlane = Pick<
  ControlPlaneOptions,
  "mode" | "port" | "https" | "resume" | "auth" | "region" | "quotas" | "createDelayMs" | "endpoints" | "simulatedClock"
> & {
  readonly dataFolder: string;
  /** Lists the accounts; the data folder's own unless given. */
  readonly accountsFile?: string;
  /** Gets a line for each event. */
  readonly eventsFile?: string;
  /** Gets a POST for each event. */
  readonly webhook?: string;
};

/** Where the control plane of a data folder is. */
export type ControlPlaneRecord = {
  readonly pid: number;
  readonly startedAtMs: number;
  readonly url: string;
  /** Over HTTPS, and the file with the root to trust. */
  readonly httpsUrl?: string;
  readonly caFile?: string;
  readonly region: string;
  readonly auth: "signed" | "open";
  /** Lists the accounts, with their keys. */
  readonly accountsFile: string;
  readonly credentialsFile: string;
  /** Tells the process from a later one with the same number. */
  readonly processStart?: string;
};

const STOP_MS = 20_000;
const FOLDER_CHECK_MS = 2_000;

function recordFile(folder: string): string {
  return path.join(folder, "control-plane.json");
}

export function controlPlaneLog(folder: string): string {
  return path.join(folder, "control-plane.log");
}

/** @param folder `control-plane` of a data folder. Undefined when none runs there, whatever files an earlier one left. */
export async function findControlPlane(folder: string): Promise<ControlPlaneRecord | undefined> {
  const text = await readFile(recordFile(folder), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as ControlPlaneRecord;
    const isSame = record.processStart === undefined || startOf(record.pid) === record.processStart;
    return isAlive(record.pid) && isSame ? record : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Starts the control plane of a data folder in the background, unless it runs. Resolves when it serves.
 * @param entry the program that runs it when called with `control-plane-process`
 * @throws HansaError with its reason; nothing is left running then
 */
export async function startControlPlaneDetached(
  options: DetachedControlPlane,
  entry: string,
  interrupted?: AbortSignal,
): Promise<ControlPlaneRecord> {
  const folder = controlPlaneFolder(path.resolve(options.dataFolder));
  const running = await findControlPlane(folder);
  if (running !== undefined) return running;
  mkdirSync(folder, { recursive: true });
  return startDetachedProcess<never, ControlPlaneRecord>({
    entry,
    verb: "control-plane-process",
    logFile: controlPlaneLog(folder),
    order: options,
    ...(interrupted === undefined ? {} : { interrupted }),
    interruption: "Starting the control plane was interrupted; it does not run.",
    died: (how) =>
      new HansaError("NODE_FAILED", `The control plane ended with ${how}.`, {
        nextStep: `Read why in ${controlPlaneLog(folder)}`,
      }),
  });
}

/** Stops a control plane and waits until it is gone. Networks go on. @throws HansaError TIMED_OUT */
export async function stopControlPlane(record: ControlPlaneRecord): Promise<void> {
  const isThere = () => isAlive(record.pid) && startOf(record.pid) === (record.processStart ?? startOf(record.pid));
  if (!isThere()) return;
  process.kill(record.pid, "SIGTERM");
  for (let waitedMs = 0; isThere(); waitedMs += 20) {
    if (waitedMs > STOP_MS)
      throw new HansaError("TIMED_OUT", `The control plane, process ${record.pid}, does not stop.`, {
        nextStep: "End that process; what was asked for goes on when it is started again.",
      });
    await sleep(20);
  }
}

/** The control plane's process: serves what it is told to until it is asked to stop. @param entry also starts supervisors */
export async function runControlPlaneProcess(entry: string): Promise<void> {
  let log: { write(line: string): unknown } = process.stdout;
  const logger = textLogger((line) => log.write(line));
  process.on("uncaughtException", (error) => logger.error("unexpected", { error: error.stack ?? error.message }));
  process.on("unhandledRejection", (error) => logger.error("unexpected", { error: messageOf(error) }));
  let stop: (reason: string) => void = () => process.exit(1);
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  // Whoever starts it may leave once it is up, not before.
  const starter = new Starter<DetachedControlPlane, never, ControlPlaneRecord>(() =>
    stop("the starting command is gone"),
  );
  const options = await starter.order();
  try {
    const folder = controlPlaneFolder(path.resolve(options.dataFolder));
    log = new RotatedLog(process.stdout.fd, { file: controlPlaneLog(folder), ...LOG_LIMITS });
    const controlPlane = await startControlPlane({ ...(await readSettings(options, logger)), entry, logger });
    const { url, https } = controlPlane;
    const processStart = startOf(process.pid);
    const record: ControlPlaneRecord = {
      pid: process.pid,
      startedAtMs: Date.now(),
      url,
      ...(https === undefined ? {} : { httpsUrl: https.url, caFile: https.caFile }),
      region: controlPlane.region,
      auth: options.auth ?? "signed",
      accountsFile: options.accountsFile ?? path.join(folder, "accounts.json"),
      credentialsFile: controlPlane.credentialsFile,
      ...(processStart === undefined ? {} : { processStart }),
    };
    await writeFileDurably(recordFile(folder), `${JSON.stringify(record, undefined, 2)}\n`, 0o600);
    let stopping = false;
    stop = (reason) => {
      if (stopping) return;
      stopping = true;
      logger.info("stopping", { reason });
      void controlPlane
        .stop()
        .catch((error: unknown) => logger.error("stopping failed", { reason: messageOf(error) }))
        .then(() => rm(recordFile(folder), { force: true }))
        .then(() => process.exit(0));
    };
    const timer = setInterval(() => {
      if (!existsSync(folder)) stop("the data folder is gone");
    }, FOLDER_CHECK_MS);
    timer.unref();
    starter.up(record);
  } catch (error) {
    logger.error("start failed", { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    starter.failed(error);
  }
}

async function readSettings(
  options: DetachedControlPlane,
  logger: ReturnType<typeof textLogger>,
): Promise<ControlPlaneOptions> {
  const { accountsFile, eventsFile, webhook, ...rest } = options;
  const { fileSink, webhookSink } = await import("@hansa/control-plane");
  const events = [
    ...(eventsFile === undefined ? [] : [fileSink(eventsFile, logger)]),
    ...(webhook === undefined ? [] : [webhookSink(webhook, logger)]),
  ];
  return { https: {}, ...rest, events, ...(accountsFile === undefined ? {} : { accounts: accountsFile }) };
}
