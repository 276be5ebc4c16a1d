/** An orderer started from Fabric's own files. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { ChannelConfig } from "@hansa/channel-config";
import { Certificate } from "@hansa/crypto";
import type { LogControl } from "@hansa/operations";
import { type OrdererConfig, startOrderer } from "@hansa/orderer";
import { HansaError, type Logger, toUtf8 } from "@hansa/primitives";
import type { TlsServer } from "@hansa/transport";
import { decode, etcdraft } from "@hansa/wire";
import type { RunningRole } from "../nodes/role.js";
import { checkTlsPair, readNodeIdentity } from "./identity.js";
import { ORDERER_OPERATIONS, readOperations } from "./operations.js";
import type { OrdererFiles } from "./orderer-files.js";
import { ordererWarnings } from "./orderer-warnings.js";
import type { SettingsFile } from "./settings-file.js";

export type OrdererNodeOptions = {
  /** The levels of `logger`, for whoever asks or changes them at the operations address. */
  readonly logging?: LogControl;
};

/** @throws HansaError NODE_FILES, PORT_IN_USE; JournalError when the data folder is damaged */
export async function startOrdererNode(
  files: OrdererFiles,
  logger: Logger,
  { logging }: OrdererNodeOptions = {},
): Promise<RunningRole> {
  const { settings, mspId, mspFolder } = files;
  const { identity } = readNodeIdentity(settings, {
    mspFolder,
    mspId,
    cryptoKey: "General.BCCSP",
    folderKey: "General.LocalMSPDir",
  });
  const tls = readTls(settings, "General.TLS");
  const ordering = readOrdering(settings);
  for (const warning of ordererWarnings(settings)) logger.warn(warning);
  if (existsSync(path.join(files.ledgerFolder, "chains")))
    logger.warn(
      `${files.ledgerFolder} holds the channels of a Fabric orderer, which are neither read nor changed: this orderer keeps its own in ${files.dataFolder} and joins channels anew`,
    );
  const certificates = ownCertificates(settings, tls);
  const orderer = await startOrderer({
    name: files.listenAddress,
    dataFolder: files.dataFolder,
    identity,
    listen: { address: files.listenAddress, ...(tls === undefined ? {} : { tls }) },
    admin: readAdmin(settings),
    operations: readOperations(settings, ORDERER_OPERATIONS, logging),
    ordering,
    batching: settings.text("Consensus.Batching").toLowerCase() === "fabric" ? "fabric" : "adaptive",
    timeWindowMs: settings.durationMs("General.Authentication.TimeWindow", 15 * 60_000) || 15 * 60_000,
    refuses: (channel) => refusal(channel, certificates, ordering.engine === "embedded"),
    onChannel: (channel) => {
      const node = Math.max(consentersOf(channel).findIndex(isOneOf(certificates)), 0) + 1;
      // Scripts wait for this line of Fabric's.
      logger.info(`Raft leader changed: 0 -> ${node}`, { channel: channel.channelId, node });
    },
    logger,
  });
  logger.info("Beginning to serve requests");
  return { stop: () => orderer.stop() };
}

/** @param section "General.TLS", "Admin.TLS" @throws HansaError NODE_FILES */
function readTls(settings: SettingsFile, section: string): TlsServer | undefined {
  if (!settings.flag(`${section}.Enabled`)) return undefined;
  const required = settings.flag(`${section}.ClientAuthRequired`);
  const tls: TlsServer = {
    certPem: settings.readFile(`${section}.Certificate`),
    keyPem: settings.readFile(`${section}.PrivateKey`),
    ...(required ? { requireClientCert: true, clientCaPems: clientRoots(settings, section) } : {}),
  };
  checkTlsPair(settings, `${section}.Certificate`, `${section}.PrivateKey`, tls);
  return tls;
}

function clientRoots(settings: SettingsFile, section: string): string[] {
  const key = `${section}.ClientRootCAs`;
  return settings.paths(key).map((file) => settings.readFile(key, file));
}

function readAdmin(settings: SettingsFile): OrdererConfig["admin"] {
  const tls = readTls(settings, "Admin.TLS");
  if (tls !== undefined && tls.requireClientCert !== true)
    throw settings.wrong("Admin.TLS.ClientAuthRequired", "true when Admin.TLS.Enabled is true");
  return {
    address: settings.isSet("Admin.ListenAddress") ? settings.address("Admin.ListenAddress") : "127.0.0.1:0",
    ...(tls === undefined ? {} : { tls: { ...tls, clientCaPems: tls.clientCaPems ?? [] } }),
    maxRequestBytes: settings.bytes("ChannelParticipation.MaxRequestBodySize", 1024 * 1024),
  };
}

/**
 * Consensus is opaque in Fabric's file and each plug-in's own. Ours: `Consensus.JetStream` with Servers, Replicas, TLS
 * (RootCA, Certificate, PrivateKey) and Credentials; without it this node orders alone.
 */
function readOrdering(settings: SettingsFile): NonNullable<OrdererConfig["ordering"]> {
  const at = (name: string) => `Consensus.JetStream.${name}`;
  const servers = settings.list(at("Servers"));
  if (servers.length === 0) return { engine: "embedded" };
  const optional = (key: string) => (settings.isSet(key) ? settings.readFile(key) : undefined);
  const caPem = optional(at("TLS.RootCA"));
  const certPem = optional(at("TLS.Certificate"));
  const keyPem = optional(at("TLS.PrivateKey"));
  const credentials = optional(at("Credentials"));
  return {
    engine: "jetstream",
    servers,
    replicas: settings.whole(at("Replicas"), 3),
    ...(caPem === undefined ? {} : { tls: { caPem, ...(certPem && keyPem ? { certPem, keyPem } : {}) } }),
    ...(credentials === undefined
      ? {}
      : {
          credentials: credentials.includes("-----BEGIN") ? { creds: credentials } : { nkeySeed: credentials.trim() },
        }),
  };
}

/** Those by which a channel may know this node as one of its consenters. */
function ownCertificates(settings: SettingsFile, tls: TlsServer | undefined): Uint8Array[] {
  const pems = [
    ...(tls === undefined ? [] : [tls.certPem]),
    ...["General.Cluster.ServerCertificate", "General.Cluster.ClientCertificate"]
      .filter((key) => settings.isSet(key))
      .map((key) => settings.readFile(key)),
  ];
  return pems.map((pem) => Certificate.parse(pem).raw);
}

function consentersOf({ orderer }: ChannelConfig): etcdraft.IConsenter[] {
  if (orderer.consensusType !== "etcdraft") return [];
  return decode(etcdraft.ConfigMetadata, orderer.consensusMetadata, "etcdraft.ConfigMetadata").consenters;
}

function isOneOf(certificates: readonly Uint8Array[]): (consenter: etcdraft.IConsenter) => boolean {
  return ({ serverTlsCert, clientTlsCert }) =>
    [serverTlsCert, clientTlsCert].some((pem) => {
      if (pem === undefined || pem === null || pem.length === 0) return false;
      try {
        const { raw } = Certificate.parse(toUtf8(pem));
        return certificates.some((own) => Buffer.compare(own, raw) === 0);
      } catch {
        return false;
      }
    });
}

/** Two nodes that order one channel apart from each other would give it two histories. */
function refusal(channel: ChannelConfig, certificates: readonly Uint8Array[], isAlone: boolean): string | undefined {
  let consenters: etcdraft.IConsenter[];
  try {
    consenters = consentersOf(channel);
  } catch (error) {
    if (error instanceof HansaError) return `the channel's consensus metadata cannot be read: ${error.message}`;
    throw error;
  }
  const place = consenters.findIndex(isOneOf(certificates));
  const names = consenters.map(({ host, port }) => `${host}:${port}`);
  if (certificates.length > 0 && place < 0)
    return `this node's TLS certificate is none of the channel's consenters' (${names.join(", ")})`;
  // Without TLS nothing tells which of several consenters this node is.
  if (!isAlone || place === 0 || consenters.length <= 1) return undefined;
  return `this node orders alone, so of the channel's consenters only the first, ${names[0]}, may join; to let all of them order, set Consensus.JetStream.Servers in their orderer.yaml`;
}
