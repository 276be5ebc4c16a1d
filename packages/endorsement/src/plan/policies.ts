/**
 * The endorsement policies that a call of a chaincode must satisfy: the chaincode's own, or those of the collections
 * it writes to, with the chaincode's where a collection has none.
 * Source: hyperledger/fabric, core/chaincode/lifecycle/metadata_provider.go and discovery/support/chaincode/support.go.
 */

import { type ChannelConfig, PolicyPath } from "@hansa/channel-config";
import { bytesKey } from "@hansa/primitives";
import { common, decode, encode } from "@hansa/wire";
import type { ChaincodeDefinition } from "../lifecycle/definition.js";
import { PlanError } from "./error.js";

export type ChannelView = {
  config: ChannelConfig;
  /** the committed definition, or undefined when the channel has none of that name */
  definition(chaincode: string): ChaincodeDefinition | undefined;
};

const LIFECYCLE = "_lifecycle";
const IMPLICIT_COLLECTION = "_implicit_org_";

export type CallPolicies = {
  /** the chaincode's own policy; undefined when every collection of the call brings its own */
  own: common.ISignaturePolicyEnvelope | undefined;
  collections: common.ISignaturePolicyEnvelope[];
};

/** @throws PlanError UNKNOWN_CHAINCODE or POLICY */
export function policiesOfCall(channel: ChannelView, chaincode: string, collections: readonly string[]): CallPolicies {
  const own = chaincodePolicy(channel, chaincode);
  if (collections.length === 0) return { own, collections: [] };
  let usesOwn = false;
  const byKey = new Map<string, common.ISignaturePolicyEnvelope>();
  for (const collection of collections) {
    const policy = collectionPolicy(channel, chaincode, collection);
    if (policy === undefined) usesOwn = true;
    else byKey.set(bytesKey(encode(common.SignaturePolicyEnvelope, policy)), policy);
  }
  return { own: usesOwn ? own : undefined, collections: [...byKey.values()] };
}

function chaincodePolicy(channel: ChannelView, chaincode: string): common.ISignaturePolicyEnvelope {
  if (chaincode === LIFECYCLE) return channelPolicy(channel, PolicyPath.LIFECYCLE_ENDORSEMENT);
  const parameter = definitionOf(channel, chaincode).validationParameter;
  return applicationPolicy(channel, decode(common.ApplicationPolicy, parameter, "ApplicationPolicy"));
}

function collectionPolicy(
  channel: ChannelView,
  chaincode: string,
  collection: string,
): common.ISignaturePolicyEnvelope | undefined {
  const owner = implicitOwner(collection);
  if (owner !== undefined) return memberPolicy(owner);
  const policy = staticCollection(channel, chaincode, collection)?.endorsementPolicy;
  return policy ? applicationPolicy(channel, policy) : undefined;
}

/**
 * Principals of the organisations that may hold a collection's data.
 * @throws PlanError UNKNOWN_COLLECTION
 */
export function collectionMembers(
  channel: ChannelView,
  chaincode: string,
  collection: string,
): readonly common.IMSPPrincipal[] {
  const owner = implicitOwner(collection);
  const policy =
    owner === undefined
      ? staticCollection(channel, chaincode, collection)?.memberOrgsPolicy?.signaturePolicy
      : memberPolicy(owner);
  if (!policy) {
    throw new PlanError(
      "UNKNOWN_COLLECTION",
      `collection ${collection} doesn't exist in collection config for chaincode ${chaincode}`,
    );
  }
  return policy.identities ?? [];
}

function staticCollection(channel: ChannelView, chaincode: string, name: string) {
  if (chaincode === LIFECYCLE) return undefined;
  return definitionOf(channel, chaincode).collections.find((collection) => collection.name === name);
}

/** @throws PlanError UNKNOWN_CHAINCODE */
export function definitionOf(channel: ChannelView, chaincode: string): ChaincodeDefinition {
  const definition = channel.definition(chaincode);
  if (definition === undefined) {
    const channelId = channel.config.channelId;
    throw new PlanError(
      "UNKNOWN_CHAINCODE",
      `No metadata was found for chaincode ${chaincode} in channel ${channelId}`,
      {
        nextStep: `Commit a definition of ${chaincode} on ${channelId} first.`,
      },
    );
  }
  return definition;
}

function applicationPolicy(channel: ChannelView, policy: common.IApplicationPolicy): common.ISignaturePolicyEnvelope {
  if (policy.signaturePolicy) return policy.signaturePolicy;
  const reference = policy.channelConfigPolicyReference;
  if (!reference) throw new PlanError("POLICY", "policy not found");
  return channelPolicy(channel, reference);
}

function channelPolicy(channel: ChannelView, path: string): common.ISignaturePolicyEnvelope {
  const policy = channel.config.signaturePolicy(path);
  if (policy === undefined) {
    throw new PlanError("POLICY", "policy not found", {
      nextStep: `Channel ${channel.config.channelId} has no usable policy ${path}.`,
    });
  }
  return policy;
}

function memberPolicy(mspId: string): common.ISignaturePolicyEnvelope {
  const role = { mspIdentifier: mspId, role: common.MSPRole.MSPRoleType.MEMBER };
  const principal = {
    principalClassification: common.MSPPrincipal.Classification.ROLE,
    principal: encode(common.MSPRole, role),
  };
  return { version: 0, rule: { nOutOf: { n: 1, rules: [{ signedBy: 0 }] } }, identities: [principal] };
}

function implicitOwner(collection: string): string | undefined {
  return collection.startsWith(IMPLICIT_COLLECTION) ? collection.slice(IMPLICIT_COLLECTION.length) : undefined;
}
