/** The first record of a network: who its members are, and by which rules they decide. */
import type { Founded, MemberIdentity } from "@hansa/governance";
import { HansaError } from "@hansa/primitives";
import { encode, msp } from "@hansa/wire";
import type { MemberConfig, NetworkConfig } from "../config/network-config.js";
import { readMspConfig } from "../identity/material.js";
import type { RunningNetwork } from "../membership/running-network.js";
import type { Organization } from "../plan/plan.js";
import type { Authorities } from "./authorities.js";

const FRAMEWORK_VERSION = "2.5";

/**
 * What a network is founded as: every member that it has at its first launch. All authorities are asked for their
 * governance identities at the same time; whoever has none makes it now.
 * @throws CaError, HansaError MISSING_IDENTITY
 */
export async function foundedAct(network: RunningNetwork, authorities: Authorities): Promise<Founded> {
  const config = network.config();
  const { governance } = config;
  const ordering = orderingOrganization(network);
  const [operatorIdentity, operatorMspConfig, ...members] = await Promise.all([
    governanceIdentity(authorities, ordering.mspId),
    mspConfigOf(network, ordering),
    ...config.members.map((member) => memberIdentity(network, authorities, member)),
  ]);
  return {
    kind: "founded",
    networkId: networkIdOf(config),
    name: governance.name ?? config.name,
    ...(governance.description === undefined ? {} : { description: governance.description }),
    frameworkVersion: governance.frameworkVersion ?? FRAMEWORK_VERSION,
    edition: governance.edition,
    policy: governance.policy,
    rules: governance.rules,
    channels: governance.channels,
    operatorIdentity,
    operatorMspConfig,
    members,
  };
}

/** What the strand says of a member, as its authority and its folder have it. */
export async function memberIdentity(
  network: RunningNetwork,
  authorities: Authorities,
  member: MemberConfig,
): Promise<MemberIdentity> {
  const organization = network.view.plan.organizations.find(({ mspId }) => mspId === member.mspId)!;
  const [mspConfig, identity] = await Promise.all([
    mspConfigOf(network, organization),
    governanceIdentity(authorities, member.mspId),
  ]);
  if (member.memberId === undefined)
    throw new HansaError("CORRUPT_STORE", `${network.layout.networkFile} gives member ${member.name} no id.`);
  return {
    memberId: member.memberId,
    name: member.name,
    ...(member.description === undefined ? {} : { description: member.description }),
    accountId: member.account,
    mspId: member.mspId,
    mspConfig,
    governanceIdentity: identity,
  };
}

export function orderingOrganization(network: RunningNetwork): Organization {
  return network.view.plan.organizations.find(({ kind }) => kind === "orderer")!;
}

export function networkIdOf({ networkId, name }: NetworkConfig): string {
  if (networkId !== undefined) return networkId;
  throw new HansaError("CORRUPT_STORE", `Network ${name} has no id.`, {
    nextStep: "Start it again: ids are drawn when a network starts.",
  });
}

function governanceIdentity(authorities: Authorities, mspId: string): Promise<Uint8Array> {
  return authorities.ask(mspId, (ca, registrar) => ca.governanceIdentity(registrar, mspId));
}

async function mspConfigOf(network: RunningNetwork, organization: Organization): Promise<Uint8Array> {
  return encode(msp.MSPConfig, await readMspConfig(network.layout, organization));
}
