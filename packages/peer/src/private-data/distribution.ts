/**
 * Who gets which private write sets of one simulation.
 *
 * For each collection, in this order: one peer of each member organisation, then the others, each by chance. The first
 * `maximumPeerCount` are sent the set. Where fewer than `requiredPeerCount` of them confirm, the next ones are tried:
 * Fabric's gossip leaves out peers that are down, here that shows only when they are asked.
 * Source: hyperledger/fabric, gossip/privdata/distributor.go; texts alike.
 */
import type { PrivateWrites } from "@hansa/endorsement/chaincode";
import { mspIdOfImplicitCollection } from "@hansa/endorsement/lifecycle";
import { HansaError, NO_BYTES } from "@hansa/primitives";
import { common, decode, encode, msp, rwset } from "@hansa/wire";

type CollectionSet = rwset.CollectionPvtReadWriteSet.$Properties;

/** One collection's private writes on their way. */
export type Consignment<P> = {
  readonly chaincode: string;
  readonly collection: string;
  readonly set: CollectionSet;
  /** How many peers must have confirmed before the endorsement may leave. */
  readonly required: number;
  /** Who is sent the set. */
  readonly first: readonly P[];
  /** Who is tried where too few of them confirm. */
  readonly rest: readonly P[];
};

/**
 * Of organisations' implicit collections.
 * Source: hyperledger/fabric, sampleconfig/core.yaml (implicitCollectionDisseminationPolicy).
 */
const IMPLICIT_COUNTS = { requiredPeerCount: 0, maximumPeerCount: 1 };

export type PlanOptions = {
  /** A whole number from 0 up to and without its argument. */
  readonly pick: (below: number) => number;
  /** Whether the peer that simulated keeps a collection's data itself. */
  readonly isHeld: (chaincode: string, collection: string) => boolean;
};

/** @throws HansaError TOO_FEW_PEERS when more peers are required than there are */
export function planDistribution<P extends { readonly mspId: string }>(
  { writes, collections }: Pick<PrivateWrites, "writes" | "collections">,
  peers: readonly P[],
  { pick, isHeld }: PlanOptions,
): Consignment<P>[] {
  return (writes.nsPvtRwset ?? []).flatMap(({ namespace, collectionPvtRwset }) =>
    (collectionPvtRwset ?? []).map((set): Consignment<P> => {
      const chaincode = namespace ?? "";
      const collection = set.collectionName ?? "";
      const config = collections.get(chaincode)?.find(({ name }) => name === collection);
      const members = memberIds(config?.memberOrgsPolicy?.signaturePolicy?.identities ?? []);
      const eligible = peers.filter(({ mspId }) => members.has(mspId));
      const counts = mspIdOfImplicitCollection(collection) === undefined ? config : IMPLICIT_COUNTS;
      const required = counts?.requiredPeerCount ?? 0;
      if (eligible.length < required) {
        throw new HansaError(
          "TOO_FEW_PEERS",
          `could not build private data dissemination plan for chaincode ${chaincode} and collection ${collection}: ` +
            `required to disseminate to at least ${required} peers, but know of only ${eligible.length} eligible peers`,
        );
      }
      const order = acrossOrganisations(eligible, pick);
      // Data that the peer does not keep itself must be somewhere.
      const count = Math.max(counts?.maximumPeerCount ?? 0, required, isHeld(chaincode, collection) ? 0 : 1);
      return { chaincode, collection, set, required, first: order.slice(0, count), rest: order.slice(count) };
    }),
  );
}

/** rwset.TxPvtReadWriteSet of some of a simulation's collections. */
export function encodeShare(
  dataModel: rwset.TxPvtReadWriteSet.$Properties["dataModel"],
  consignments: readonly Pick<Consignment<unknown>, "chaincode" | "set">[],
): Uint8Array {
  const byChaincode = new Map<string, CollectionSet[]>();
  for (const { chaincode, set } of consignments) {
    const sets = byChaincode.get(chaincode) ?? [];
    byChaincode.set(chaincode, sets);
    sets.push(set);
  }
  const nsPvtRwset = [...byChaincode].map(([namespace, collectionPvtRwset]) => ({ namespace, collectionPvtRwset }));
  return encode(rwset.TxPvtReadWriteSet, { dataModel, nsPvtRwset });
}

function acrossOrganisations<P extends { readonly mspId: string }>(
  peers: readonly P[],
  pick: (below: number) => number,
): P[] {
  const drawn = [...peers];
  for (let i = drawn.length - 1; i > 0; i--) {
    const j = pick(i + 1);
    [drawn[i], drawn[j]] = [drawn[j] as P, drawn[i] as P];
  }
  const seen = new Set<string>();
  const isFirst = drawn.map(({ mspId }) => !seen.has(mspId) && seen.add(mspId) !== undefined);
  return [...drawn.filter((_, i) => isFirst[i]), ...drawn.filter((_, i) => !isFirst[i])];
}

/** Organisations that a member policy names, by role, unit or single identity. */
function memberIds(principals: readonly common.IMSPPrincipal[]): Set<string> {
  const { ROLE, ORGANIZATION_UNIT, IDENTITY } = common.MSPPrincipal.Classification;
  const ids = new Set<string>();
  for (const { principalClassification, principal } of principals) {
    const bytes = principal ?? NO_BYTES;
    const kind = principalClassification ?? ROLE;
    if (kind === ROLE) ids.add(decode(common.MSPRole, bytes, "common.MSPRole").mspIdentifier);
    else if (kind === ORGANIZATION_UNIT)
      ids.add(decode(common.OrganizationUnit, bytes, "common.OrganizationUnit").mspIdentifier);
    else if (kind === IDENTITY) ids.add(decode(msp.SerializedIdentity, bytes, "msp.SerializedIdentity").mspid);
  }
  return ids;
}
