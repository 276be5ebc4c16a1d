/**
 * Who may do what at a peer: resources of a channel by the channel's policies, resources of the peer itself by roles in
 * the peer's own organisation. Source: hyperledger/fabric, core/aclmgmt and core/policy/policy.go; texts alike.
 */
import { type ChannelConfig, DEFAULT_ACLS, PEER_ACLS } from "@hansa/channel-config";
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

export type SignedMessage = {
  /** msp.SerializedIdentity */
  readonly creator: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
};

type Words = { readonly deserializing: string; readonly verifying: string };

const PROPOSAL_WORDS: Words = {
  deserializing: "Failed deserializing proposal creator",
  verifying: "Failed verifying that proposal's creator",
};
const MESSAGE_WORDS: Words = {
  deserializing: "failed deserializing signed data identity",
  verifying: "failed verifying that the signed data identity",
};

export class AccessControl {
  readonly #options: AccessOptions;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Whether the creator of a proposal, whose signature is verified already, may use a resource as "qscc/GetChainInfo". */
  check(resource: string, channelId: string, proposal: Proposal): PolicyVerdict {
    const role = PEER_ACLS.get(resource);
    if (role !== undefined) {
      const { creator, proposalBytes: message, signature } = proposal;
      return this.#checkPeer(role, { creator, message, signature }, PROPOSAL_WORDS);
    }
    if (channelId === "") {
      // Fabric takes a channel's policy for a role of the peer's organisation then, and never finds it.
      const policy = DEFAULT_ACLS.get(resource);
      if (policy === undefined) return { ok: false, reason: `Unmapped policy for ${resource}` };
      const { creator, proposalBytes: message, signature } = proposal;
      return this.#checkPeer(policy, { creator, message, signature }, PROPOSAL_WORDS);
    }
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

  /** Whether somebody who signed a message that is no proposal may use a resource of the peer itself. */
  checkMessage(resource: string, signed: SignedMessage): PolicyVerdict {
    const role = PEER_ACLS.get(resource);
    if (role === undefined) return { ok: false, reason: `Unmapped channelless policy for ${resource}` };
    return this.#checkPeer(role, signed, MESSAGE_WORDS);
  }

  #checkPeer(role: string, signed: SignedMessage, words: Words): PolicyVerdict {
    const { localMsp, mspId } = this.#options;
    const where = `during channelless check policy with policy [${role}]`;
    let identity: Identity;
    try {
      identity = localMsp.identity(signed.creator);
    } catch (error) {
      const isForeign = error instanceof MspError && error.fault === "UNKNOWN_MSP";
      const why = isForeign
        ? `expected MSP ID ${mspId}, received ${decodeSerializedIdentity(signed.creator).mspid}`
        : messageOf(error);
      return { ok: false, reason: `${words.deserializing} ${where}: [${why}]` };
    }
    if (role !== "Admins" && role !== "Members") {
      const why = `MSP Principal role [${role}] not recognized`;
      return { ok: false, reason: `Failed getting local MSP principal ${where}: [${why}]` };
    }
    const [name, unit] = role === "Admins" ? (["admin", "ADMIN"] as const) : (["member", "MEMBER"] as const);
    if (!identity.satisfies(rolePrincipal(mspId, name))) {
      const why =
        identity.flaw?.message ??
        `The identity is not an ${name} under this MSP [${mspId}]: The identity does not contain OU [${unit}], MSP: [${mspId}]`;
      return {
        ok: false,
        reason: `${words.verifying} satisfies local MSP principal ${where}: [${why}]`,
      };
    }
    if (identity.verify(signed.message, signed.signature)) return { ok: true };
    return { ok: false, reason: "The signature is invalid" };
  }
}
