import { chmodSync, existsSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { Logger } from "@hansa/primitives";
import { type Handlers, RpcServer } from "@hansa/transport";
import { encode, hansa, services, toLong } from "@hansa/wire";
import type { RunningNetwork } from "../membership/running-network.js";
import { operationsUrl } from "../plan/plan.js";
import { writeFileDurably } from "../plan/state-file.js";
import { changeHandlers } from "./change-handlers.js";

/** Unix sockets have short paths on every system. */
const LONGEST_SOCKET_PATH = 100;

export type Controls = {
  readonly startedAtMs: number;
  /** Stops all nodes. */
  stop(): Promise<void>;
  /** Called after the answer to Stop is on its way. */
  exit(): void;
};

/** What supervisor.json holds: how to reach the supervisor of a running network. */
export type SupervisorRecord = { readonly pid: number; readonly socket: string };

/** Serves Control and Operation on a socket that only the owner may open. Returns what closes it. */
export async function serveControl(
  network: RunningNetwork,
  controls: Controls,
  logger: Logger,
  operation: Handlers<typeof services.Operation> = {},
): Promise<() => Promise<void>> {
  const { layout } = network;
  const wanted = path.join(layout.root, "control.sock");
  const socket =
    wanted.length <= LONGEST_SOCKET_PATH
      ? wanted
      : path.join(await mkdtemp(path.join(os.tmpdir(), "hansa-")), "control.sock");
  if (existsSync(socket)) unlinkSync(socket);
  const server = new RpcServer({ logger });
  server.addService(services.Control, {
    ...changeHandlers(network),
    Status: () => encode(hansa.control.StatusResponse, status(network, controls.startedAtMs)),
    Stop: async () => {
      await controls.stop();
      setImmediate(() => controls.exit());
      return encode(hansa.control.StopResponse, {});
    },
  });
  server.addService(services.Operation, operation);
  // Closed to others from its first moment, not only once it has been made.
  const umask = process.umask(0o077);
  try {
    await server.listen(`unix:${socket}`);
  } finally {
    process.umask(umask);
  }
  chmodSync(socket, 0o600);
  const record: SupervisorRecord = { pid: process.pid, socket };
  await writeFileDurably(layout.supervisorFile, `${JSON.stringify(record)}\n`, 0o600);
  return async () => {
    await server.stop({ graceMs: 500 });
    for (const file of [socket, layout.supervisorFile]) if (existsSync(file)) unlinkSync(file);
    if (socket !== wanted) rmdirSync(path.dirname(socket));
  };
}

/** A peer keeps evidence of a fork there until an operator moves it away; so it is seen whether the peer runs or not. */
function alarmsOf(dataFolder: string): string[] {
  const folder = path.join(dataFolder, "evidence");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => path.join(folder, name));
}

function status(network: RunningNetwork, startedAtMs: number): hansa.control.IStatusResponse {
  const { layout } = network;
  const { ports } = network.state();
  return {
    network: network.config().name,
    supervisorPid: process.pid,
    startedAtMs: toLong(startedAtMs),
    nodes: network.reports().map(({ node, state, pid, restarts, startedAtMs, lastFailure }) => {
      const at = ports[node.id];
      return {
        id: node.id,
        kind: node.kind,
        organization: node.organization.name,
        state,
        pid: pid ?? 0,
        address: at === undefined ? "" : `127.0.0.1:${at.port}`,
        adminAddress: at?.adminPort === undefined ? "" : `127.0.0.1:${at.adminPort}`,
        restarts,
        startedAtMs: toLong(startedAtMs),
        lastFailure: lastFailure ?? "",
        alarms: alarmsOf(layout.node(node.id)),
        operationsUrl: operationsUrl(node, at) ?? "",
      };
    }),
  };
}
