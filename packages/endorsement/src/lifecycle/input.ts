/**
 * Checks of what somebody wants to approve or commit, beyond sequences and agreement.
 * Source: hyperledger/fabric, core/chaincode/lifecycle/scc.go (validateInput); texts alike.
 */
import { common, decode } from "@hansa/wire";
import { refuse } from "./error.js";

const CHAINCODE_NAME = /^[a-zA-Z0-9]+([-_][a-zA-Z0-9]+)*$/;
const CHAINCODE_VERSION = /^[A-Za-z0-9_.+-]+$/;
const COLLECTION_NAME = /^[A-Za-z0-9-][A-Za-z0-9_-]*$/;
const SYSTEM_NAMES: ReadonlySet<string> = new Set(["cscc", "escc", "lscc", "qscc", "vscc"]);
/** Fabric bounds names only by the size of keys and messages. */
const MAX_NAME_CHARS = 256;

export type ChannelMembers = {
  hasMember(mspId: string): boolean;
  /** @throws when no member of the channel knows this serialized identity */
  identity(serialized: Uint8Array): unknown;
  /** @throws with a reason when the policy cannot be compiled */
  compile(policy: common.SignaturePolicyEnvelope.$Properties): unknown;
};

/** @throws LifecycleError REFUSED */
export function checkNameAndVersion(name: string, version: string): void {
  if (name.length > MAX_NAME_CHARS || !CHAINCODE_NAME.test(name)) {
    refuse(
      `invalid chaincode name '${name}'. Names can only consist of alphanumerics, '_', and '-' and can only begin with alphanumerics`,
    );
  }
  if (SYSTEM_NAMES.has(name)) refuse(`chaincode name '${name}' is the name of a system chaincode`);
  if (!CHAINCODE_VERSION.test(version)) {
    refuse(
      `invalid chaincode version '${version}'. Versions can only consist of alphanumerics, '_', '-', '+', and '.'`,
    );
  }
}

/** @throws LifecycleError REFUSED */
export function checkCollections(
  proposed: common.CollectionConfigPackage.$Properties | null | undefined,
  members: ChannelMembers,
): void {
  const seen = new Set<string>();
  for (const config of proposed?.config ?? []) {
    const collection = config.staticCollectionConfig;
    if (!collection) refuse("collection config contains unexpected payload type: <nil>");
    const name = collection.name ?? "";
    if (name.length > MAX_NAME_CHARS || !COLLECTION_NAME.test(name)) {
      refuse(
        `invalid collection name '${name}'. Names can only consist of alphanumerics, '_', and '-' and cannot begin with '_'`,
      );
    }
    if (seen.has(name)) refuse(`collection-name: ${name} -- found duplicate in collection configuration`);
    seen.add(name);
    const maximum = collection.maximumPeerCount ?? 0;
    const required = collection.requiredPeerCount ?? 0;
    if (maximum < required) {
      refuse(
        `collection-name: ${name} -- maximum peer count (${maximum}) cannot be less than the required peer count (${required})`,
      );
    }
    if (required < 0) {
      refuse(`collection-name: ${name} -- requiredPeerCount (${required}) cannot be less than zero`);
    }
    checkMembersPolicy(name, collection, members);
  }
}

function checkMembersPolicy(
  name: string,
  collection: common.StaticCollectionConfig.$Properties,
  members: ChannelMembers,
): void {
  if (!collection.memberOrgsPolicy) refuse(`collection member policy is not set for collection '${name}'`);
  const policy = collection.memberOrgsPolicy.signaturePolicy;
  if (!policy) refuse(`collection member org policy is empty for collection '${name}'`);
  try {
    members.compile(policy);
  } catch (error) {
    refuse(`invalid member org policy for collection '${name}': ${error instanceof Error ? error.message : error}`);
  }
  checkIsOr(name, policy.rule);
  for (const principal of policy.identities ?? []) checkPrincipal(name, principal, members);
}

/** A members policy is an OR of principals. Nesting was bounded when the policy was compiled. */
function checkIsOr(name: string, rule: common.SignaturePolicy.$Properties | null | undefined): void {
  const nOutOf = rule?.nOutOf;
  if (!nOutOf) return;
  if (nOutOf.n !== 1) {
    refuse(
      `collection-name: ${name} -- error in member org policy: signature policy is not an OR concatenation, NOutOf ${nOutOf.n ?? 0}`,
    );
  }
  for (const each of nOutOf.rules ?? []) checkIsOr(name, each);
}

function checkPrincipal(name: string, principal: common.MSPPrincipal.$Properties, members: ChannelMembers): void {
  const { Classification } = common.MSPPrincipal;
  const bytes = principal.principal ?? new Uint8Array(0);
  const classification = principal.principalClassification ?? 0;
  const checkMember = (mspId: string) => {
    if (!members.hasMember(mspId)) {
      refuse(`collection-name: ${name} -- collection member '${mspId}' is not part of the channel`);
    }
  };
  switch (classification) {
    case Classification.ROLE:
      checkMember(decode(common.MSPRole, bytes, "MSPRole").mspIdentifier);
      break;
    case Classification.ORGANIZATION_UNIT:
      checkMember(decode(common.OrganizationUnit, bytes, "OrganizationUnit").mspIdentifier);
      break;
    case Classification.IDENTITY:
      try {
        members.identity(bytes);
      } catch {
        refuse(`collection-name: ${name} -- contains an identity that is not part of the channel`);
      }
      break;
    default:
      refuse(
        `collection-name: ${name} -- principal type ${Classification[classification] ?? classification} is not supported`,
      );
  }
}

/** Collections may be added, never taken away, and their blockToLive is for ever. @throws LifecycleError REFUSED */
export function checkKeepsCollections(
  proposed: readonly common.StaticCollectionConfig.$Properties[],
  committed: readonly common.StaticCollectionConfig.$Properties[],
): void {
  if (committed.length === 0) return;
  if (proposed.length === 0) {
    refuse("the proposed collection config does not contain previously defined collections");
  }
  for (const { name, blockToLive } of committed) {
    const now = proposed.find((each) => each.name === name);
    if (now === undefined) {
      refuse(`existing collection [${name}] missing in the proposed collection configuration`);
    }
    if (Number(now.blockToLive ?? 0) !== Number(blockToLive ?? 0)) {
      refuse(`the BlockToLive in an existing collection [${name}] modified. Existing value [${blockToLive ?? 0}]`);
    }
  }
}
