/** Fabric's two server programs, by their files and environment. */
import type { LogLevels } from "@hansa/operations";
import type { Logger } from "@hansa/primitives";
import type { RunningRole } from "../nodes/role.js";
import { logLevels, nodeLogger } from "./node-log.js";
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
  /** Ends the node, cleanly. */
  readonly interrupted: AbortSignal;
};

/** What `peer node start` does. Resolves once the peer has stopped. @throws HansaError NODE_FILES and of startPeer */
export async function runPeerNode(
  foreground: Foreground,
  options: Pick<PeerNodeOptions, "chaincodeDevMode"> = {},
): Promise<void> {
  const { env, cwd } = foreground;
  await run(foreground, "peer", async (logger, levels) => {
    const files = readPeerFiles(env, cwd);
    const { startPeerNode } = await import("./peer-node.js");
    return startPeerNode(files, logger, { ...options, env, logging: levels });
  });
}

/** What `orderer` does. Resolves once the orderer has stopped. @throws HansaError NODE_FILES and of startOrderer */
export async function runOrdererNode(foreground: Foreground): Promise<void> {
  const { env, cwd } = foreground;
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
  const running = await start(logger, levels);
  await stopRequest(interrupted);
  logger.info("stopping");
  await running.stop();
}

function stopRequest(interrupted: AbortSignal): Promise<void> {
  if (interrupted.aborted) return Promise.resolve();
  return new Promise((resolve) => interrupted.addEventListener("abort", () => resolve(), { once: true }));
}
