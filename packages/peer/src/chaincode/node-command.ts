/** How a Node contract that the peer has built is started. */
import { type NodeBuild, shimProgram } from "./build.js";
import type { ChaincodeLogLevel } from "./child.js";
import { AUTHORITY_VARIABLE } from "./child-guard.js";
import { PIPE_DESCRIPTOR, PIPE_VARIABLE } from "./child-pipe.js";
import { plainEnvironment } from "./command.js";
import type { ChildCommand } from "./started-process.js";
import type { WorkerCommand } from "./started-worker.js";

export type NodeCommandOptions = {
  readonly packageId: string;
  readonly build: NodeBuild;
  /** host:port of the peer's chaincode listener. */
  readonly peerAddress: string;
  readonly mspId: string;
  readonly logLevel: ChaincodeLogLevel;
  /** Secret that the stream of this very launch must show as its authority. */
  readonly authority: string;
  /** Path of what writeChildGuard wrote. */
  readonly guard: string;
  /** How much memory it may hold. */
  readonly maxMemoryMb: number;
};

/** Megabytes. Node's own 16 cost each chaincode process 25 MB of memory and bring no measurable speed. */
const YOUNG_GENERATION = "--max-semi-space-size=4";
/** With so small a young generation, handing its collection to helper threads takes longer than collecting it. */
const NO_HELPERS = "--single-threaded-gc";

export function nodeCommand(options: NodeCommandOptions): ChildCommand {
  const { build } = options;
  const { maxMemoryMb } = options;
  return { ...programOf(options), directory: build.directory, environment: environmentOf(options), maxMemoryMb };
}

export type WorkerCommandOptions = Pick<
  NodeCommandOptions,
  "packageId" | "build" | "mspId" | "logLevel" | "maxMemoryMb"
> & { readonly arguments: readonly string[] };

/** @param options.arguments of fabric-chaincode-node start */
export function workerCommand(options: WorkerCommandOptions): WorkerCommand {
  const { packageId, build, mspId, logLevel, maxMemoryMb } = options;
  // An address is asked for and never dialled: the stream goes between the threads.
  const forPeer = ["--peer.address", "127.0.0.1:1", "--module-path", build.directory];
  return {
    program: shimProgram(build.directory),
    args: ["start", ...options.arguments, ...forPeer],
    directory: build.directory,
    environment: { ...plainEnvironment(), ...shimEnvironment(packageId, mspId, logLevel) },
    maxHeapMb: maxMemoryMb,
  };
}

function shimEnvironment(packageId: string, mspId: string, logLevel: ChaincodeLogLevel): Record<string, string> {
  return {
    CORE_CHAINCODE_ID_NAME: packageId,
    CORE_PEER_TLS_ENABLED: "false",
    CORE_PEER_LOCALMSPID: mspId,
    CORE_CHAINCODE_LOGGING_LEVEL: logLevel,
  };
}

function programOf({
  build,
  guard,
  peerAddress,
  maxMemoryMb,
}: NodeCommandOptions): Pick<ChildCommand, "program" | "args"> {
  const forPeer = ["--peer.address", peerAddress];
  const node = [YOUNG_GENERATION, NO_HELPERS, `--max-old-space-size=${maxMemoryMb}`, "--require", guard];
  switch (build.start.kind) {
    case "shim":
      return {
        program: process.execPath,
        args: [...node, shimProgram(build.directory), "start", ...build.start.args, ...forPeer],
      };
    case "node":
      return { program: process.execPath, args: [...node, ...build.start.args, ...forPeer] };
    case "npm":
      return { program: "npm", args: ["start", "--", ...forPeer] };
  }
}

function environmentOf({
  build,
  guard,
  packageId,
  mspId,
  authority,
  logLevel,
}: NodeCommandOptions): Record<string, string> {
  return {
    ...plainEnvironment(),
    ...shimEnvironment(packageId, mspId, logLevel),
    [AUTHORITY_VARIABLE]: authority,
    // npm would not pass the pipe on to the contract.
    ...(build.start.kind === "npm" ? {} : { [PIPE_VARIABLE]: String(PIPE_DESCRIPTOR) }),
    ...(build.start.kind === "npm" ? { NODE_OPTIONS: `--require ${JSON.stringify(guard)}` } : {}),
  };
}
