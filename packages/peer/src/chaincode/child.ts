/**
 * One chaincode process: started, watched, started again when it dies, stopped.
 *
 * What it prints goes to one file per chaincode, which is bounded and set aside when it grows. The end of
 * the output is kept in memory, because that is what explains a contract that does not start.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Duplex } from "node:stream";
import type { ChaincodeConnection, ChaincodeStream } from "@hansa/endorsement/chaincode";
import { type Logger, messageOf } from "@hansa/primitives";
import { framed, MAX_FRAME_BYTES, PIPE_DESCRIPTOR } from "./child-pipe.js";

/** What fabric-shim knows. At "info" it writes a line for each call, which costs a tenth of the call. */
export type ChaincodeLogLevel = "debug" | "info" | "warning" | "error" | "critical";

/** A program and all that its environment holds. */
export type ChildCommand = {
  readonly program: string;
  readonly args: readonly string[];
  /** Its working folder; the peer's own when absent. */
  readonly directory?: string;
  readonly environment: Readonly<Record<string, string>>;
};

export type ChildOptions = {
  readonly packageId: string;
  readonly command: ChildCommand;
  /** How long it may take to end when it is asked to. Default 2 seconds. */
  readonly terminationMs?: number;
  readonly logFile: string;
  readonly logger: Logger;
  /** Takes the stream of a process that speaks over its pipe rather than by gRPC. */
  readonly onStream: (stream: ChaincodeStream) => ChaincodeConnection;
  /** Told at every end, before a restart is due. */
  readonly onExit: (exit: ChildExit) => void;
};

export type ChildExit = { readonly reason: string; readonly output: string; readonly quickDeaths: number };

const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 10_000;
/** A process that lived this long starts afresh with the shortest pause. */
const STABLE_MS = 30_000;
const MAX_HURRIED_DEATHS = 3;
const KEPT_OUTPUT_CHARS = 4_096;
const MAX_LOG_BYTES = 16 * 1024 * 1024;
const TERMINATION_MS = 2_000;

export class ChaincodeChild {
  readonly #options: ChildOptions;
  #child: ChildProcess | undefined;
  #log: WriteStream | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #quickDeaths = 0;

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    this.#log ??= await openLog(this.#options.logFile);
    this.#spawn();
  }

  /** Somebody is waiting: ends the pause before a restart, unless the process keeps dying. */
  hurry(): void {
    if (this.#timer === undefined || this.#quickDeaths > MAX_HURRIED_DEATHS) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#spawn();
  }

  /** Ends a process that is stuck; it is started again as after any other end. */
  kill(): void {
    if (this.#child !== undefined) signal(this.#child, "SIGKILL");
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      await new Promise<void>((resolve) => {
        const force = setTimeout(() => signal(child, "SIGKILL"), this.#options.terminationMs ?? TERMINATION_MS);
        child.once("close", () => {
          clearTimeout(force);
          resolve();
        });
        signal(child, "SIGTERM");
        child.stdin?.destroy();
      });
    }
    await new Promise<void>((resolve) => (this.#log === undefined ? resolve() : this.#log.end(() => resolve())));
  }

  #spawn(): void {
    const startedAt = performance.now();
    let child: ChildProcess;
    try {
      const { program, args, directory, environment } = this.#options.command;
      child = spawn(program, args, {
        ...(directory === undefined ? {} : { cwd: directory }),
        env: environment,
        // The fourth is the chaincode's stream, see child-pipe.ts.
        stdio: ["pipe", "pipe", "pipe", "pipe"],
        detached: true,
      });
    } catch (error) {
      this.#restartLater(`could not be started: ${messageOf(error)}`, "", 0);
      return;
    }
    this.#child = child;
    this.#options.logger.info("chaincode process started", { packageId: this.#options.packageId, pid: child.pid });

    let output = "";
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString("utf8")).slice(-KEPT_OUTPUT_CHARS);
      const log = this.#log;
      if (log !== undefined && log.bytesWritten < MAX_LOG_BYTES) log.write(chunk);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    // Writing is never tried, yet closing the pipe of a dead process reports an error of its own.
    child.stdin?.on("error", () => {});

    const pipe = child.stdio[PIPE_DESCRIPTOR];
    if (pipe) this.#listen(pipe as Duplex);

    let ended = false;
    const end = (reason: string) => {
      if (ended) return;
      ended = true;
      if (this.#child === child) this.#child = undefined;
      this.#restartLater(reason, output.trim(), performance.now() - startedAt);
    };
    child.once("error", (error) => end(`could not be started: ${error.message}`));
    child.once("close", (code, signalName) => end(`exited with ${code ?? signalName}`));
  }

  /** A process that registers by gRPC after all never writes to the pipe. */
  #listen(pipe: Duplex): void {
    let connection: ChaincodeConnection | undefined;
    const send = framed(pipe, MAX_FRAME_BYTES, {
      onMessage: (message) => {
        connection ??= this.#options.onStream({ send, close: () => pipe.destroy() });
        connection.receive(message);
      },
      onEnd: () => connection?.closed(),
    });
  }

  #restartLater(reason: string, output: string, livedMs: number): void {
    if (this.#stopped) return;
    this.#quickDeaths = livedMs >= STABLE_MS ? 0 : this.#quickDeaths + 1;
    const { packageId, logger, onExit } = this.#options;
    const pauseMs =
      this.#quickDeaths === 0
        ? FIRST_BACKOFF_MS
        : Math.min(FIRST_BACKOFF_MS * 2 ** (this.#quickDeaths - 1), LAST_BACKOFF_MS);
    logger.warn("chaincode process ended", { packageId, reason, livedMs: Math.round(livedMs), restartInMs: pauseMs });
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#spawn();
    }, pauseMs);
    onExit({ reason, output, quickDeaths: this.#quickDeaths });
  }
}

/** The whole group, so that what npm or a shell started ends as well. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // It ended by itself in the meantime.
  }
}

async function openLog(path: string): Promise<WriteStream> {
  await mkdir(dirname(path), { recursive: true });
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > MAX_LOG_BYTES / 2) await rename(path, `${path}.1`);
  const stream = createWriteStream(path, { flags: "a" });
  // A full disk must not take the peer down; the chaincode's own output is the lesser loss.
  stream.on("error", () => {});
  return stream;
}
