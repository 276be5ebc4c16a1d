/**
 * Who gets which private write sets of one simulation.
 *
 * Every peer of a member organisation gets them, not only `maximumPeerCount` of them: whoever is not reached has
 * to ask when the block comes (missed.ts). `requiredPeerCount` counts as it does there.
 * Source: hyperledger/fabric, gossip/privdata/distributor.go; texts alike.
 */
import type { PrivateWrites } from "@hansa/endorsement/chaincode";
import { HansaError, NO_BYTES } from "@hansa/primitives";
import { common, decode, encode, msp, rwset } from "@hansa/wire";

export type Consignment<P> = {
  readonly peer: P;
  /** rwset.TxPvtReadWriteSet with the collections of the peer's organisation. */
  readonly writes: Uint8Array;
};

export type Requirement<P> = {
  readonly chaincode: string;
  readonly collection: string;
  /** How many of `peers` must have confirmed before the endorsement may leave. */
  readonly count: number;
  readonly peers: readonly P[];
};

export type DistributionPlan<P> = {
  readonly consignments: readonly Consignment<P>[];
  readonly requirements: readonly Requirement<P>[];
};

/** @throws HansaError TOO_FEW_PEERS when more peers are required than there are */
export function planDistribution<P extends { readonly mspId: string }>(
  { writes, collections }: Pick<PrivateWrites, "writes" | "collections">,
  peers: readonly P[],
): DistributionPlan<P> {
  const requirements: Requirement<P>[] = [];
  const shares = new Map<P, Map<string, rwset.CollectionPvtReadWriteSet.$Properties[]>>();
  for (const { namespace, collectionPvtRwset } of writes.nsPvtRwset ?? []) {
    const chaincode = namespace ?? "";
    for (const set of collectionPvtRwset ?? []) {
      const config = collections.get(chaincode)?.find(({ name }) => name === set.collectionName);
      const members = memberIds(config?.memberOrgsPolicy?.signaturePolicy?.identities ?? []);
      const eligible = peers.filter(({ mspId }) => members.has(mspId));
      const count = config?.requiredPeerCount ?? 0;
      const collection = set.collectionName ?? "";
      if (eligible.length < count) {
        throw new HansaError(
          "TOO_FEW_PEERS",
          `could not build private data dissemination plan for chaincode ${chaincode} and collection ${collection}: ` +
            `required to disseminate to at least ${count} peers, but know of only ${eligible.length} eligible peers`,
        );
      }
      if (count > 0) requirements.push({ chaincode, collection, count, peers: eligible });
      for (const peer of eligible) {
        const share = shares.get(peer) ?? new Map();
        shares.set(peer, share);
        share.set(chaincode, [...(share.get(chaincode) ?? []), set]);
      }
    }
  }
  const consignments = [...shares].map(([peer, share]) => {
    const nsPvtRwset = [...share].map(([namespace, collectionPvtRwset]) => ({ namespace, collectionPvtRwset }));
    return { peer, writes: encode(rwset.TxPvtReadWriteSet, { dataModel: writes.dataModel, nsPvtRwset }) };
  });
  return { consignments, requirements };
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
