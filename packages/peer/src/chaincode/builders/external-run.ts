/**
 * A chaincode that an external builder runs: `run <output> <run-metadata>`, where the latter folder holds
 * chaincode.json with what the chaincode must know to dial the peer.
 * Source: hyperledger/fabric, core/container/externalbuilder/externalbuilder.go (runConfig, Run).
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { safeEntryPath } from "../archive.js";
import type { ChildCommand } from "../started-process.js";
import type { ExternalBuild } from "./builder.js";
import type { DialInGate } from "./dial-in.js";

export type RunOptions = {
  readonly packageId: string;
  readonly build: ExternalBuild;
  /** host:port that it dials. */
  readonly peerAddress: string;
  readonly mspId: string;
  readonly gate: DialInGate;
  /** Run metadata is kept below it while the chaincode runs. */
  readonly directory: string;
};

export type ExternalRun = {
  readonly command: ChildCommand;
  /** How long it may take to end when it is asked to; Fabric's. */
  readonly terminationMs: number;
  /** Once it has ended for good: nobody dials in for it any more, and its key is gone. */
  readonly release: () => Promise<void>;
};

const TERMINATION_MS = 5_000;

export async function prepareRun(options: RunOptions): Promise<ExternalRun> {
  const { packageId, build, peerAddress, mspId, gate, directory } = options;
  const pass = gate.admit(packageId);
  const folder = join(directory, "run", safeEntryPath(packageId.replaceAll(/[^\w.+-]/g, "-")));
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const metadata = {
    chaincode_id: packageId,
    peer_address: peerAddress,
    client_cert: pass.clientCert,
    client_key: pass.clientKey,
    root_cert: pass.rootCert,
    mspid: mspId,
  };
  await writeFile(join(folder, "chaincode.json"), JSON.stringify(metadata), { mode: 0o600 });
  return {
    command: {
      program: join(build.builder.path, "bin", "run"),
      args: [build.output, folder],
      environment: build.builder.environment,
    },
    terminationMs: TERMINATION_MS,
    release: async () => {
      gate.dismiss(packageId);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
