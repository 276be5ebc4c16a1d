/**
 * One chaincode that runs by itself, in a process or a worker: started, watched, started again when it dies, stopped.
 *
 * What it prints goes to one file per chaincode, see bounded-log.ts. The end of the output is kept in memory, because
 * that is what explains a contract that does not start.
 */
import type { Readable } from "node:stream";
import type { ChaincodeConnection, ChaincodeStream } from "@hansa/endorsement/chaincode";
import { type Logger, messageOf } from "@hansa/primitives";
import { BoundedLog } from "./bounded-log.js";
import type { FrameEvents } from "./child-pipe.js";

/** What fabric-shim knows. At "info" it writes a line for each call, which costs a tenth of the call. */
export type ChaincodeLogLevel = "debug" | "info" | "warning" | "error" | "critical";

/** What was started, in whatever way it runs. */
export interface StartedChild {
  /** Undefined where it is no process. */
  readonly pid: number | undefined;
  readonly outputs: readonly Readable[];
  /** Begins to carry messages. One that registers by gRPC after all never sends any here. */
  carry(events: FrameEvents): { send(message: Uint8Array): void; close(): void };
  /** Asks it to end. */
  terminate(): void;
  /** Ends it. */
  kill(): void;
  /** Resolves once, with how it ended. */
  readonly ended: Promise<string>;
}

export type ChildOptions = {
  readonly packageId: string;
  /** @throws when it cannot be started at all */
  readonly run: () => StartedChild;
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
const TERMINATION_MS = 2_000;
/** How long one whose stream is over may take to end by itself. */
const END_WITHOUT_STREAM_MS = 500;

export class ChaincodeChild {
  readonly #options: ChildOptions;
  #child: StartedChild | undefined;
  #log: BoundedLog | undefined;
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
    this.#log ??= await BoundedLog.open(this.#options.logFile);
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
    this.#child?.kill();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child !== undefined) {
      const force = setTimeout(() => child.kill(), this.#options.terminationMs ?? TERMINATION_MS);
      child.terminate();
      await child.ended;
      clearTimeout(force);
    }
    await this.#log?.close();
    this.#log = undefined;
  }

  #spawn(): void {
    const startedAt = performance.now();
    let child: StartedChild;
    try {
      child = this.#options.run();
    } catch (error) {
      this.#restartLater(`could not be started: ${messageOf(error)}`, "", 0);
      return;
    }
    this.#child = child;
    this.#options.logger.info("chaincode started", { packageId: this.#options.packageId, pid: child.pid });

    let output = "";
    for (const stream of child.outputs)
      stream.on("data", (chunk: Buffer) => {
        // What the log leaves out is not worth looking at either.
        if (this.#log?.write(chunk) === false) return;
        output = (output + chunk.subarray(-KEPT_OUTPUT_CHARS).toString("utf8")).slice(-KEPT_OUTPUT_CHARS);
      });
    this.#listen(child);
    void child.ended.then((reason) => {
      if (this.#child === child) this.#child = undefined;
      this.#restartLater(reason, output.trim(), performance.now() - startedAt);
    });
  }

  #listen(child: StartedChild): void {
    let connection: ChaincodeConnection | undefined;
    const { send, close } = child.carry({
      onMessage: (message) => {
        connection ??= this.#options.onStream({ send, close });
        connection.receive(message);
      },
      onEnd: (reason) => {
        connection?.closed(reason);
        // Without its stream it is of no use, and timers of its own could keep it up for ever.
        if (connection !== undefined) setTimeout(() => child.kill(), END_WITHOUT_STREAM_MS).unref();
      },
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
    logger.warn("chaincode ended", { packageId, reason, livedMs: Math.round(livedMs), restartInMs: pauseMs });
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#spawn();
    }, pauseMs);
    onExit({ reason, output, quickDeaths: this.#quickDeaths });
  }
}
