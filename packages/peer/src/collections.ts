/** Who is a member of a collection: for what this peer keeps, and for what it hands out. */
import {
  chaincodeDefinition,
  LIFECYCLE_NAMESPACE,
  mspIdOfImplicitCollection,
  type StateLookup,
} from "@hansa/endorsement/lifecycle";
import type { common } from "@hansa/wire";

/** The part of an identity that memberships ask of. */
export interface Member {
  readonly mspId: string;
  satisfies(principal: common.IMSPPrincipal): boolean;
}

/** Whether the identity is a member by the definition in force. */
export function isCollectionMember(state: StateLookup, namespace: string, collection: string, member: Member): boolean {
  const mspId = mspIdOfImplicitCollection(collection);
  if (mspId !== undefined) return mspId === member.mspId;
  if (namespace === LIFECYCLE_NAMESPACE) return false;
  const found = chaincodeDefinition(state, namespace)?.collections.find(({ name }) => name === collection);
  const principals = found?.memberOrgsPolicy?.signaturePolicy?.identities ?? [];
  return principals.some((principal) => member.satisfies(principal));
}
