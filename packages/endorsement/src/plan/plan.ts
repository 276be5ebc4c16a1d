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
import { canFill } from "./fill.js";
import { type CallPolicies, type ChannelView, collectionMembers, definitionOf, policiesOfCall } from "./policies.js";
import type { Principal } from "./principal.js";
import { mergeAll, type PrincipalSet, satisfyingSets, spread } from "./principal-sets.js";

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

type Audience = {
  readonly chaincodes: readonly { readonly name: string; readonly sequence: number }[];
  /** a peer must satisfy one principal of each of these lists, or it may not see the proposal */
  readonly readers: readonly (readonly common.IMSPPrincipal[])[];
};

export type Requirement = Audience & {
  /** any one of these sets is enough */
  readonly principalSets: readonly PrincipalSet[];
};

const LIFECYCLE = "_lifecycle";

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
  const { chaincodes, readers } = audienceOf(channel, interest);
  for (const call of calls) {
    const name = call.name ?? "";
    const applicable = policiesOfCall(channel, name, call.collectionNames ?? []);
    if (applicable.own && !skipsOwn(call, applicable)) demand(applicable.own, "endorsement policy cannot be satisfied");
    for (const policy of applicable.collections) demand(policy, "endorsement policy cannot be satisfied");
  }
  for (const policy of calls.flatMap((call) => call.keyPolicies ?? [])) {
    demand(policy, "state based endorsement policy cannot be satisfied");
  }
  return { chaincodes, readers, principalSets: mergeAll([...policies.values()]) };
}

/** Which chaincodes a peer must have for an interest, and the collections that it must be allowed to read. */
function audienceOf(channel: ChannelView, interest: protos.IChaincodeInterest): Audience {
  const readers: (readonly common.IMSPPrincipal[])[] = [];
  const chaincodes = new Map<string, number>();
  for (const { name: called, collectionNames, noPrivateReads } of interest.chaincodes ?? []) {
    const name = called ?? "";
    chaincodes.set(name, name === LIFECYCLE ? 0 : definitionOf(channel, name).sequence);
    if (noPrivateReads) continue;
    for (const collection of collectionNames ?? []) readers.push(collectionMembers(channel, name, collection));
  }
  return { chaincodes: [...chaincodes].map(([name, sequence]) => ({ name, sequence })), readers };
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
  const trusted = members.filter((member) => mayRead(member, requirement));
  const groups = new Map<string, { id: string; principal: Principal; satisfying: M[] }>();
  for (const principal of requirement.principalSets.flat()) {
    if (groups.has(principal.key)) continue;
    const satisfying = trusted.filter((member) => member.satisfies(principal.principal));
    groups.set(principal.key, { id: `G${groups.size}`, principal, satisfying });
  }
  const byId = new Map([...groups.values()].map((group) => [group.id, group]));
  const possible = requirement.principalSets
    .map((set) => quantities(set, (principal) => groups.get(principal.key)!.id))
    .filter((layout) => canFill(layout, (id) => byId.get(id)!.satisfying));
  if (possible.length === 0) {
    throw new PlanError("PEERS", "no peer combination can satisfy the endorsement policy");
  }
  const ready = trusted.filter((member) => hasAll(member, requirement));
  const endorsers = new Map<string, EndorsementGroup<M>>();
  for (const { id, principal, satisfying } of byId.values()) {
    const peers = satisfying.filter((member) => ready.includes(member));
    if (peers.length === 0 || !possible.some((layout) => layout.has(id))) continue;
    endorsers.set(id, { id, principal: principal.principal, mspIds: [principal.mspId], peers });
  }
  const layouts = possible.filter((layout) => canFill(layout, (id) => endorsers.get(id)?.peers ?? []));
  if (layouts.length === 0) {
    throw new PlanError("PEERS", "required chaincodes are not installed on sufficient peers");
  }
  return { chaincode: requirement.chaincodes[0]?.name ?? "", groups: [...endorsers.values()], layouts };
}

/**
 * Both halves at once, for a query that is asked rarely, as discovery's. A majority of many organisations has thousands
 * of layouts: no more than `maxLayouts` are given, spread evenly over all of them so that no peer is in every one.
 * @throws PlanError with Fabric's text
 */
export function planEndorsement<M extends PlanMember>(
  channel: ChannelView,
  interest: protos.IChaincodeInterest,
  members: readonly M[],
  { maxLayouts = 1_000 }: { maxLayouts?: number } = {},
): EndorsementPlan<M> {
  const plan = planFor(requirementOf(channel, interest), members);
  const { layouts, groups } = plan;
  if (layouts.length <= maxLayouts) return plan;
  const kept = spread(layouts, maxLayouts);
  return { ...plan, layouts: kept, groups: groups.filter(({ id }) => kept.some((layout) => layout.has(id))) };
}

/**
 * The peers that could take part in endorsing an interest, whatever the policies: they have its chaincodes and may read
 * its collections. An empty interest is everybody's.
 * @throws PlanError UNKNOWN_CHAINCODE, UNKNOWN_COLLECTION
 */
export function eligibleMembers<M extends PlanMember>(
  channel: ChannelView,
  interest: protos.IChaincodeInterest,
  members: readonly M[],
): M[] {
  const audience = audienceOf(channel, interest);
  return members.filter((member) => mayRead(member, audience) && hasAll(member, audience));
}

function mayRead(member: PlanMember, { readers }: Audience): boolean {
  return readers.every((principals) => principals.some((principal) => member.satisfies(principal)));
}

function hasAll(member: PlanMember, { chaincodes }: Audience): boolean {
  return chaincodes.every(({ name, sequence }) => name === LIFECYCLE || member.hasChaincode(name, sequence));
}

function quantities(set: PrincipalSet, groupOf: (principal: Principal) => string): Layout {
  const layout = new Map<string, number>();
  for (const principal of set) {
    const id = groupOf(principal);
    layout.set(id, (layout.get(id) ?? 0) + 1);
  }
  return layout;
}
