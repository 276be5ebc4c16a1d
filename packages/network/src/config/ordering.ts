/** How many orderers there may be, by what puts transactions in order. */
import { HansaError } from "@hansa/primitives";
import type { OrderingConfig } from "./network-config.js";

export const MOST_ORDERERS = 9;

/** Unless a network says otherwise. */
export function usualOrderers(engine: OrderingConfig["engine"]): number {
  return engine === "jetstream" ? 3 : 1;
}

/** Whether so many can share the order; an embedded one is kept by one orderer alone. */
export function canShareOrder(engine: OrderingConfig["engine"], orderers: number): boolean {
  return engine === "jetstream" || orderers === 1;
}

/**
 * An ordering with another engine or number of orderers than its file says. Another engine comes with its usual number.
 * @throws HansaError USAGE
 */
export function orderingWith(
  ordering: OrderingConfig,
  wanted: { readonly engine?: OrderingConfig["engine"]; readonly orderers?: number },
): OrderingConfig {
  const { engine = ordering.engine } = wanted;
  const orderers = wanted.orderers ?? (engine === ordering.engine ? ordering.orderers : usualOrderers(engine));
  if (orderers < 1 || orderers > MOST_ORDERERS)
    throw new HansaError("USAGE", `A network has 1 to ${MOST_ORDERERS} orderers, not ${orderers}.`);
  if (!canShareOrder(engine, orderers))
    throw new HansaError("USAGE", `${orderers} orderers cannot share an order that one keeps by itself.`, {
      nextStep: "Add --engine jetstream.",
    });
  return { ...ordering, engine, orderers };
}
