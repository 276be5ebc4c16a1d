/**
 * What Fabric's core.yaml tells a peer. Source: hyperledger/fabric, sampleconfig/core.yaml, core/peer/config.go and
 * internal/peer/node/config.go.
 */
import path from "node:path";
import { HansaError } from "@hansa/primitives";
import { type Environment, SettingsFile } from "./settings-file.js";

export type PeerFiles = {
  /** The file that was read. */
  readonly file: string;
  /** peer.id */
  readonly id: string;
  /** peer.networkId */
  readonly networkId: string;
  readonly mspId: string;
  /** Folder with signcerts, keystore, cacerts and so on. */
  readonly mspFolder: string;
  /** peer.fileSystemPath. */
  readonly fileSystemPath: string;
  /** Everything that this peer keeps (PeerConfig.dataDirectory), inside fileSystemPath, apart from a Fabric peer's. */
  readonly dataFolder: string;
  /** Completed and unfinished snapshots. */
  readonly snapshotFolder: string;
  /** All other settings, read where they are used. */
  readonly settings: SettingsFile;
};

/**
 * Reads core.yaml with CORE_* over it.
 * @param env FABRIC_CFG_PATH and CORE_*
 * @throws HansaError NODE_FILES
 */
export function readPeerFiles(env: Environment, cwd: string): PeerFiles {
  const settings = SettingsFile.read("core", env, cwd);
  const required = (key: string): string => {
    const value = settings.text(key);
    if (value === "") throw settings.wrong(key, "set");
    return value;
  };
  required("peer.fileSystemPath");
  required("peer.mspConfigPath");
  const fileSystemPath = settings.path("peer.fileSystemPath");
  const snapshots = settings.text("ledger.snapshots.rootDir");
  if (snapshots !== "" && !path.isAbsolute(snapshots))
    throw settings.wrong("ledger.snapshots.rootDir", "an absolute path");
  return {
    file: settings.file,
    id: required("peer.id"),
    networkId: settings.text("peer.networkId"),
    mspId: required("peer.localMspId"),
    mspFolder: settings.path("peer.mspConfigPath"),
    fileSystemPath,
    dataFolder: path.join(fileSystemPath, "hansa"),
    snapshotFolder: snapshots === "" ? path.join(fileSystemPath, "snapshots") : snapshots,
    settings,
  };
}

/** @throws HansaError NODE_FILES when Fabric would run a peer of another kind */
export function requireBccspMsp({ settings }: PeerFiles): void {
  const type = settings.text("peer.localMspType");
  if (type !== "" && type !== "bccsp")
    throw new HansaError("NODE_FILES", `${settings.file}: peer.localMspType is "${type}"; only bccsp is known`, {
      nextStep: "Give the peer an X.509 identity.",
    });
}
