/**
 * Brings chaincodes up and keeps them up: builds their packages, starts their processes or dials their servers, and
 * admits the streams of those that dial the peer.
 *
 * Who may speak for a package on a stream that comes in:
 * - the process that the peer started for it, which shows the secret of its launch as the stream's authority;
 * - where attaching is allowed, anybody on this machine: a contract under a debugger registers with a package id, or
 *   with name:version of a committed definition.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { ChaincodeError, type ChaincodeRegistry } from "@hansa/endorsement/chaincode";
import { assert, HansaError, type Logger, messageOf } from "@hansa/primitives";
import { type ArchiveEntry, readArchive } from "./archive.js";
import { type Build, buildChaincode, CODE_LIMITS, type NodeBuild } from "./build.js";
import {
  type ExternalBuild,
  type ExternalBuilderConfig,
  ExternalBuilders,
  releasedConnection,
} from "./builders/builder.js";
import type { DialIn } from "./builders/dial-in.js";
import { type ExternalRun, prepareRun } from "./builders/external-run.js";
import { ChaincodeChild, type ChaincodeLogLevel, type StartedChild } from "./child.js";
import { writeChildGuard } from "./child-guard.js";
import { readConnection } from "./connection.js";
import { InsideChaincode } from "./inside.js";
import { nodeCommand, workerCommand } from "./node-command.js";
import { readPackage } from "./package.js";
import type { PackageStore } from "./package-store.js";
import { ServiceLink } from "./service-link.js";
import { findShippedModules, type ShippedModules } from "./shipped-modules.js";
import { startProcess } from "./started-process.js";
import { startWorker } from "./started-worker.js";

/**
 * "process": isolated, restarted when it dies. "worker": in a thread of the peer's process, restarted too, see
 * started-worker.ts. "inside": in the peer's own thread, see inside.ts.
 */
export type ChaincodeExecution = "process" | "worker" | "inside";

export type RuntimeOptions = {
  /** Builds and logs go below it. */
  readonly directory: string;
  readonly packages: PackageStore;
  readonly registry: ChaincodeRegistry;
  readonly mspId: string;
  readonly logLevel: ChaincodeLogLevel;
  /** Where Node contracts run that start by fabric-chaincode-node; all others are processes. */
  readonly execution: ChaincodeExecution;
  /** How much memory one contract may hold. */
  readonly maxMemoryMb: number;
  readonly logger: Logger;
  /** host:port for chaincodes that dial the peer; asked at each launch. */
  readonly listenAddress: () => string;
  readonly buildTimeoutMs: number;
  readonly startupTimeoutMs: number;
  /** Asked first; what none of them takes is built here. */
  readonly external?: ExternalOptions;
};

export type ExternalOptions = {
  /** In the order in which they are asked. */
  readonly builders: readonly ExternalBuilderConfig[];
  /** Lets those in that they run. */
  readonly dialIn: DialIn;
};

interface Launched {
  /** Only what is a process can be ended. */
  kill?(): void;
  start(): void | Promise<void>;
  hurry(): void;
  stop(): Promise<void>;
}

/** How long whoever deploys a contract waits for its start, where a caller may wait for longer. */
const DEPLOYER_WAITS_MS = 60_000;
const AUTHORITY_PREFIX = "chaincode-";

export class ChaincodeRuntime {
  readonly #options: RuntimeOptions;
  readonly #shipped: ShippedModules;
  readonly #launched = new Map<string, Promise<Launched>>();
  /** SHA-256 of a launch's secret → package id. */
  readonly #authorities = new Map<string, string>();
  /** Package id → how its process ended before it ever answered. Gone once it answers, or is halted. */
  readonly #deaths = new Map<string, ChaincodeError>();
  readonly #stop = new AbortController();
  readonly #external: ExternalBuilders;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#external = new ExternalBuilders({
      builders: options.external?.builders ?? [],
      directory: join(options.directory, "external"),
      timeoutMs: options.buildTimeoutMs,
      logger: options.logger,
      signal: this.#stop.signal,
    });
    this.#shipped = findShippedModules();
  }

  /** Like launch for what runs here; a server that somebody else starts may come later. */
  async whenStarted(packageId: string): Promise<void> {
    const { startupTimeoutMs } = this.#options;
    if ((await this.build(packageId)).kind === "node")
      await this.launch(packageId, Math.min(startupTimeoutMs, DEPLOYER_WAITS_MS));
  }

  /** Makes the package callable and resolves when it is. @throws ChaincodeError, BuildError and the like: why it is not */
  async launch(packageId: string, startupTimeoutMs = this.#options.startupTimeoutMs): Promise<void> {
    const { registry } = this.#options;
    if (registry.isReady(packageId)) return;
    // On a busy machine, or in the pause between two restarts, the time is over before the process dies once more.
    const ready = registry.whenReady(packageId, startupTimeoutMs, () => this.#deaths.get(packageId));
    ready.catch(() => {});
    try {
      await this.prepare(packageId);
    } catch (error) {
      // Waiters are served in one way only, whether the launch or the process failed.
      registry.fail(packageId, error instanceof Error ? error : new Error(String(error)));
    }
    await ready;
  }

  /** Starts what is needed without waiting for it to answer. */
  async prepare(packageId: string): Promise<void> {
    if (this.#stop.signal.aborted) throw new ChaincodeError("NOT_RUNNING", "the peer is stopping");
    const known = this.#launched.get(packageId);
    if (known !== undefined) {
      (await known).hurry();
      return;
    }
    const launching = this.#start(packageId);
    this.#launched.set(packageId, launching);
    // A build that failed may be mended from outside (a registry that answers again), so it is tried afresh next time.
    launching.catch(() => this.#launched.delete(packageId));
    await launching;
  }

  /** Builds the package without starting it. @throws BuildError */
  async build(packageId: string): Promise<Build | ExternalBuild> {
    const { packages, directory, buildTimeoutMs } = this.#options;
    const bytes = await packages.bytes(packageId);
    const { metadata, metadataRaw, code } = await readPackage(bytes);
    const external = await this.#external.build(packageId, metadataRaw, () => readArchive(code, CODE_LIMITS));
    if (external !== undefined) return external;
    const builds = join(directory, "builds");
    await mkdir(builds, { recursive: true });
    return buildChaincode(packageId.slice(packageId.lastIndexOf(":") + 1), metadata.type, code, {
      directory: builds,
      shipped: this.#shipped,
      timeoutMs: buildTimeoutMs,
      signal: this.#stop.signal,
    });
  }

  /** Indexes that an external builder released for the package, by the paths they have in one; undefined: it built none. */
  releasedFiles(packageId: string): Promise<readonly ArchiveEntry[] | undefined> {
    return this.#external.releasedFiles(packageId);
  }

  /** The package that a stream with this `:authority` was launched for; undefined when the peer launched none so. */
  packageOf(authority: string | undefined): string | undefined {
    return authority?.startsWith(AUTHORITY_PREFIX) ? this.#authorities.get(fingerprint(authority)) : undefined;
  }

  /** Ends a process that no longer answers, so that it is started again. */
  restart(packageId: string): void {
    this.#options.logger.warn("chaincode is stuck", { packageId });
    this.#launched.get(packageId)?.then(
      (each) => each.kill?.(),
      () => {},
    );
  }

  /** Ends the process or connection of one package. */
  async halt(packageId: string): Promise<void> {
    const launched = this.#launched.get(packageId);
    this.#launched.delete(packageId);
    this.#deaths.delete(packageId);
    for (const [key, id] of this.#authorities) if (id === packageId) this.#authorities.delete(key);
    await launched?.then(
      (each) => each.stop(),
      () => {},
    );
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#launched.keys()].map((packageId) => this.halt(packageId)));
  }

  async #start(packageId: string): Promise<Launched> {
    const build = await this.build(packageId);
    const launched =
      build.kind === "external" ? await this.#startExternal(packageId, build) : await this.#startOwn(packageId, build);
    await launched.start();
    if (this.#stop.signal.aborted) await launched.stop();
    return launched;
  }

  async #startExternal(packageId: string, build: ExternalBuild): Promise<Launched> {
    const connection = await releasedConnection(build);
    if (connection !== undefined) return this.#link(packageId, connection);
    const { external, mspId, directory } = this.#options;
    assert(external !== undefined, "only an external builder makes an external build");
    const run = await prepareRun({
      packageId,
      build,
      peerAddress: external.dialIn.address,
      mspId,
      gate: external.dialIn.gate,
      directory: join(directory, "external"),
    });
    return this.#child(packageId, () => startProcess(run.command), run);
  }

  async #startOwn(packageId: string, build: Build): Promise<Launched> {
    if (build.kind === "service") return this.#link(packageId, build.connection);
    const { execution } = this.#options;
    // Others than fabric-chaincode-node's own start are programs, which need a process.
    if (execution === "process" || build.start.kind !== "shim") return this.#node(packageId, build);
    if (execution === "inside") return this.#inside(packageId, build);
    const { mspId, logLevel, maxMemoryMb } = this.#options;
    const command = workerCommand({ packageId, build, mspId, logLevel, maxMemoryMb, arguments: build.start.args });
    return this.#child(packageId, () => startWorker(command));
  }

  async #node(packageId: string, build: NodeBuild): Promise<Launched> {
    const { directory, mspId, logLevel, maxMemoryMb, listenAddress } = this.#options;
    const authority = `${AUTHORITY_PREFIX}${randomBytes(32).toString("hex")}`;
    this.#authorities.set(fingerprint(authority), packageId);
    const guard = await writeChildGuard(directory);
    const peerAddress = listenAddress();
    const command = nodeCommand({ packageId, build, peerAddress, mspId, logLevel, authority, guard, maxMemoryMb });
    return this.#child(packageId, () => startProcess(command));
  }

  #child(packageId: string, run: () => StartedChild, { terminationMs, release }: Partial<ExternalRun> = {}): Launched {
    const { directory, logger, registry } = this.#options;
    // A process that has answered before and dies is a crash: it is started again, and callers wait for that. One that
    // dies before it ever answered would only die again, and callers are told why.
    let hasAnswered = false;
    const watch = () => {
      hasAnswered = false;
      // However long it takes: nobody waits here.
      registry.whenReady(packageId, Number.POSITIVE_INFINITY).then(
        () => {
          hasAnswered = true;
          this.#deaths.delete(packageId);
        },
        () => {},
      );
    };
    watch();
    const child: ChaincodeChild = new ChaincodeChild({
      packageId,
      run,
      ...(terminationMs === undefined ? {} : { terminationMs }),
      logFile: join(directory, "logs", `${packageId.replace(":", ".")}.log`),
      logger,
      onStream: (stream) => registry.connect(stream, packageId),
      onExit: ({ reason, output }) => {
        if (hasAnswered) {
          watch();
          child.hurry();
          return;
        }
        const lines = output === "" ? "" : `:\n${stripVTControlCharacters(output)}`;
        const death = new ChaincodeError("NOT_RUNNING", `chaincode ${packageId} ${reason}${lines}`);
        this.#deaths.set(packageId, death);
        registry.fail(packageId, death);
        watch();
      },
    });
    if (release === undefined) return child;
    return {
      start: () => child.start(),
      kill: () => child.kill(),
      hurry: () => child.hurry(),
      stop: async () => {
        await child.stop();
        await release();
      },
    };
  }

  #inside(packageId: string, build: NodeBuild): Launched {
    const { mspId, registry, logLevel, logger } = this.#options;
    return new InsideChaincode({ packageId, build, mspId, registry, logLevel, logger });
  }

  #link(packageId: string, connection: unknown): Launched {
    const { registry, logger, mspId } = this.#options;
    try {
      return new ServiceLink(packageId, readConnection(connection, mspId), registry, logger);
    } catch (cause) {
      if (cause instanceof HansaError) throw cause;
      throw new ChaincodeError("NOT_RUNNING", `malformed chaincode info at 'connection.json': ${messageOf(cause)}`, {
        cause,
      });
    }
  }
}

function fingerprint(authority: string): string {
  return createHash("sha256").update(authority).digest("hex");
}
