import { chmodSync, existsSync, rmdirSync, unlinkSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { Logger } from "@hansa/primitives";
import { RpcServer } from "@hansa/transport";
import { encode, hansa, services, toLong } from "@hansa/wire";
import type { NodeReport } from "../nodes/keeper.js";
import type { Layout } from "../plan/layout.js";
import type { Ports } from "../plan/ports.js";
import { writeFileDurably } from "../plan/state-file.js";

/** Unix sockets have short paths on every system. */
const LONGEST_SOCKET_PATH = 100;

export type Controlled = {
  readonly network: string;
  readonly ports: Ports;
  readonly startedAtMs: number;
  reports(): readonly NodeReport[];
  /** Stops all nodes. */
  stop(): Promise<void>;
  /** Called after the answer to Stop is on its way. */
  exit(): void;
};

/** What supervisor.json holds: how to reach the supervisor of a running network. */
export type SupervisorRecord = { readonly pid: number; readonly socket: string };

/** Serves Control on a socket that only the owner may open. Returns what closes it. */
export async function serveControl(
  layout: Layout,
  controlled: Controlled,
  logger: Logger,
): Promise<() => Promise<void>> {
  const wanted = path.join(layout.root, "control.sock");
  const socket =
    wanted.length <= LONGEST_SOCKET_PATH
      ? wanted
      : path.join(await mkdtemp(path.join(os.tmpdir(), "hansa-")), "control.sock");
  if (existsSync(socket)) unlinkSync(socket);
  const server = new RpcServer({ logger });
  server.addService(services.Control, {
    Status: () => encode(hansa.control.StatusResponse, status(controlled)),
    Stop: async () => {
      await controlled.stop();
      setImmediate(() => controlled.exit());
      return encode(hansa.control.StopResponse, {});
    },
  });
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

function status(controlled: Controlled): hansa.control.IStatusResponse {
  return {
    network: controlled.network,
    supervisorPid: process.pid,
    startedAtMs: toLong(controlled.startedAtMs),
    nodes: controlled.reports().map(({ node, state, pid, restarts, startedAtMs, lastFailure }) => {
      const ports = controlled.ports[node.id];
      return {
        id: node.id,
        kind: node.kind,
        organization: node.organization.name,
        state,
        pid: pid ?? 0,
        address: ports === undefined ? "" : `127.0.0.1:${ports.port}`,
        adminAddress: ports?.adminPort === undefined ? "" : `127.0.0.1:${ports.adminPort}`,
        restarts,
        startedAtMs: toLong(startedAtMs),
        lastFailure: lastFailure ?? "",
      };
    }),
  };
}
