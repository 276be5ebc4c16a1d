/** MSP principals: what a policy demands of one signer. */
import { bytesKey, type MspId, NO_BYTES } from "@hansa/primitives";
import { common } from "@hansa/wire";

/** Roles in the spelling of policy texts. */
export type RoleName = "member" | "admin" | "client" | "peer" | "orderer";

const ROLE_NUMBERS: Readonly<Record<RoleName, common.MSPRole.MSPRoleType>> = {
  member: common.MSPRole.MSPRoleType.MEMBER,
  admin: common.MSPRole.MSPRoleType.ADMIN,
  client: common.MSPRole.MSPRoleType.CLIENT,
  peer: common.MSPRole.MSPRoleType.PEER,
  orderer: common.MSPRole.MSPRoleType.ORDERER,
};

export const ROLE_NAMES = Object.keys(ROLE_NUMBERS) as readonly RoleName[];

export function roleName(role: number): RoleName | undefined {
  return ROLE_NAMES.find((name) => ROLE_NUMBERS[name] === role);
}

export function rolePrincipal(mspIdentifier: MspId, role: RoleName): common.IMSPPrincipal {
  return {
    principalClassification: common.MSPPrincipal.Classification.ROLE,
    principal: common.MSPRole.encode({ mspIdentifier, role: ROLE_NUMBERS[role] }).finish(),
  };
}

/** Equal principals have equal keys. */
export function principalKey(principal: common.IMSPPrincipal): string {
  return `${principal.principalClassification ?? 0}:${bytesKey(principal.principal ?? NO_BYTES)}`;
}

/** "Org1MSP.peer" for roles, a description for the others. Never throws. */
export function describePrincipal(principal: common.IMSPPrincipal): string {
  const { Classification } = common.MSPPrincipal;
  const bytes = principal.principal ?? NO_BYTES;
  try {
    switch (principal.principalClassification ?? Classification.ROLE) {
      case Classification.ROLE: {
        const role = common.MSPRole.decode(bytes);
        return `${role.mspIdentifier}.${roleName(role.role) ?? `role${role.role}`}`;
      }
      case Classification.ORGANIZATION_UNIT: {
        const unit = common.OrganizationUnit.decode(bytes);
        return `${unit.mspIdentifier} unit ${unit.organizationalUnitIdentifier}`;
      }
      case Classification.IDENTITY:
        return "one certain identity";
      case Classification.ANONYMITY:
        return "anonymity";
      case Classification.COMBINED:
        return common.CombinedPrincipal.decode(bytes).principals.map(describePrincipal).join(" and ");
      default:
        return "a principal of an unknown kind";
    }
  } catch {
    return "an unreadable principal";
  }
}
