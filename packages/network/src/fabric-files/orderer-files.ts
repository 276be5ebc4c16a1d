/**
 * What Fabric's orderer.yaml tells an orderer. Source: hyperledger/fabric, sampleconfig/orderer.yaml and
 * orderer/common/localconfig/config.go.
 */
import path from "node:path";
import { type Environment, SettingsFile } from "./settings-file.js";

export type OrdererFiles = {
  /** The file that was read. */
  readonly file: string;
  readonly mspId: string;
  readonly mspFolder: string;
  /** "host:port" */
  readonly listenAddress: string;
  /** FileLedger.Location. */
  readonly ledgerFolder: string;
  /** Everything that this orderer keeps, inside the ledger folder, apart from a Fabric orderer's. */
  readonly dataFolder: string;
  /** All other settings, read where they are used. */
  readonly settings: SettingsFile;
};

/**
 * Reads orderer.yaml with ORDERER_* over it.
 * @throws HansaError NODE_FILES
 */
export function readOrdererFiles(env: Environment, cwd: string): OrdererFiles {
  const settings = SettingsFile.read("orderer", env, cwd);
  const folder = (key: string, otherwise: string) => settings.path(key) || path.resolve(settings.folder, otherwise);
  const port = settings.whole("General.ListenPort", 7050) || 7050;
  if (port > 65_535) throw settings.wrong("General.ListenPort", "a port");
  const host = settings.text("General.ListenAddress") || "127.0.0.1";
  const ledgerFolder = folder("FileLedger.Location", "/var/hyperledger/production/orderer");
  return {
    file: settings.file,
    mspId: settings.text("General.LocalMSPID") || "SampleOrg",
    mspFolder: folder("General.LocalMSPDir", "msp"),
    listenAddress: `${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}`,
    ledgerFolder,
    dataFolder: path.join(ledgerFolder, "hansa"),
    settings,
  };
}
