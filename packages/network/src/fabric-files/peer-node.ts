/** A peer started from Fabric's own files. */
import { existsSync } from "node:fs";
import { isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import path from "node:path";
import { createGateway, type Gateway } from "@hansa/gateway";
import type { LogControl } from "@hansa/operations";
import { type OrdererOverride, type PeerConfig, startPeer } from "@hansa/peer";
import type { Logger } from "@hansa/primitives";
import type { TlsServer } from "@hansa/transport";
import { services } from "@hansa/wire";
import { gatewayHost } from "../nodes/gateway-host.js";
import type { RunningRole } from "../nodes/role.js";
import { readChaincode } from "./chaincode-settings.js";
import { checkTlsPair, readNodeIdentity } from "./identity.js";
import { PEER_OPERATIONS, readOperations } from "./operations.js";
import { type PeerFiles, requireBccspMsp } from "./peer-files.js";
import { peerWarnings } from "./peer-warnings.js";
import type { Environment, SettingsFile } from "./settings-file.js";

export type PeerNodeOptions = {
  /** Where external builders' environment is taken from. */
  readonly env: Environment;
  /** `--peer-chaincodedev`: chaincodes are started by their developers and attach by themselves. */
  readonly chaincodeDevMode?: boolean;
  /** The levels of `logger`, for whoever asks or changes them at the operations address. */
  readonly logging?: LogControl;
};

/** @throws HansaError NODE_FILES, PORT_IN_USE, STORE_CORRUPT */
export async function startPeerNode(
  files: PeerFiles,
  logger: Logger,
  { env, chaincodeDevMode = false, logging }: PeerNodeOptions,
): Promise<RunningRole> {
  const { settings, mspId, mspFolder, id, networkId } = files;
  requireBccspMsp(files);
  const { identity, localMsp } = readNodeIdentity(settings, {
    mspFolder,
    mspId,
    cryptoKey: "peer.BCCSP",
    folderKey: "peer.mspConfigPath",
  });
  const tls = readTls(settings);
  const clientTls = tls && readClientTls(settings);
  const address = ownAddress(settings);
  for (const warning of peerWarnings(settings)) logger.warn(warning);
  if (existsSync(path.join(files.fileSystemPath, "ledgersData")))
    logger.warn(
      `${files.fileSystemPath} holds the ledgers of a Fabric peer, which are neither read nor changed: this peer keeps its own in ${files.dataFolder} and joins channels anew`,
    );
  const devMode = chaincodeDevMode || settings.text("chaincode.mode") === "dev";
  let gateway: Gateway | undefined;
  const peer = await startPeer({
    name: id,
    identity,
    localMsp,
    listenAddress: settings.address("peer.listenAddress"),
    externalAddress: settings.text("peer.gossip.externalEndpoint") || address,
    ...(tls === undefined ? {} : { tls }),
    ...(clientTls === undefined ? {} : { clientTls }),
    dataDirectory: files.dataFolder,
    snapshotsDirectory: files.snapshotFolder,
    chaincode: readChaincode(settings, { env, isTls: tls !== undefined, devMode, ownAddress: address, logger }),
    operations: readOperations(settings, PEER_OPERATIONS, logging),
    ordererOverrides: addressOverrides(settings),
    membership: { bootstrap: settings.list("peer.gossip.bootstrap") },
    discovery: {
      enabled: !isSwitchedOff(settings, "peer.discovery.enabled"),
      orgMembersAllowedAccess: settings.flag("peer.discovery.orgMembersAllowedAccess"),
    },
    limits: {
      endorserConcurrency: concurrency(settings, "endorserService"),
      deliverConcurrency: concurrency(settings, "deliverService"),
      authenticationWindowMs: settings.durationMs("peer.authentication.timewindow", 15 * 60_000),
      ordererConnectTimeoutMs: settings.durationMs("peer.deliveryclient.connTimeout", 3_000),
    },
    mount: (mounted) => {
      if (isSwitchedOff(settings, "peer.gateway.enabled")) return;
      gateway = createGateway(gatewayHost(mounted, {}), {
        ...(tls === undefined ? {} : { tlsIdentity: clientTls ?? tls }),
        endorsementTimeoutMs: settings.durationMs("peer.gateway.endorsementTimeout", 30_000),
        broadcastTimeoutMs: settings.durationMs("peer.gateway.broadcastTimeout", 30_000),
        isDebugging: () => mounted.isDebugging(),
      });
      mounted.server.addService(services.Gateway, gateway.handlers, {
        maxConcurrentCalls: concurrency(settings, "gatewayService"),
      });
    },
    logger,
  });
  logger.info(`Started peer with ID=[${id}], network ID=[${networkId}], address=[${address}]`);
  return {
    stop: async () => {
      gateway?.close();
      await peer.stop();
    },
  };
}

/** @throws HansaError NODE_FILES */
function readTls(settings: SettingsFile): TlsServer | undefined {
  if (!settings.flag("peer.tls.enabled")) return undefined;
  const required = settings.flag("peer.tls.clientAuthRequired");
  const tls: TlsServer = {
    certPem: settings.readFile("peer.tls.cert.file"),
    keyPem: settings.readFile("peer.tls.key.file"),
    ...(required
      ? {
          requireClientCert: true,
          clientCaPems: settings
            .paths("peer.tls.clientRootCAs.files")
            .map((file) => settings.readFile("peer.tls.clientRootCAs.files", file)),
        }
      : {}),
  };
  checkTlsPair(settings, "peer.tls.cert.file", "peer.tls.key.file", tls);
  return tls;
}

/** The pair for connections to others, where the file has one of its own for them. @throws HansaError NODE_FILES */
function readClientTls(settings: SettingsFile): PeerConfig["clientTls"] {
  const [certKey, keyKey] = ["peer.tls.clientCert.file", "peer.tls.clientKey.file"] as const;
  if (!settings.isSet(certKey) && !settings.isSet(keyKey)) return undefined;
  const pair = {
    certPem: settings.readFile(settings.isSet(certKey) ? certKey : "peer.tls.cert.file"),
    keyPem: settings.readFile(settings.isSet(keyKey) ? keyKey : "peer.tls.key.file"),
  };
  checkTlsPair(settings, certKey, keyKey, pair);
  return pair;
}

/** What is there unless the file or the environment says no. */
function isSwitchedOff(settings: SettingsFile, key: string): boolean {
  return settings.isSet(key) && !settings.flag(key);
}

/** 0 or nothing means no limit, as in Fabric. */
function concurrency(settings: SettingsFile, service: string): number {
  return settings.whole(`peer.limits.concurrency.${service}`, 0) || Number.POSITIVE_INFINITY;
}

/** What others are told; an unspecified or undetermined host becomes the machine's own address. */
function ownAddress(settings: SettingsFile): string {
  const address = settings.address("peer.address");
  const at = address.lastIndexOf(":");
  const host = address.slice(0, at).replaceAll(/[[\]]/g, "");
  const isUnspecified = host === "" || host === "0.0.0.0" || host === "::";
  if (!isUnspecified && !settings.flag("peer.addressAutoDetect")) return address;
  const own = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find((each) => !each.internal && isIPv4(each.address));
  return `${own?.address ?? "127.0.0.1"}${address.slice(at)}`;
}

function addressOverrides(settings: SettingsFile): Record<string, OrdererOverride> {
  const key = "peer.deliveryclient.addressOverrides";
  const overrides: Record<string, OrdererOverride> = {};
  for (const each of settings.maps(key)) {
    const { from, to, caCertsFile } = each;
    if (typeof from !== "string" || typeof to !== "string") continue;
    overrides[from] = {
      address: to,
      ...(typeof caCertsFile === "string" && caCertsFile !== ""
        ? { rootPems: [settings.readFile(key, path.resolve(settings.folder, caCertsFile))] }
        : {}),
    };
  }
  return overrides;
}
