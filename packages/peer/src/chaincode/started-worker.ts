/**
 * A Node contract in a thread of the peer's process: the same fabric-shim, started as in a process of its own. Its
 * messages are posted between the threads; there is no gRPC and no socket between.
 *
 * The thread can be ended whatever it is doing, and its JavaScript heap is bounded. It is not a fence: what it allocates
 * outside that heap, in buffers, is the peer's memory too, and it may open whatever files the peer may open. So it is for
 * contracts that one trusts not to do harm on purpose.
 */
import { EventEmitter } from "node:events";
import { Worker } from "node:worker_threads";
import type { StartedChild } from "./child.js";
import { framed, MAX_FRAME_BYTES, type MessagePipe, registerBy } from "./child-pipe.js";
import { SHORTCUTS_SOURCE } from "./shim-shortcuts.js";

export type WorkerCommand = {
  /** fabric-shim's command line tool. */
  readonly program: string;
  readonly args: readonly string[];
  /** What the contract sees as its working folder. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Of its JavaScript heap. */
  readonly maxHeapMb: number;
};

/** Megabytes: three times the semi-space that contract processes have. */
const YOUNG_GENERATION_MB = 12;

type Port = {
  postMessage(bytes: Uint8Array, transferred: ArrayBuffer[]): void;
  on(event: "message", listener: (bytes: Uint8Array) => void): unknown;
  close?(): void;
};

/** A port between threads as the pipe that frames are written to. Travels to the worker as text, so it stands alone. */
function portAsPipe(port: Port, emitter: EventEmitter): MessagePipe {
  port.on("message", (bytes: Uint8Array) =>
    emitter.emit("data", Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)),
  );
  return Object.assign(emitter, {
    // A copy of its own: posted bytes take the whole memory with them that they are a part of.
    write(bytes: Uint8Array) {
      const own = new Uint8Array(bytes);
      port.postMessage(own, [own.buffer]);
    },
    destroy: () => port.close?.(),
    end: () => port.close?.(),
  });
}

const SOURCE = `"use strict";
const { parentPort, workerData } = require("node:worker_threads");
const { EventEmitter } = require("node:events");
process.argv = [process.execPath, workerData.program, ...workerData.args];
process.cwd = () => workerData.directory;
${SHORTCUTS_SOURCE}
const framed = ${framed};
const registerBy = ${registerBy};
const portAsPipe = ${portAsPipe};
shortcuts["@hyperledger/fabric-protos"] = (protos) =>
  registerBy(protos, () => portAsPipe(parentPort, new EventEmitter()), ${MAX_FRAME_BYTES}, framed);
Module.createRequire(workerData.program)(workerData.program);
`;

export function startWorker({ program, args, directory, environment, maxHeapMb }: WorkerCommand): StartedChild {
  const worker = new Worker(SOURCE, {
    eval: true,
    workerData: { program, args, directory },
    env: environment,
    execArgv: [],
    stdin: true,
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
  let failure: string | undefined;
  worker.on("error", (error: NodeJS.ErrnoException) => {
    failure =
      error.code === "ERR_WORKER_OUT_OF_MEMORY"
        ? `was ended: its heap grew above ${maxHeapMb} MB`
        : `ended with ${error.stack ?? error.message}`;
  });
  const ended = new Promise<string>((resolve) => {
    worker.once("exit", (code) => resolve(failure ?? `exited with ${code}`));
  });
  const end = () => void worker.terminate();
  return {
    pid: undefined,
    outputs: [worker.stdout, worker.stderr],
    carry(events) {
      const pipe = portAsPipe(worker, new EventEmitter());
      void ended.then(() => (pipe as unknown as EventEmitter).emit("end"));
      return { send: framed(pipe, MAX_FRAME_BYTES, events), close: end };
    },
    terminate: end,
    kill: end,
    ended,
  };
}
