/**
 * Who may do what at a peer: resources of a channel by the channel's policies, resources of the peer itself by roles in
 * the peer's own organisation. Source: hyperledger/fabric, core/aclmgmt and core/policy/policy.go; texts alike.
 */
import { type ChannelConfig, PEER_ACLS } from "@hansa/channel-config";
import {
  decodeSerializedIdentity,
  type Identity,
  MspError,
  type MspManager,
  type PolicyVerdict,
  rolePrincipal,
} from "@hansa/msp";
import { messageOf } from "@hansa/primitives";
import type { Proposal } from "./proposal.js";

export type AccessOptions = {
  /** Holds the peer's own organisation and nothing else. */
  readonly localMsp: MspManager;
  readonly mspId: string;
  readonly config: (channelId: string) => ChannelConfig | undefined;
};

export class AccessControl {
  readonly #options: AccessOptions;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Whether the creator of a proposal, whose signature is verified already, may use a resource as "qscc/GetChainInfo". */
  check(resource: string, channelId: string, proposal: Proposal): PolicyVerdict {
    const role = PEER_ACLS.get(resource);
    if (role !== undefined) return this.#checkPeer(role, proposal);
    if (channelId === "") return { ok: false, reason: `Unmapped policy for ${resource}` };
    const config = this.#options.config(channelId);
    if (config === undefined) {
      return { ok: false, reason: `Failed to get policy manager for channel [${channelId}]` };
    }
    const { creator, proposalBytes, signature } = proposal;
    const policy = config.aclPolicyPath(resource) === undefined ? undefined : config.aclPolicy(resource);
    try {
      if (policy?.evaluateIdentities([config.msps.identity(creator)]).ok) return { ok: true };
    } catch {
      // An identity that no member knows: the slower way below says so in Fabric's words.
    }
    return config.checkAcl(resource, { identity: creator, message: proposalBytes, signature });
  }

  #checkPeer(role: "Admins" | "Members", proposal: Proposal): PolicyVerdict {
    const { localMsp, mspId } = this.#options;
    const where = `during channelless check policy with policy [${role}]`;
    let identity: Identity;
    try {
      identity = localMsp.identity(proposal.creator);
    } catch (error) {
      const isForeign = error instanceof MspError && error.fault === "UNKNOWN_MSP";
      const why = isForeign
        ? `expected MSP ID ${mspId}, received ${decodeSerializedIdentity(proposal.creator).mspid}`
        : messageOf(error);
      return { ok: false, reason: `Failed deserializing proposal creator ${where}: [${why}]` };
    }
    const [name, unit] = role === "Admins" ? (["admin", "ADMIN"] as const) : (["member", "MEMBER"] as const);
    if (!identity.satisfies(rolePrincipal(mspId, name))) {
      const why =
        identity.flaw?.message ??
        `The identity is not an ${name} under this MSP [${mspId}]: The identity does not contain OU [${unit}], MSP: [${mspId}]`;
      return {
        ok: false,
        reason: `Failed verifying that proposal's creator satisfies local MSP principal ${where}: [${why}]`,
      };
    }
    if (identity.verify(proposal.proposalBytes, proposal.signature)) return { ok: true };
    return { ok: false, reason: "The signature is invalid" };
  }
}
