import { servingOrderer } from "../client/serving-orderer.js";
import { bringContracts } from "../deploy/bring-contracts.js";
import { readIdentity, userFiles } from "../identity/material.js";
import type { PlannedNode } from "../plan/plan.js";
import { readState } from "../plan/state-file.js";
import type { NetworkCore } from "./core.js";

/** Installs what was deployed on the channels of a peer, and has its member approve it: one peer after the other. */
export function bringContractsTo(network: NetworkCore, node: PlannedNode, caughtUp?: Promise<void>): Promise<void> {
  return network.inTurn(`contracts of ${node.organization.mspId}`, () => bringContractsAlone(network, node, caughtUp));
}

async function bringContractsAlone(network: NetworkCore, node: PlannedNode, caughtUp?: Promise<void>): Promise<void> {
  const { view, layout } = network;
  // The hansa command deploys contracts without asking this process.
  const { contracts } = (await readState(layout)) ?? view.state;
  const channels = view.config.channels.filter(({ members }) => members.includes(node.organization.name));
  const deployed = contracts.filter(({ channel }) => channels.some(({ name }) => name === channel));
  if (deployed.length === 0) return;
  const { organization } = node;
  const orderer = await servingOrderer(view);
  await bringContracts({
    peer: view.target(node),
    orderer: view.target(orderer),
    admin: await readIdentity(organization.mspId, userFiles(layout, organization, "Admin")),
    contracts: deployed.map((contract) => ({ ...contract, file: layout.package(contract.packageId) })),
    logger: network.logger,
    ...(caughtUp === undefined ? {} : { caughtUp }),
  });
}
