/** Tells running nodes what is new for them. */
import { setTimeout as pause } from "node:timers/promises";
import { HansaError } from "@hansa/primitives";
import { orderersOf } from "../client/serving-orderer.js";
import type { NodeKeeper } from "./keeper.js";
import type { NetworkParts } from "./network-parts.js";
import { serverSpec } from "./specs.js";

/** How long one of several orderers is waited for; should it hang, the others do without it. */
const ONE_OF_SEVERAL_MS = 5_000;

/**
 * Tells every orderer and peer that is kept what changed for it. One that does not run at the moment is told by its
 * start, and one of several orderers that hangs when it goes on. Returns why nodes do not follow, if some do not.
 */
export async function tellNodes(keeper: NodeKeeper, network: NetworkParts): Promise<unknown[]> {
  const kept = keeper.reports().filter(({ node }) => node.kind === "orderer" || node.kind === "peer");
  const isOneOfSeveral = orderersOf(network).length > 1;
  const outcomes = await Promise.allSettled(
    kept.map(async ({ node: { id, kind } }) => {
      const planned = network.plan.nodes.find((each) => each.id === id);
      if (planned === undefined) return;
      const told = keeper.reconfigure(id, serverSpec(planned, network), { wait: false });
      if (kind !== "orderer" || !isOneOfSeveral) return void (await told);
      const enough = new AbortController();
      const late = pause(ONE_OF_SEVERAL_MS, undefined, { signal: enough.signal }).catch(() => {});
      await Promise.race([told, late]).finally(() => enough.abort());
    }),
  );
  return outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
}

/**
 * Tells the orderers what changed for them. Resolves as soon as one of them serves by it: whoever follows any of them
 * can go on. While none runs it waits for one.
 * @throws HansaError with an orderer's reason when none of them follows
 */
export async function tellAnyOrderer(keeper: NodeKeeper, network: NetworkParts): Promise<void> {
  const tell = (wait: boolean) =>
    Promise.any(
      orderersOf(network).map(async (orderer) => {
        const isServing = await keeper.reconfigure(orderer.id, serverSpec(orderer, network), { wait });
        if (!isServing && !wait) throw NOT_RUNNING;
      }),
    );
  try {
    await tell(false).catch(({ errors }: AggregateError) => {
      const refusal = errors.find((error) => error !== NOT_RUNNING);
      if (refusal !== undefined) throw refusal;
      return tell(true);
    });
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

const NOT_RUNNING = new HansaError("NODE_FAILED", "it does not run");
