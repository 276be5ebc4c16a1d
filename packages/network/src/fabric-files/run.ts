/** Fabric's two server programs, by their files and environment. */
import type { LogLevels } from "@hansa/operations";
import { HansaError, type Logger } from "@hansa/primitives";
import type { RunningRole } from "../nodes/role.js";
import { logLevels, nodeLogger, serveUntilStopped } from "./foreground.js";
import { readOrdererFiles } from "./orderer-files.js";
import { readPeerFiles } from "./peer-files.js";
import type { PeerNodeOptions } from "./peer-node.js";
import type { Environment } from "./settings-file.js";

export type Foreground = {
  /** FABRIC_CFG_PATH, FABRIC_LOGGING_SPEC, CORE_* and ORDERER_*. */
  readonly env: Environment;
  readonly cwd: string;
  /** Where the log goes. */
  write(text: string): void;
  readonly interrupted: AbortSignal;
};

/** What `peer node start` does. Resolves once the peer has stopped. @throws HansaError NODE_FILES and of startPeer */
export async function runPeerNode(
  foreground: Foreground,
  options: Pick<PeerNodeOptions, "chaincodeDevMode"> = {},
): Promise<void> {
  const { env, cwd } = foreground;
  process.title = "hansa peer";
  await run(foreground, "peer", async (logger, levels) => {
    const files = readPeerFiles(env, cwd);
    const { startPeerNode } = await import("./peer-node.js");
    return startPeerNode(files, logger, { ...options, env, logging: levels });
  });
}

/** What `orderer` does. Resolves once the orderer has stopped. @throws HansaError NODE_FILES and of startOrderer */
export async function runOrdererNode(foreground: Foreground): Promise<void> {
  const { env, cwd } = foreground;
  process.title = "hansa orderer";
  await run(foreground, "orderer", async (logger, levels) => {
    const files = readOrdererFiles(env, cwd);
    const { startOrdererNode } = await import("./orderer-node.js");
    return startOrdererNode(files, logger, { logging: levels });
  });
}

async function run(
  { env, write, interrupted }: Foreground,
  part: string,
  start: (logger: Logger, levels: LogLevels) => Promise<RunningRole>,
): Promise<void> {
  const levels = logLevels(env);
  const logger = nodeLogger(write, part, levels);
  const fail = (error: unknown) => {
    logger.error("node failed", { reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exit(error instanceof HansaError ? 1 : 2);
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  await serveUntilStopped(await start(logger, levels), logger, interrupted);
}
