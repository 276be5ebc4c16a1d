/**
 * Which orderer to ask. Where orderers share the order of everything, any of them does; the first that answers is
 * taken, so that what administers a network goes on while one of them is down or hangs.
 */
import { connect } from "node:tls";
import type { PlannedNode } from "../plan/plan.js";

/** The nodes and ports of a network. */
export type OrdererPlaces = {
  readonly plan: { readonly nodes: readonly PlannedNode[] };
  readonly state: { readonly ports: Readonly<Record<string, { readonly port: number } | undefined>> };
};

const ANSWER_WITHIN_MS = 1_000;

export function orderersOf({ plan }: Pick<OrdererPlaces, "plan">): PlannedNode[] {
  return plan.nodes.filter(({ kind }) => kind === "orderer");
}

/**
 * The first of the orderers that is up; the first of all when none is, for its error to be told.
 * @param orderers the network's unless given
 */
export async function servingOrderer(
  network: OrdererPlaces,
  orderers: readonly PlannedNode[] = orderersOf(network),
): Promise<PlannedNode> {
  const [first, ...others] = orderers;
  if (others.length === 0 || (await answers(network, first!))) return first!;
  for (const other of others) if (await answers(network, other)) return other;
  return first!;
}

/** Whether it shakes hands: the kernel takes connections for a process that hangs. Who it is, a later call checks. */
function answers({ state }: OrdererPlaces, { id, host }: PlannedNode): Promise<boolean> {
  const port = state.ports[id]?.port;
  if (port === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, servername: host, rejectUnauthorized: false });
    const settle = (isUp: boolean) => {
      socket.destroy();
      resolve(isUp);
    };
    socket.setTimeout(ANSWER_WITHIN_MS, () => settle(false));
    socket.once("secureConnect", () => settle(true));
    socket.on("error", () => settle(false));
  });
}
