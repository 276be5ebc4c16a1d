import { rm } from "node:fs/promises";
import { HansaError } from "@hansa/primitives";
import type { MemberConfig } from "../config/network-config.js";
import { noteAdministrator, registerWaiting, startAuthority } from "../launch/authority.js";
import { authoritySpec } from "../nodes/specs.js";
import { choosePorts } from "../plan/ports.js";
import type { NetworkCore, NewMember } from "./core.js";
import { discard, planned } from "./nodes.js";

/** See RunningNetwork.addMember. */
export async function addMember(network: NetworkCore, member: NewMember): Promise<void> {
  const { layout, keeper, view } = network;
  if (!isKnown(network, member)) {
    refuseTaken(network, member);
    const { admin: _, ...known } = member;
    const config: MemberConfig = { ...known, caPort: undefined, peers: [] };
    await network.change(({ members }) => ({ members: [...members, config] }));
  }
  const organization = view.plan.organizations.find(({ mspId }) => mspId === member.mspId)!;
  const authority = planned(network, member.mspId, "ca")[0]!;
  const isEnrolled = network.state().enrolled.includes(member.mspId);
  if (isEnrolled && keeper.has(authority.id)) {
    if (member.admin === undefined) return;
    await noteAdministrator(layout, authority.id, member.admin);
    return registerWaiting(layout, authoritySpec(organization, view.plan, layout, view.state.ports));
  }
  keeper.prepare(authority);
  if (view.state.ports[authority.id] === undefined) {
    const ports = await choosePorts([authority], view.state.ports);
    await network.changeState((state) => ({ ports: { ...state.ports, ...ports } }));
  }
  if (member.admin !== undefined) await noteAdministrator(layout, authority.id, member.admin);
  // One that is not complete is begun anew, and an authority that an attempt left running with it.
  if (!isEnrolled) await keeper.remove([authority.id], 0);
  const parts = { layout, keeper, plan: view.plan, ports: view.state.ports };
  await startAuthority(organization, parts, view.state);
  await network.changeState((state) => ({ enrolled: [...new Set([...state.enrolled, member.mspId])] }));
  await network.tellNodes();
}

/** See RunningNetwork.removeMember. */
export async function removeMember(network: NetworkCore, mspId: string, wipe: boolean): Promise<void> {
  const { keeper, view, layout } = network;
  const member = network.config().members.find((each) => each.mspId === mspId);
  if (member === undefined) return;
  const nodes = view.plan.nodes.filter((node) => node.organization.mspId === mspId);
  const ids = nodes.map(({ id }) => id);
  if (wipe) await network.changeState((state) => ({ discarded: [...(state.discarded ?? []), ...ids] }));
  await network.change((config) => ({
    members: config.members.filter((each) => each.mspId !== mspId),
    channels: config.channels.map((channel) => ({
      ...channel,
      members: channel.members.filter((name) => name !== member.name),
    })),
  }));
  await network.changeState((state) => ({ enrolled: state.enrolled.filter((each) => each !== mspId) }));
  await network.tellNodes();
  await keeper.remove(ids, STOP_GRACE_MS);
  if (wipe) await discard(network, ids);
  for (const { id } of nodes.filter(({ kind }) => kind === "ca"))
    await rm(`${layout.node(id)}.administrator`, { force: true });
}

const STOP_GRACE_MS = 5_000;

function isKnown(network: NetworkCore, { memberId, mspId }: NewMember): boolean {
  return network.config().members.some((each) => each.memberId === memberId && each.mspId === mspId);
}

/** @throws HansaError USAGE */
function refuseTaken(network: NetworkCore, { name, mspId, domain, memberId }: NewMember): void {
  const { members, orderer } = network.config();
  const others = [{ name: "Orderer", memberId: undefined, ...orderer }, ...members];
  for (const other of others) {
    const taken =
      other.memberId === memberId
        ? `the id ${memberId}`
        : other.name.toLowerCase() === name.toLowerCase()
          ? `the name ${name}`
          : other.mspId === mspId
            ? `the MSP id ${mspId}`
            : other.domain === domain
              ? `the domain ${domain}`
              : undefined;
    if (taken === undefined) continue;
    throw new HansaError("USAGE", `Network ${network.config().name} has ${taken} already, for ${other.name}.`, {
      nextStep: "Give the new member another one.",
    });
  }
}
