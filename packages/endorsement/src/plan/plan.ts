/**
 * Who must endorse: from what a transaction touches and the peers at hand to groups of equivalent peers, and
 * layouts that say how many of each group are enough.
 *
 * The work has two halves. What the policies ask for depends on the channel's configuration and definitions alone
 * (`requirementOf`), so callers keep it; matching it with peers (`planFor`) is cheap and done each time.
 * Source: hyperledger/fabric, discovery/endorsement/endorsement.go.
 */
import { bytesKey, type MspId } from "@hansa/primitives";
import { common, encode, type protos } from "@hansa/wire";
import { PlanError } from "./error.js";
import { type CallPolicies, type ChannelView, collectionMembers, definitionOf, policiesOfCall } from "./policies.js";
import type { Principal } from "./principal.js";
import { mergeAll, type PrincipalSet, satisfyingSets } from "./principal-sets.js";

/** A peer that could endorse. */
export type PlanMember = {
  readonly mspId: MspId;
  /** whether it has the chaincode of that name ready; `sequence` is that of the committed definition */
  hasChaincode(chaincode: string, sequence: number): boolean;
  satisfies(principal: common.IMSPPrincipal): boolean;
};

export type EndorsementGroup<M> = {
  /** "G0", "G1", …: an alias of the principal that its peers satisfy */
  readonly id: string;
  readonly principal: common.IMSPPrincipal;
  readonly mspIds: readonly MspId[];
  readonly peers: readonly M[];
};

/** Group id → how many of its peers must endorse. */
export type Layout = ReadonlyMap<string, number>;

export type EndorsementPlan<M> = {
  readonly chaincode: string;
  readonly groups: readonly EndorsementGroup<M>[];
  readonly layouts: readonly Layout[];
};

export type Requirement = {
  readonly chaincodes: readonly { readonly name: string; readonly sequence: number }[];
  /** any one of these sets is enough */
  readonly principalSets: readonly PrincipalSet[];
  /** a peer must satisfy one principal of each of these lists, or it may not see the proposal */
  readonly readers: readonly (readonly common.IMSPPrincipal[])[];
};

/**
 * What the policies ask of the endorsers of a transaction.
 * @throws PlanError with Fabric's text
 */
export function requirementOf(channel: ChannelView, interest: protos.IChaincodeInterest): Requirement {
  const calls = interest.chaincodes ?? [];
  const policies = new Map<string, PrincipalSet[]>();
  const demand = (policy: common.ISignaturePolicyEnvelope, unsatisfiable: string) => {
    const key = bytesKey(encode(common.SignaturePolicyEnvelope, policy));
    if (policies.has(key)) return;
    const sets = satisfyingSets(policy);
    if (sets.length === 0) throw new PlanError("POLICY", unsatisfiable);
    policies.set(key, sets);
  };
  const readers: (readonly common.IMSPPrincipal[])[] = [];
  const chaincodes = new Map<string, number>();
  for (const call of calls) {
    const name = call.name ?? "";
    const collections = call.collectionNames ?? [];
    chaincodes.set(name, name === "_lifecycle" ? 0 : definitionOf(channel, name).sequence);
    if (!call.noPrivateReads) {
      for (const collection of collections) readers.push(collectionMembers(channel, name, collection));
    }
    const applicable = policiesOfCall(channel, name, collections);
    if (applicable.own && !skipsOwn(call, applicable)) demand(applicable.own, "endorsement policy cannot be satisfied");
    for (const policy of applicable.collections) demand(policy, "endorsement policy cannot be satisfied");
  }
  for (const policy of calls.flatMap((call) => call.keyPolicies ?? [])) {
    demand(policy, "state based endorsement policy cannot be satisfied");
  }
  return {
    chaincodes: [...chaincodes].map(([name, sequence]) => ({ name, sequence })),
    principalSets: mergeAll([...policies.values()]),
    readers,
  };
}

/** Whether key-level or collection policies stand in for the chaincode's own. */
function skipsOwn(call: protos.IChaincodeCall, applicable: CallPolicies): boolean {
  if (!call.disregardNamespacePolicy) return false;
  if ((call.keyPolicies ?? []).length === 0 && applicable.collections.length === 0) {
    throw new PlanError(
      "POLICY",
      `requested to disregard chaincode ${call.name}'s policy but key and collection policies are missing, either disable DisregardNamespacePolicy or specify at least one key policy or at least one collection policy`,
    );
  }
  return true;
}

/**
 * Groups and layouts that the given peers can fill.
 * @throws PlanError PEERS with Fabric's text when they cannot
 */
export function planFor<M extends PlanMember>(requirement: Requirement, members: readonly M[]): EndorsementPlan<M> {
  const trusted = members.filter((member) =>
    requirement.readers.every((principals) => principals.some((principal) => member.satisfies(principal))),
  );
  const groups = new Map<string, { id: string; principal: Principal; satisfying: M[] }>();
  for (const principal of requirement.principalSets.flat()) {
    if (groups.has(principal.key)) continue;
    const satisfying = trusted.filter((member) => member.satisfies(principal.principal));
    groups.set(principal.key, { id: `G${groups.size}`, principal, satisfying });
  }
  const byId = new Map([...groups.values()].map((group) => [group.id, group]));
  const possible = requirement.principalSets
    .map((set) => quantities(set, (principal) => groups.get(principal.key)!.id))
    .filter((layout) => fits(layout, (id) => byId.get(id)!.satisfying.length));
  if (possible.length === 0) {
    throw new PlanError("PEERS", "no peer combination can satisfy the endorsement policy");
  }
  const ready = trusted.filter((member) => requirement.chaincodes.every((each) => isReady(member, each)));
  const endorsers = new Map<string, EndorsementGroup<M>>();
  for (const { id, principal, satisfying } of byId.values()) {
    const peers = satisfying.filter((member) => ready.includes(member));
    if (peers.length === 0 || !possible.some((layout) => layout.has(id))) continue;
    endorsers.set(id, { id, principal: principal.principal, mspIds: [principal.mspId], peers });
  }
  const layouts = possible.filter((layout) => fits(layout, (id) => endorsers.get(id)?.peers.length ?? 0));
  if (layouts.length === 0) {
    throw new PlanError("PEERS", "required chaincodes are not installed on sufficient peers");
  }
  return { chaincode: requirement.chaincodes[0]?.name ?? "", groups: [...endorsers.values()], layouts };
}

/** Both halves at once: for a query that is asked rarely, as discovery's. */
export function planEndorsement<M extends PlanMember>(
  channel: ChannelView,
  interest: protos.IChaincodeInterest,
  members: readonly M[],
): EndorsementPlan<M> {
  return planFor(requirementOf(channel, interest), members);
}

function isReady(member: PlanMember, chaincode: { name: string; sequence: number }): boolean {
  return chaincode.name === "_lifecycle" || member.hasChaincode(chaincode.name, chaincode.sequence);
}

function quantities(set: PrincipalSet, groupOf: (principal: Principal) => string): Layout {
  const layout = new Map<string, number>();
  for (const principal of set) {
    const id = groupOf(principal);
    layout.set(id, (layout.get(id) ?? 0) + 1);
  }
  return layout;
}

function fits(layout: Layout, available: (group: string) => number): boolean {
  for (const [group, quantity] of layout) if (available(group) < quantity) return false;
  return true;
}
