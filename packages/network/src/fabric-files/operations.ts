/** Where a node answers about itself, by Fabric's settings; the two files spell them differently. */
import type { LogControl, OperationsConfig } from "@hansa/operations";
import type { SettingsFile } from "./settings-file.js";

type Keys = {
  readonly listenAddress: string;
  readonly tlsEnabled: string;
  readonly cert: string;
  readonly key: string;
  readonly clientAuthRequired: string;
  readonly clientRoots: string;
  readonly metrics: string;
};

export const PEER_OPERATIONS: Keys = {
  listenAddress: "operations.listenAddress",
  tlsEnabled: "operations.tls.enabled",
  cert: "operations.tls.cert.file",
  key: "operations.tls.key.file",
  clientAuthRequired: "operations.tls.clientAuthRequired",
  clientRoots: "operations.tls.clientRootCAs.files",
  metrics: "metrics.provider",
};

export const ORDERER_OPERATIONS: Keys = {
  listenAddress: "Operations.ListenAddress",
  tlsEnabled: "Operations.TLS.Enabled",
  cert: "Operations.TLS.Certificate",
  key: "Operations.TLS.PrivateKey",
  clientAuthRequired: "Operations.TLS.ClientAuthRequired",
  clientRoots: "Operations.TLS.ClientRootCAs",
  metrics: "Metrics.Provider",
};

/** @throws HansaError NODE_FILES */
export function readOperations(settings: SettingsFile, keys: Keys, logging: LogControl | undefined): OperationsConfig {
  const provider = settings.text(keys.metrics).toLowerCase();
  if (!["", "prometheus", "disabled", "statsd"].includes(provider))
    throw settings.wrong(keys.metrics, '"prometheus" or "disabled"');
  return {
    // What Fabric listens at when nothing is said.
    listenAddress: settings.isSet(keys.listenAddress) ? settings.address(keys.listenAddress) : "127.0.0.1:0",
    metrics: provider === "prometheus" ? "prometheus" : "disabled",
    ...(settings.flag(keys.tlsEnabled)
      ? {
          tls: {
            certPem: settings.readFile(keys.cert),
            keyPem: settings.readFile(keys.key),
            clientAuthRequired: settings.flag(keys.clientAuthRequired),
            clientCaPems: settings.paths(keys.clientRoots).map((file) => settings.readFile(keys.clientRoots, file)),
          },
        }
      : {}),
    ...(logging === undefined ? {} : { logging }),
  };
}
