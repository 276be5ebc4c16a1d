/** How many signers there can be for what a policy asks. */
import { decodeSerializedIdentity, MspError } from "@hansa/msp";
import { NO_BYTES } from "@hansa/primitives";
import { common } from "@hansa/wire";
import type { ChannelConfig } from "../channel-config.js";

const { Classification } = common.MSPPrincipal;
const { MSPRoleType } = common.MSPRole;

/**
 * A member's authority issues as many identities as it likes, each with a role that its MSP tells apart; a certain
 * identity there is once, and named administrators as often as they are named and have not expired.
 */
export function signerSupply(config: ChannelConfig, nowMs: number): (principal: common.IMSPPrincipal) => number {
  const supply = (principal: common.IMSPPrincipal, depth: number): number => {
    const bytes = principal.principal ?? NO_BYTES;
    switch (principal.principalClassification ?? Classification.ROLE) {
      case Classification.ROLE: {
        const { mspIdentifier, role } = common.MSPRole.decode(bytes);
        return roleSupply(config, mspIdentifier, role, nowMs);
      }
      case Classification.ORGANIZATION_UNIT:
        return config.msps.get(common.OrganizationUnit.decode(bytes).mspIdentifier) === undefined ? 0 : Infinity;
      case Classification.IDENTITY:
        return countsNow(config, bytes, nowMs) ? 1 : 0;
      case Classification.ANONYMITY:
        return Infinity;
      case Classification.COMBINED: {
        if (depth > 16) return 0;
        const { principals } = common.CombinedPrincipal.decode(bytes);
        return principals.length === 0 ? 0 : Math.min(...principals.map((each) => supply(each, depth + 1)));
      }
      default:
        return 0;
    }
  };
  return (principal) => {
    try {
      return supply(principal, 0);
    } catch {
      // What cannot be read is satisfied by nobody.
      return 0;
    }
  };
}

function roleSupply(config: ChannelConfig, mspId: string, role: number, nowMs: number): number {
  const definition = config.mspConfig(mspId);
  const member = config.msps.get(mspId);
  if (definition === undefined || member === undefined) return 0;
  if (role === MSPRoleType.MEMBER) return Infinity;
  const units = definition.fabricNodeOus?.enable === true ? definition.fabricNodeOus : undefined;
  const unit = {
    [MSPRoleType.ADMIN]: units?.adminOuIdentifier,
    [MSPRoleType.CLIENT]: units?.clientOuIdentifier,
    [MSPRoleType.PEER]: units?.peerOuIdentifier,
    [MSPRoleType.ORDERER]: units?.ordererOuIdentifier,
  }[role];
  if (unit) return Infinity;
  if (role !== MSPRoleType.ADMIN) return 0;
  return definition.admins.filter((pem) => {
    const identity = member.identityOf(pem, undefined);
    return identity.expiresAtMs >= nowMs;
  }).length;
}

function countsNow(config: ChannelConfig, serialized: Uint8Array, nowMs: number): boolean {
  try {
    const { mspid, idBytes } = decodeSerializedIdentity(serialized);
    const identity = config.msps.get(mspid)?.identityOf(idBytes, serialized);
    return identity !== undefined && identity.flaw === undefined && identity.expiresAtMs >= nowMs;
  } catch (error) {
    if (error instanceof MspError) return false;
    throw error;
  }
}
