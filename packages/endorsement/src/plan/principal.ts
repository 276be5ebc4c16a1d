/**
 * Principals that can be compared: whether everyone who is a peer of Org1 is also a member of Org1.
 * Source: hyperledger/fabric, common/policies/inquire/compare.go.
 */
import { bytesKey, equalBytes, type MspId, NO_BYTES } from "@hansa/primitives";
import { common, decode, msp } from "@hansa/wire";

export type Principal = {
  /** equal keys mean equal principals */
  readonly key: string;
  readonly mspId: MspId;
  readonly principal: common.IMSPPrincipal;
  readonly kind: Kind;
};

type Kind =
  | { readonly name: "role"; readonly role: common.MSPRole.MSPRoleType }
  | { readonly name: "unit"; readonly unit: string; readonly certifiers: Uint8Array }
  | { readonly name: "identity"; readonly certificate: Uint8Array };

/** @returns undefined for kinds that say nothing about an organisation, and for bytes that do not decode */
export function readPrincipal(principal: common.IMSPPrincipal): Principal | undefined {
  const bytes = principal.principal ?? NO_BYTES;
  const classification = principal.principalClassification ?? common.MSPPrincipal.Classification.ROLE;
  const key = `${classification}:${bytesKey(bytes)}`;
  try {
    switch (classification) {
      case common.MSPPrincipal.Classification.ROLE: {
        const { mspIdentifier: mspId, role } = decode(common.MSPRole, bytes, "MSPRole");
        return { key, mspId, principal, kind: { name: "role", role } };
      }
      case common.MSPPrincipal.Classification.ORGANIZATION_UNIT: {
        const unit = decode(common.OrganizationUnit, bytes, "OrganizationUnit");
        const { organizationalUnitIdentifier, certifiersIdentifier: certifiers } = unit;
        const kind = { name: "unit", unit: organizationalUnitIdentifier, certifiers } as const;
        return { key, mspId: unit.mspIdentifier, principal, kind };
      }
      case common.MSPPrincipal.Classification.IDENTITY: {
        const { mspid, idBytes: certificate } = decode(msp.SerializedIdentity, bytes, "SerializedIdentity");
        return { key, mspId: mspid, principal, kind: { name: "identity", certificate } };
      }
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

/** Whether whoever satisfies the first surely satisfies the second. */
export function implies(one: Principal, other: Principal): boolean {
  if (one === other) return true;
  if (one.mspId !== other.mspId) return false;
  const [a, b] = [one.kind, other.kind];
  if (b.name === "role" && b.role === common.MSPRole.MSPRoleType.MEMBER) return true;
  if (a.name === "unit" && b.name === "unit") return a.unit === b.unit && equalBytes(a.certifiers, b.certifiers);
  if (a.name === "role" && b.name === "role") return a.role === b.role;
  if (a.name === "identity" && b.name === "identity") return equalBytes(a.certificate, b.certificate);
  return false;
}
