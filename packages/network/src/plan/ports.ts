import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { HansaError } from "@hansa/primitives";
import type { NodePorts, PlannedNode } from "./plan.js";

export type Ports = Readonly<Record<string, NodePorts>>;

/**
 * Where free ports are looked for: below what systems hand out to outgoing connections, so that none of those takes a
 * port between its choice and its use, or while its node restarts.
 */
const FREE_FROM = 20_000;
const FREE_TO = 32_000;
const ATTEMPTS = 200;
/** Nodes of a network whose supervisor has just been killed need a moment to be gone. */
const LEAVING_MS = 5_000;

/**
 * A port for every node: the one its file fixes, else the one it had before, else a free one. All are held open until
 * every one is known, so that no two nodes get the same.
 * @throws HansaError PORT_IN_USE naming the node and the port
 */
export async function choosePorts(nodes: readonly PlannedNode[], before: Ports, host = "127.0.0.1"): Promise<Ports> {
  const held: Server[] = [];
  // A node that is not among these may be down at this moment.
  const taken = new Set(
    Object.values(before).flatMap(({ port, adminPort, operationsPort }) => [port, adminPort, operationsPort]),
  );
  const startedAt = performance.now();
  const take = async (node: PlannedNode, wanted: number | undefined) => {
    for (let attempt = 1; ; attempt++) {
      const port = wanted ?? randomInt(FREE_FROM, FREE_TO);
      if (wanted === undefined && taken.has(port)) continue;
      try {
        held.push(await hold(host, port));
        return port;
      } catch (cause) {
        const leaving = before[node.id] !== undefined && performance.now() - startedAt < LEAVING_MS;
        if (wanted !== undefined && leaving) await sleep(100);
        else if (wanted !== undefined || attempt === ATTEMPTS)
          throw portError(node.id, port, cause as NodeJS.ErrnoException);
      }
    }
  };
  // Nobody was promised this one: where another program has taken it, the node is better off with a new one.
  const takeForOperations = (node: PlannedNode) => {
    const known = before[node.id]?.operationsPort;
    return take(node, known).catch((error: unknown) => {
      if (known === undefined) throw error;
      return take(node, undefined);
    });
  };
  try {
    // Known ports first, so that a free one never happens to be one of them.
    const known = nodes.map((node) => ({
      node,
      port: node.fixedPort ?? before[node.id]?.port,
      adminPort: hasSecondPort(node) ? (node.fixedAdminPort ?? before[node.id]?.adminPort) : undefined,
    }));
    for (const { node, port, adminPort } of known) {
      if (port !== undefined) await take(node, port);
      if (adminPort !== undefined) await take(node, adminPort);
    }
    const ports: Record<string, NodePorts> = {};
    for (const { node, port, adminPort } of known) {
      ports[node.id] = {
        port: port ?? (await take(node, undefined)),
        ...(hasSecondPort(node) ? { adminPort: adminPort ?? (await take(node, undefined)) } : {}),
        ...(node.operations === undefined ? {} : { operationsPort: await takeForOperations(node) }),
      };
    }
    return ports;
  } finally {
    await Promise.all(held.map((server) => new Promise((done) => server.close(done))));
  }
}

/** An orderer's administrators, the other servers of a NATS server, and an authority's network have a door of their own. */
const hasSecondPort = ({ kind }: PlannedNode) => kind !== "peer";

function hold(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}

export function portError(node: string, port: number, cause: NodeJS.ErrnoException): HansaError {
  if (cause.code === "EADDRINUSE")
    return new HansaError("PORT_IN_USE", `Port ${port}, which ${node} needs, is in use by another process.`, {
      cause,
      nextStep: "Stop that process, or give the node another port in the network file.",
    });
  if (cause.code === "EACCES")
    return new HansaError("PORT_IN_USE", `Port ${port}, which ${node} needs, may not be opened by this user.`, {
      cause,
      nextStep: "Give the node a port above 1023 in the network file.",
    });
  return new HansaError("PORT_IN_USE", `Port ${port} for ${node} cannot be opened: ${cause.message}.`, {
    cause,
  });
}
