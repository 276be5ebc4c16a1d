import { rm } from "node:fs/promises";
import type { NodeKind, PlannedNode } from "../plan/plan.js";
import type { NetworkCore } from "./core.js";

/** The nodes of one kind that a member is to have. */
export function planned(network: NetworkCore, mspId: string, kind: NodeKind): PlannedNode[] {
  return network.view.plan.nodes.filter((node) => node.organization.mspId === mspId && node.kind === kind);
}

/** Deletes what nodes kept that are gone, and remembers them no longer. */
export async function discard(network: NetworkCore, ids: readonly string[]): Promise<void> {
  for (const id of ids) await rm(network.layout.node(id), { recursive: true, force: true });
  await network.changeState((state) => ({
    ports: Object.fromEntries(Object.entries(state.ports).filter(([id]) => !ids.includes(id))),
    unfinished: (state.unfinished ?? []).filter((id) => !ids.includes(id)),
    discarded: (state.discarded ?? []).filter((id) => !ids.includes(id)),
  }));
}
