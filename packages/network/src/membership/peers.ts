import { rm } from "node:fs/promises";
import { HansaError, messageOf } from "@hansa/primitives";
import { enrolNodes } from "../identity/enrol.js";
import { writeNodes } from "../identity/material.js";
import { authoritySpec, serverSpec } from "../nodes/specs.js";
import { drawId } from "../plan/ids.js";
import type { PlannedNode } from "../plan/plan.js";
import { choosePorts } from "../plan/ports.js";
import { adoptChannels } from "./adopted-channels.js";
import { caughtUp } from "./caught-up.js";
import { bringContractsTo } from "./contracts.js";
import type { NetworkCore, NewPeer } from "./core.js";
import { discard, planned } from "./nodes.js";

const STOP_GRACE_MS = 5_000;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** See RunningNetwork.addPeer. */
export async function addPeer(network: NetworkCore, peer: NewPeer): Promise<void> {
  const { keeper, view, layout } = network;
  const member = requireMember(network, peer.mspId);
  const label = labelOf(peer.peerName);
  if (!member.peers.some(({ name }) => name === label)) {
    const nodeId = /^nd-/i.test(peer.peerName) ? peer.peerName : drawId("nd");
    const added = {
      name: label,
      nodeId,
      port: undefined,
      ...(peer.extraHosts === undefined ? {} : { extraHosts: peer.extraHosts }),
    };
    await network.changeState((state) => ({
      unfinished: [...(state.unfinished ?? []), idOf(network, peer.mspId, label)],
    }));
    await network.change(({ members }) => ({
      members: members.map((each) => (each.mspId === peer.mspId ? { ...each, peers: [...each.peers, added] } : each)),
    }));
  }
  const node = peerNode(network, peer.mspId, label)!;
  if (!isUnfinished(network, node)) return;
  if (!keeper.has(node.id)) {
    keeper.prepare(node);
    if (view.state.ports[node.id] === undefined) {
      const ports = await choosePorts([node], view.state.ports);
      await network.changeState((state) => ({ ports: { ...state.ports, ...ports } }));
    }
    const spec = authoritySpec(node.organization, view.plan, layout, view.state.ports);
    await Promise.all([
      enrolNodes(spec, [node]).then((enrolled) => writeNodes(layout, node.organization, [node], enrolled)),
      network.inTurn("channels", () => adoptChannels(network)),
    ]);
    await keeper.start(node, serverSpec(node, view));
  }
  await finishPeer(network, node);
}

/** See RunningNetwork.removePeer. */
export async function removePeer(
  network: NetworkCore,
  { mspId, peerName }: Pick<NewPeer, "mspId" | "peerName">,
): Promise<void> {
  const { keeper, layout } = network;
  const label = labelOf(peerName);
  const node = peerNode(network, mspId, label);
  if (node === undefined) return;
  await network.changeState((state) => ({ discarded: [...(state.discarded ?? []), node.id] }));
  await network.change(({ members }) => ({
    members: members.map((member) =>
      member.mspId === mspId ? { ...member, peers: member.peers.filter(({ name }) => name !== label) } : member,
    ),
  }));
  await network.tellNodes();
  await keeper.remove([node.id], STOP_GRACE_MS);
  await discard(network, [node.id]);
  const { kind, domain } = node.organization;
  await rm(layout.nodeIdentity(kind, domain, node.host), { recursive: true, force: true });
}

/** Finishes the peers that an earlier start began; what cannot be is tried again by the next start. */
export async function finishPeers(network: NetworkCore): Promise<void> {
  await network.inTurn("channels", () => adoptChannels(network));
  const begun = network.view.plan.nodes.filter((node) => isUnfinished(network, node));
  for (const node of begun) {
    try {
      await finishPeer(network, node);
    } catch (error) {
      network.logger.warn("peer cannot be finished", { node: node.id, reason: messageOf(error) });
    }
  }
}

/** Gives a running peer its channels and contracts, then tells the others of it. */
async function finishPeer(network: NetworkCore, node: PlannedNode): Promise<void> {
  await network.keeper.reconfigure(node.id, serverSpec(node, network.view));
  const ready = caughtUp(network, node);
  await Promise.all([ready, bringContractsTo(network, node, ready)]);
  await network.changeState((state) => ({ unfinished: (state.unfinished ?? []).filter((id) => id !== node.id) }));
  await network.tellNodes();
}

function isUnfinished(network: NetworkCore, { id }: PlannedNode): boolean {
  return network.state().unfinished?.includes(id) === true;
}

function peerNode(network: NetworkCore, mspId: string, label: string): PlannedNode | undefined {
  return planned(network, mspId, "peer").find(({ host }) => host.startsWith(`${label}.`));
}

/** The id that a peer will have when it is planned: that of the member's authority, with another beginning. */
function idOf(network: NetworkCore, mspId: string, label: string): string {
  const [authority] = planned(network, mspId, "ca");
  return authority!.id.replace(/^ca\./, `${label}.`);
}

/** @throws HansaError USAGE */
function labelOf(peerName: string): string {
  const label = peerName.toLowerCase();
  if (LABEL.test(label) && label !== "ca") return label;
  throw new HansaError("USAGE", `"${peerName}" cannot be a peer's name.`, {
    nextStep: "Use letters, digits and hyphens, such as peer1.",
  });
}

function requireMember(network: NetworkCore, mspId: string) {
  const { name, members } = network.config();
  const member = members.find((each) => each.mspId === mspId);
  if (member !== undefined && network.state().enrolled.includes(mspId)) return member;
  throw new HansaError("UNKNOWN_MEMBER", `Network ${name} has no member with the MSP id ${mspId}.`, {
    nextStep: `Its members: ${members.map((each) => each.mspId).join(", ") || "none"}.`,
  });
}
