import { existsSync } from "node:fs";
import { HansaError } from "@hansa/primitives";
import type { DeployRequest } from "../deploy/deployment.js";
import { committedSequence } from "../deploy/lifecycle.js";
import type { DevelopmentEvent } from "../develop/events.js";
import { developContract } from "../develop/session.js";
import type { NetworkView } from "./network-view.js";

export type DevelopRequest = DeployRequest & {
  /** The debugger's port; undefined for none, 0 for any. */
  readonly inspectPort?: number;
  /** Environment of the contract's processes; this process's unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly onEvent: (event: DevelopmentEvent) => void;
  readonly report?: (step: string) => void;
  /** Ends it: calls go to the deployed package again. */
  readonly signal: AbortSignal;
};

/**
 * Runs a contract from its folder in place of its package, at all peers of a channel, and anew at each change. Where
 * the channel has no contract by that name yet, it is deployed first; otherwise nothing of its definition changes.
 * Resolves when the signal aborts and the package has the contract back.
 * @throws HansaError CONTRACT_NOT_FOUND, CONTRACT_BUILD, CONTRACT_NOT_RUNNING, NODE_UNREACHABLE, PORT_IN_USE, …
 */
export async function develop(view: NetworkView, request: DevelopRequest): Promise<void> {
  const { onEvent, signal, inspectPort, env = process.env, report = () => {}, ...deployment } = request;
  const channel = view.channel(request.channel);
  const organizations = (await view.deployingOrgs(channel)).filter(({ peers }) => peers.length > 0);
  const [first] = organizations;
  if (first === undefined)
    throw new HansaError("UNKNOWN_NODE", `No member of channel ${channel.name} has a peer to run a contract on.`, {
      nextStep: "Give one a peer with: hansa node create",
    });
  if ((await committedSequence(channel.name, request.name, first)) === 0) {
    report(`deploying ${request.name} for the first time`);
    await view.deploy(deployment, report);
  }
  await developContract({
    root: request.path,
    channel: channel.name,
    contract: request.name,
    peers: organizations.flatMap(({ peers }) =>
      peers.map(({ name }) => ({ id: name, dataFolder: view.layout.node(name) })),
    ),
    inspectPort,
    env,
    onEvent,
    report,
    isNetworkUp: () => existsSync(view.layout.supervisorFile),
    signal,
  });
}
