import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { HansaError } from "@hansa/primitives";
import { RpcClient, RpcStatus } from "@hansa/transport";
import { decode, encode, hansa, services, toNumber } from "@hansa/wire";
import { isAlive } from "../nodes/alive.js";
import type { Layout } from "../plan/layout.js";
import type { SupervisorRecord } from "./control-server.js";

export type NodeStatus = {
  readonly id: string;
  readonly kind: string;
  readonly organization: string;
  readonly state: string;
  readonly pid: number | undefined;
  readonly address: string;
  readonly adminAddress: string | undefined;
  readonly restarts: number;
  readonly startedAtMs: number;
  readonly lastFailure: string | undefined;
};

export type NetworkStatus = {
  readonly network: string;
  readonly supervisorPid: number;
  readonly startedAtMs: number;
  readonly nodes: readonly NodeStatus[];
};

const STATUS_TIMEOUT_MS = 5_000;
const STOP_TIMEOUT_MS = 60_000;

/** Undefined when no supervisor runs for this data folder, whatever files an earlier one left behind. */
export async function findSupervisor(layout: Layout): Promise<SupervisorRecord | undefined> {
  const text = await readFile(layout.supervisorFile, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as SupervisorRecord;
    // A process id alone says little: after a crash it may be another process's, or that of one already dead.
    return isAlive(record.pid) && (await isListening(record.socket)) ? record : undefined;
  } catch {
    return undefined;
  }
}

export async function askStatus(supervisor: SupervisorRecord): Promise<NetworkStatus> {
  const bytes = await call(supervisor, "Status", encode(hansa.control.StatusRequest, {}), STATUS_TIMEOUT_MS);
  const answer = decode(hansa.control.StatusResponse, bytes, "hansa.control.StatusResponse");
  return {
    network: answer.network,
    supervisorPid: answer.supervisorPid,
    startedAtMs: toNumber(answer.startedAtMs),
    nodes: answer.nodes.map((node) => ({
      id: node.id ?? "",
      kind: node.kind ?? "",
      organization: node.organization ?? "",
      state: node.state ?? "",
      pid: node.pid === 0 ? undefined : (node.pid ?? undefined),
      address: node.address ?? "",
      adminAddress: node.adminAddress === "" ? undefined : (node.adminAddress ?? undefined),
      restarts: node.restarts ?? 0,
      startedAtMs: toNumber(node.startedAtMs),
      lastFailure: node.lastFailure === "" ? undefined : (node.lastFailure ?? undefined),
    })),
  };
}

/** Stops the network and waits until its supervisor is gone. */
export async function askStop(supervisor: SupervisorRecord): Promise<void> {
  await call(supervisor, "Stop", encode(hansa.control.StopRequest, {}), STOP_TIMEOUT_MS);
  for (let waitedMs = 0; isAlive(supervisor.pid) && waitedMs < 10_000; waitedMs += 20)
    await new Promise((done) => setTimeout(done, 20));
}

async function call(
  { pid, socket }: SupervisorRecord,
  method: "Status" | "Stop",
  request: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array> {
  const client = new RpcClient(`unix:${socket}`);
  try {
    return await client.unary(services.Control.methods[method], request, { timeoutMs });
  } catch (cause) {
    if (!(cause instanceof RpcStatus)) throw cause;
    throw new HansaError(
      "SUPERVISOR_UNREACHABLE",
      `The network's supervisor, process ${pid}, does not answer: ${cause.message}.`,
      {
        cause,
        nextStep: `End that process and start the network again: its data is kept.`,
      },
    );
  } finally {
    client.close();
  }
}

/** Whether somebody accepts connections there; one that hangs still does. */
function isListening(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    const answer = (listening: boolean) => {
      connection.destroy();
      resolve(listening);
    };
    connection.once("connect", () => answer(true));
    connection.once("error", ({ code }: NodeJS.ErrnoException) => answer(code !== "ENOENT" && code !== "ECONNREFUSED"));
  });
}
