import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { findNatsServer } from "@hansa/orderer/nats";
import { HansaError } from "@hansa/primitives";
import { writeFileDurably } from "../plan/state-file.js";
import type { NodeHandle } from "./host.js";
import type { NatsSpec } from "./nats-spec.js";
import { keepBounded, type LogFile } from "./rotated-log.js";

const STARTS_WITHIN_MS = 20_000;
const PROBE_EVERY_MS = 20;

/**
 * Starts a nats-server; resolves when it takes connections. It ends when this process does, however that happens.
 * @throws HansaError NODE_FAILED
 */
export async function startNatsServer(spec: NatsSpec, log: LogFile): Promise<NodeHandle> {
  const program = findNatsServer(process.env.PATH ?? "");
  if (program === undefined)
    throw new HansaError("NODE_FAILED", "This machine has no nats-server, by which orderers share the order.", {
      nextStep: "Install it (apt-get install nats-server), or name servers that you run under ordering: servers.",
    });
  await writeFileDurably(spec.configFile, spec.configText, 0o600);
  mkdirSync(path.dirname(log.file), { recursive: true });
  const output = openSync(log.file, "a");
  let child: ChildProcess;
  try {
    child = spawn(program, ["-c", spec.configFile], { stdio: ["ignore", output, output] });
  } finally {
    closeSync(output);
  }
  const leave = keepBounded(log);
  let reason: string | undefined;
  const ended = new Promise<string>((resolve) => {
    const end = (text: string) => {
      reason ??= text;
      leave();
      guard?.kill("SIGKILL");
      resolve(reason);
    };
    child.once("error", (error) => end(`it could not be started: ${error.message}`));
    child.once("exit", (code, signal) =>
      end(signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`),
    );
  });
  const guard = child.pid === undefined ? undefined : guardOf(child.pid);
  const stop = async (graceMs: number) => {
    if (reason !== undefined) return;
    child.kill(graceMs > 0 ? "SIGTERM" : "SIGKILL");
    const timer = setTimeout(() => child.kill("SIGKILL"), Math.max(graceMs, 1));
    await ended;
    clearTimeout(timer);
  };
  const deadline = performance.now() + STARTS_WITHIN_MS;
  while (reason === undefined && !(await takesConnections(spec.address))) {
    if (performance.now() > deadline) {
      await stop(0);
      break;
    }
    await pause(PROBE_EVERY_MS);
  }
  if (reason !== undefined)
    throw new HansaError("NODE_FAILED", `Node ${spec.id} did not start: ${reason}.`, {
      nextStep: `Read why in ${log.file}`,
    });
  return {
    get pid() {
      return reason === undefined ? child.pid : undefined;
    },
    ended,
    reconfigure: async () => {},
    stop,
  };
}

/** Ends the process when this one ends: the guard's standard input closes then. */
function guardOf(pid: number): ChildProcess {
  const guard = spawn("/bin/sh", ["-c", 'cat >/dev/null; kill -9 "$0" 2>/dev/null', String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  guard.on("error", () => {});
  guard.stdin?.on("error", () => {});
  guard.unref();
  return guard;
}

function takesConnections(address: string): Promise<boolean> {
  const [host, port] = address.split(":");
  return new Promise((resolve) => {
    const socket = connect({ host: host!, port: Number(port) });
    const end = (connected: boolean) => {
      socket.destroy();
      resolve(connected);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
