import { HansaError, messageOf } from "@hansa/primitives";
import { asFileFailure } from "../control/file-failure.js";
import type { RoleKind } from "../plan/plan.js";
import { textLogger } from "./log.js";
import type { Failure, FromNode, ToNode } from "./messages.js";
import type { RunningRole } from "./role.js";
import { loadRole } from "./roles.js";
import { RotatedLog } from "./rotated-log.js";

/** Runs what a node's process is for. @param kind "ca", "orderer" or "peer", as it stands on the command line */
export async function runNode(kind: string | undefined, configFile: string | undefined): Promise<void> {
  if (kind !== "ca" && kind !== "orderer" && kind !== "peer") {
    process.stderr.write("This runs one node: node <ca|orderer|peer> <config.json>\n");
    process.exit(2);
  }
  process.title = `hansa ${kind}`;
  await runNodeProcess(kind, configFile);
}

/**
 * A node's process: loads its role, waits for its configuration (or reads it from a file), serves until it is told to
 * stop or its parent is gone.
 */
async function runNodeProcess(kind: RoleKind, configFile: string | undefined): Promise<void> {
  let log: { write(line: string): unknown } = process.stdout;
  const logger = textLogger((line) => log.write(line), kind);
  const say = (message: FromNode) => {
    if (process.connected) process.send?.(message, () => {});
  };
  let running: RunningRole | undefined;
  let stopping = false;

  const stop = async (reason: string) => {
    if (stopping) return;
    stopping = true;
    logger.info("stopping", { reason });
    // A stop that hangs must not keep an orphan alive.
    setTimeout(() => process.exit(1), 10_000).unref();
    try {
      await running?.stop();
      process.exit(0);
    } catch (error) {
      logger.error("stopping failed", { reason: messageOf(error) });
      process.exit(1);
    }
  };
  const fail = (error: unknown) => {
    const known = error instanceof HansaError;
    const message = messageOf(error);
    logger.error("node failed", {
      message,
      ...(known && error.nextStep !== undefined ? { nextStep: error.nextStep } : {}),
      ...(known ? {} : { stack: error instanceof Error ? error.stack : undefined }),
    });
    const report: FromNode = { type: "failed", ...failureOf(error) };
    if (process.connected && process.send !== undefined) process.send(report, () => process.exit(1));
    else process.exit(1);
  };

  process.on("disconnect", () => void stop("the parent process is gone"));
  process.on("SIGTERM", () => void stop("SIGTERM"));
  // Ctrl-C reaches every process of a terminal; the parent decides what it means.
  process.on("SIGINT", () => {
    if (!process.connected) void stop("SIGINT");
  });
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);

  const role = loadRole(kind);
  const start = async (config: unknown) => {
    try {
      running = await (await role)(config, logger);
      if (stopping) return await running.stop();
      say({ type: "ready" });
    } catch (error) {
      fail(error);
    }
  };
  const reconfigure = async (id: number, config: unknown) => {
    try {
      await running?.reconfigure?.(config);
      say({ type: "reconfigured", id });
    } catch (error) {
      logger.error("new settings refused", { message: messageOf(error) });
      say({ type: "reconfigured", id, failure: failureOf(error) });
    }
  };
  if (configFile !== undefined) {
    // Needed here only: a node that the supervisor starts is told by a message, and back sooner without this.
    const { readSpecificationFile } = await import("./specification-file.js");
    return readSpecificationFile(kind, configFile).then(start, fail);
  }

  process.on("message", (message: ToNode) => {
    switch (message.type) {
      case "start":
        log = new RotatedLog(process.stdout.fd, message.log);
        void start(message.config);
        break;
      case "reconfigure":
        void reconfigure(message.id, message.config);
        break;
      case "stop":
        void stop("asked to");
        break;
      case "ping":
        say({ type: "pong" });
        break;
    }
  });
  role.then(
    () => say({ type: "loaded" }),
    (error: unknown) => fail(error),
  );
}

function failureOf(error: unknown): Failure {
  const known = asFileFailure(error) ?? error;
  if (!(known instanceof HansaError)) return { code: "NODE_FAILED", message: messageOf(error) };
  const { code, message, nextStep } = known;
  return { code, message, ...(nextStep === undefined ? {} : { nextStep }) };
}
