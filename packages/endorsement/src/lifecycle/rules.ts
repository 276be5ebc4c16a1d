/**
 * Who may approve and commit what: sequences, defaults, agreement. Pure rules over keys; texts of refusals are Fabric's.
 * Source: hyperledger/fabric, core/chaincode/lifecycle/lifecycle.go.
 */
import { equalBytes, toHex } from "@hansa/primitives";
import { common, encode } from "@hansa/wire";
import {
  type ApprovedDefinition,
  type ChaincodeDefinition,
  type ChaincodeParameters,
  definitionStructure,
  localPackageStructure,
  PARAMETERS_TYPE,
  parametersFrom,
  parametersStructure,
} from "./definition.js";
import { LifecycleError, refuse } from "./error.js";
import { approvalName, CHAINCODE_SOURCES, fieldKey, NAMESPACES } from "./keys.js";
import { readApproval, readDefinition, readMetadata, readPackageId, readSequence } from "./reading.js";
import { type HashedKeys, mismatches, reader, type WritableKeys, writeStructure } from "./stored.js";

export const DEFAULT_ENDORSEMENT_POLICY = "/Channel/Application/Endorsement";

/** common.ApplicationPolicy that refers to a policy of the channel, encoded. */
export function channelPolicyReference(path: string): Uint8Array {
  return encode(common.ApplicationPolicy, { channelConfigPolicyReference: path });
}

/** What the rules need to know of the channel. */
export type LifecycleChannel = {
  readonly channelId: string;
  hasPolicy(path: string): boolean;
};

/** Fills what a proposed definition leaves open with the channel's defaults. */
export function withDefaults<T extends ChaincodeParameters>(proposed: T, channel: LifecycleChannel): T {
  let { validationParameter } = proposed;
  if (validationParameter.length === 0) {
    if (!channel.hasPolicy(DEFAULT_ENDORSEMENT_POLICY)) {
      refuse(
        `could not set defaults for chaincode definition in channel ${channel.channelId}: policy '${DEFAULT_ENDORSEMENT_POLICY}' must be defined for channel '${channel.channelId}' before chaincode operations can be attempted`,
      );
    }
    validationParameter = channelPolicyReference(DEFAULT_ENDORSEMENT_POLICY);
  }
  return {
    ...proposed,
    endorsementPlugin: proposed.endorsementPlugin || "escc",
    validationPlugin: proposed.validationPlugin || "vscc",
    validationParameter,
  };
}

/** Why two parameter sets differ, or undefined when they do not. */
export function difference(expected: ChaincodeParameters, passed: ChaincodeParameters): string | undefined {
  const text = (what: string, a: unknown, b: unknown) => `expected ${what} '${a}' does not match passed ${what} '${b}'`;
  if (expected.version !== passed.version) return text("Version", expected.version, passed.version);
  if (expected.endorsementPlugin !== passed.endorsementPlugin) {
    return text("EndorsementPlugin", expected.endorsementPlugin, passed.endorsementPlugin);
  }
  if (expected.initRequired !== passed.initRequired) {
    return text("InitRequired", expected.initRequired, passed.initRequired);
  }
  if (expected.validationPlugin !== passed.validationPlugin) {
    return text("ValidationPlugin", expected.validationPlugin, passed.validationPlugin);
  }
  if (!equalBytes(expected.validationParameter, passed.validationParameter)) {
    return text("ValidationParameter", toHex(expected.validationParameter), toHex(passed.validationParameter));
  }
  return equalBytes(expected.collectionsBytes, passed.collectionsBytes) ? undefined : "Collections do not match";
}

/**
 * Writes an organisation's approval into its implicit collection.
 * @param packageId "" when the organisation approves without a package, so that its peers do not run the chaincode
 * @throws LifecycleError REFUSED
 */
export function approve(
  proposed: ChaincodeDefinition,
  packageId: string,
  channel: LifecycleChannel,
  publicState: Pick<WritableKeys, "get">,
  orgState: WritableKeys,
): void {
  const { name, sequence } = proposed;
  const readPublic = (key: string) => publicState.get(key);
  const current = readSequence(readPublic, name);
  if (current === sequence && sequence === 0) {
    refuse("requested sequence is 0, but first definable sequence number is 1");
  }
  if (sequence < current) {
    refuse(`currently defined sequence ${current} is larger than requested sequence ${sequence}`);
  }
  if (sequence > current + 1) {
    refuse(`requested sequence ${sequence} is larger than the next available sequence number ${current + 1}`);
  }
  const definition = withDefaults(proposed, channel);
  if (sequence === current) checkRepeatsCommitted(definition, readPublic);
  if (isUnchanged(definition, packageId, orgState)) {
    refuse(
      sequence === current
        ? `attempted to redefine the current committed sequence (${current}) for namespace ${name}`
        : `attempted to redefine uncommitted sequence (${sequence}) for namespace ${name} with unchanged content`,
    );
  }
  const privateName = approvalName(name, sequence);
  writeStructure(NAMESPACES, privateName, parametersStructure(definition), orgState);
  writeStructure(CHAINCODE_SOURCES, privateName, localPackageStructure(packageId), orgState);
}

function checkRepeatsCommitted(definition: ChaincodeDefinition, readPublic: (key: string) => Uint8Array | undefined) {
  const { name, sequence } = definition;
  const committed = readDefinition(readPublic, name);
  if (committed === undefined) refuse(`missing metadata for currently committed sequence number (${sequence})`);
  const why = difference(committed, definition);
  if (why !== undefined) {
    refuse(
      `attempted to redefine the current committed sequence (${sequence}) for namespace ${name} with different parameters: ${why}`,
    );
  }
}

/** Whether the organisation has approved this very definition with this very package already. */
function isUnchanged(definition: ChaincodeDefinition, packageId: string, orgState: WritableKeys): boolean {
  const read = reader(orgState);
  const privateName = approvalName(definition.name, definition.sequence);
  const metadata = readMetadata(read, NAMESPACES, privateName);
  if (metadata === undefined) return false;
  if (metadata.datatype !== PARAMETERS_TYPE) {
    throw new LifecycleError(
      "CORRUPT_STATE",
      `could not deserialize namespace ${privateName} as chaincode: type name mismatch '${PARAMETERS_TYPE}' != '${metadata.datatype}'`,
    );
  }
  const approved = parametersFrom((field) => read(fieldKey(NAMESPACES, privateName, field)));
  if (difference(approved, definition) !== undefined) return false;
  const source = readMetadata(read, CHAINCODE_SOURCES, privateName);
  return source !== undefined && readPackageId(read, privateName) === packageId;
}

export type Readiness = {
  readonly definition: ChaincodeDefinition;
  /** MSP id → whether it approved exactly this. */
  readonly approvals: ReadonlyMap<string, boolean>;
  /** MSP id → the fields in which its approval differs. */
  readonly mismatches: ReadonlyMap<string, readonly string[]>;
};

/** Who has approved a definition that is not committed yet. @throws LifecycleError REFUSED when it is not the next one */
export function checkReadiness(
  proposed: ChaincodeDefinition,
  channel: LifecycleChannel,
  publicState: Pick<WritableKeys, "get">,
  orgs: readonly HashedKeys[],
): Readiness {
  const current = readSequence((key) => publicState.get(key), proposed.name);
  if (proposed.sequence !== current + 1) {
    refuse(`requested sequence is ${proposed.sequence}, but new definition must be sequence ${current + 1}`);
  }
  const definition = withDefaults(proposed, channel);
  return { definition, ...orgApprovals(definition, orgs) };
}

export function orgApprovals(
  definition: ChaincodeDefinition,
  orgs: readonly HashedKeys[],
): { approvals: Map<string, boolean>; mismatches: Map<string, string[]> } {
  const approvals = new Map<string, boolean>();
  const differing = new Map<string, string[]>();
  const structure = parametersStructure(definition);
  const privateName = approvalName(definition.name, definition.sequence);
  for (const org of orgs) {
    const found = mismatches(NAMESPACES, privateName, structure, (key) => org.hashOf(key));
    approvals.set(org.mspId, found.length === 0);
    if (found.length > 0) differing.set(org.mspId, found);
  }
  return { approvals, mismatches: differing };
}

/** Writes the definition into the public state; returns who approved it, which the caller must judge. */
export function commit(
  proposed: ChaincodeDefinition,
  channel: LifecycleChannel,
  publicState: WritableKeys,
  orgs: readonly HashedKeys[],
): ReadonlyMap<string, boolean> {
  const { definition, approvals } = checkReadiness(proposed, channel, publicState, orgs);
  writeStructure(NAMESPACES, definition.name, definitionStructure(definition), publicState);
  return approvals;
}

/**
 * The organisation's own approval of a sequence; of the latest one (next before current) when `sequence` is 0.
 * @throws LifecycleError REFUSED when there is none
 */
export function queryApproved(
  name: string,
  sequence: number,
  channelId: string,
  publicState: Pick<WritableKeys, "get">,
  orgState: Pick<WritableKeys, "get">,
): ApprovedDefinition {
  const readPrivate = (key: string) => orgState.get(key);
  let requested = sequence;
  if (requested === 0) {
    requested = readSequence((key) => publicState.get(key), name);
    if (readMetadata(readPrivate, NAMESPACES, approvalName(name, requested + 1)) !== undefined) requested += 1;
  }
  return (
    readApproval(readPrivate, name, requested) ??
    refuse(
      `could not fetch approved chaincode definition (name: '${name}', sequence: '${requested}') on channel '${channelId}'`,
    )
  );
}
