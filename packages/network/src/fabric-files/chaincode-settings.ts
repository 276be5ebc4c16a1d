/** The chaincode section of core.yaml, and where chaincodes dial in. */
import path from "node:path";
import type { PeerConfig } from "@hansa/peer";
import { HansaError, type Logger } from "@hansa/primitives";
import type { Environment, SettingsFile } from "./settings-file.js";

type ChaincodeConfig = NonNullable<PeerConfig["chaincode"]>;
type Builder = NonNullable<ChaincodeConfig["externalBuilders"]>[number];

/** What programs of builders are always given. Source: hyperledger/fabric, core/container/externalbuilder. */
const ALWAYS_PROPAGATED = ["LD_LIBRARY_PATH", "LIBPATH", "PATH", "TMPDIR"];
const DEFAULT_PORT = 7052;
const SHIM_LEVELS: Readonly<Record<string, ChaincodeConfig["logLevel"]>> = {
  debug: "debug",
  info: "info",
  notice: "info",
  warning: "warning",
  warn: "warning",
  error: "error",
  critical: "critical",
};

export type ChaincodeSettings = {
  readonly env: Environment;
  readonly isTls: boolean;
  readonly devMode: boolean;
  /** "host:port" by which others know the peer. */
  readonly ownAddress: string;
  readonly logger: Logger;
};

/** @throws HansaError NODE_FILES */
export function readChaincode(settings: SettingsFile, given: ChaincodeSettings): ChaincodeConfig {
  const { devMode, isTls, logger } = given;
  if (devMode && isTls)
    // Fabric refuses each chaincode instead, since they come without certificates.
    logger.warn("chaincode development mode: chaincodes attach in plaintext from this machine, whatever peer.tls says");
  const listenAddress = settings.isSet("peer.chaincodeListenAddress")
    ? settings.address("peer.chaincodeListenAddress")
    : `${hostOf(given.ownAddress)}:${DEFAULT_PORT}`;
  const level = SHIM_LEVELS[settings.text("chaincode.logging.shim").toLowerCase()];
  return {
    allowAttach: devMode,
    ...(devMode ? { listenAddress: onLoopback(listenAddress, logger) } : {}),
    ...(level === undefined ? {} : { logLevel: level }),
    executeTimeoutMs: settings.durationMs("chaincode.executetimeout", 30_000),
    startupTimeoutMs: settings.durationMs("chaincode.startuptimeout", 300_000),
    buildTimeoutMs: settings.durationMs("chaincode.installTimeout", 300_000),
    externalBuilders: readBuilders(settings, given.env),
    dialIn: {
      listenAddress: isTls ? listenAddress : onLoopback(listenAddress, logger),
      ...toldAddress(settings, listenAddress, given.ownAddress),
    },
  };
}

function readBuilders(settings: SettingsFile, env: Environment): Builder[] {
  const key = "chaincode.externalBuilders";
  const wrong = (fact: string) =>
    new HansaError("NODE_FILES", `${settings.file}: ${key}: ${fact}`, {
      nextStep: `Correct ${key} in ${settings.file}, or set ${settings.variable(key)}.`,
    });
  return settings.maps(key).map((each) => {
    const { name, path: folder } = each;
    if (typeof folder !== "string" || folder === "")
      throw wrong("invalid external builder configuration, path attribute missing in one or more builders");
    if (typeof name !== "string" || name === "")
      throw wrong(`external builder at path ${folder} has no name attribute`);
    // The older name of the setting counts where the newer one says nothing.
    const listed = each.propagateEnvironment ?? each.environmentWhitelist ?? [];
    if (!Array.isArray(listed)) throw wrong(`propagateEnvironment of ${name} is no list`);
    const environment: Record<string, string> = {};
    for (const variable of [...ALWAYS_PROPAGATED, ...listed.map(String)]) {
      const value = env[variable];
      if (value !== undefined) environment[variable] = value;
    }
    return { name, path: path.resolve(settings.folder, folder), environment };
  });
}

/**
 * What chaincodes are told: peer.chaincodeAddress, or where the peer listens for them, with its own host for "all".
 * Source: hyperledger/fabric, internal/peer/node/start.go (computeChaincodeEndpoint).
 */
function toldAddress(settings: SettingsFile, listenAddress: string, ownAddress: string): { address?: string } {
  const told = settings.isSet("peer.chaincodeAddress") ? settings.address("peer.chaincodeAddress") : undefined;
  if (told !== undefined) {
    if (isUnspecified(told)) throw settings.wrong("peer.chaincodeAddress", "an address that chaincodes can reach");
    return { address: told };
  }
  // The listener knows its own address, also where the port is 0.
  return isUnspecified(listenAddress) ? { address: `${hostOf(ownAddress)}:${portOf(listenAddress)}` } : {};
}

/** In plaintext only processes of this machine may dial in. */
function onLoopback(address: string, logger: Logger): string {
  const host = hostOf(address);
  if (/^127\./.test(host) || host === "localhost" || host === "[::1]") return address;
  logger.warn(
    `peer.chaincodeListenAddress is ${address}: without TLS chaincodes dial in from this machine only, at 127.0.0.1`,
  );
  return `127.0.0.1:${portOf(address)}`;
}

function isUnspecified(address: string): boolean {
  return ["", "0.0.0.0", "[::]", "::"].includes(hostOf(address));
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}

function portOf(address: string): string {
  return address.slice(address.lastIndexOf(":") + 1);
}
