/** Which organisations may hold a collection's private data. */
import { common, decode, msp, type protos, WireError } from "@hansa/wire";

type Collection = { readonly memberOrgsPolicy?: protos.ICollectionPolicyConfig | null | undefined };

/** MSP ids, each once; empty of a collection that is not known. */
export function describeMembers(collection: Collection | undefined): string[] {
  const principals = collection?.memberOrgsPolicy?.signaturePolicy?.identities ?? [];
  return [...new Set(principals.flatMap((principal) => mspIdOf(principal) ?? []))];
}

function mspIdOf({ principalClassification, principal }: common.IMSPPrincipal): string | undefined {
  const { ROLE, ORGANIZATION_UNIT, IDENTITY } = common.MSPPrincipal.Classification;
  const bytes = principal ?? new Uint8Array(0);
  try {
    switch (principalClassification ?? ROLE) {
      case ROLE:
        return decode(common.MSPRole, bytes, "MSPRole").mspIdentifier;
      case ORGANIZATION_UNIT:
        return decode(common.OrganizationUnit, bytes, "OrganizationUnit").mspIdentifier;
      case IDENTITY:
        return decode(msp.SerializedIdentity, bytes, "SerializedIdentity").mspid;
      default:
        return undefined;
    }
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
