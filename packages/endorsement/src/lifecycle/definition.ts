/**
 * A chaincode definition and its two shapes in the state: what is committed for a channel (`ChaincodeDefinition`,
 * with the sequence among the fields) and what one organisation approved (`ChaincodeParameters`, with the
 * sequence in the key). Order and names of the fields are part of the hashes that organisations compare.
 *
 * Source: hyperledger/fabric, core/chaincode/lifecycle/lifecycle.go.
 */
import { type Bytes, NO_BYTES } from "@hansa/primitives";
import { common, encode, lifecycle } from "@hansa/wire";
import { LifecycleError } from "./error.js";

export type ChaincodeParameters = {
  readonly version: string;
  readonly initRequired: boolean;
  /** "escc" unless somebody plugged in another. */
  readonly endorsementPlugin: string;
  /** "vscc" unless somebody plugged in another. */
  readonly validationPlugin: string;
  /** common.ApplicationPolicy, encoded: the chaincode's endorsement policy. */
  readonly validationParameter: Bytes;
  /** Explicit collections in their order. */
  readonly collections: readonly common.StaticCollectionConfig.$Properties[];
  /** common.CollectionConfigPackage, encoded; empty when there are none. */
  readonly collectionsBytes: Bytes;
};

/** What a channel agreed on. `sequence` starts at 1 and grows by one with each commit. */
export type ChaincodeDefinition = ChaincodeParameters & { readonly name: string; readonly sequence: number };

/** What one organisation approved; `packageId` is undefined when it approved without a package. */
export type ApprovedDefinition = ChaincodeDefinition & { readonly packageId: string | undefined };

/** A record as the lifecycle stores it: a type name and one encoded StateData a field. */
export type StoredStructure = {
  readonly datatype: string;
  readonly fields: readonly (readonly [field: string, stateData: Bytes])[];
};

export const DEFINITION_TYPE = "ChaincodeDefinition";
export const PARAMETERS_TYPE = "ChaincodeParameters";
export const LOCAL_PACKAGE_TYPE = "ChaincodeLocalPackage";

/** Names of the fields of a committed definition, in order. */
export const definitionFields = ["Sequence", "EndorsementInfo", "ValidationInfo", "Collections"] as const;

export function definitionStructure(definition: ChaincodeDefinition): StoredStructure {
  return {
    datatype: DEFINITION_TYPE,
    fields: [["Sequence", stateData({ Int64: definition.sequence })], ...parameterFields(definition)],
  };
}

export function parametersStructure(parameters: ChaincodeParameters): StoredStructure {
  return { datatype: PARAMETERS_TYPE, fields: parameterFields(parameters) };
}

export function localPackageStructure(packageId: string): StoredStructure {
  return { datatype: LOCAL_PACKAGE_TYPE, fields: [["PackageID", stateData({ String: packageId })]] };
}

export function metadataBytes(structure: StoredStructure): Bytes {
  const fields = structure.fields.map(([field]) => field);
  return encode(lifecycle.StateMetadata, { datatype: structure.datatype, fields });
}

function parameterFields(parameters: ChaincodeParameters): (readonly [string, Bytes])[] {
  const { version, initRequired, endorsementPlugin, validationPlugin, validationParameter } = parameters;
  const endorsement = encode(lifecycle.ChaincodeEndorsementInfo, { version, initRequired, endorsementPlugin });
  const validation = encode(lifecycle.ChaincodeValidationInfo, { validationPlugin, validationParameter });
  return [
    ["EndorsementInfo", stateData({ Bytes: endorsement })],
    ["ValidationInfo", stateData({ Bytes: validation })],
    ["Collections", stateData({ Bytes: parameters.collectionsBytes })],
  ];
}

function stateData(data: lifecycle.StateData.$Properties): Bytes {
  return encode(lifecycle.StateData, data);
}

/** Parameters from the three stored fields; a missing field reads as an empty one, as in Fabric. */
export function parametersFrom(field: (name: string) => Bytes | undefined): ChaincodeParameters {
  const endorsement = decodeStored(
    lifecycle.ChaincodeEndorsementInfo,
    bytesField(field, "EndorsementInfo"),
    "EndorsementInfo",
  );
  const validation = decodeStored(
    lifecycle.ChaincodeValidationInfo,
    bytesField(field, "ValidationInfo"),
    "ValidationInfo",
  );
  const collectionsBytes = bytesField(field, "Collections");
  return {
    version: endorsement.version,
    initRequired: endorsement.initRequired,
    endorsementPlugin: endorsement.endorsementPlugin,
    validationPlugin: validation.validationPlugin,
    validationParameter: validation.validationParameter,
    collections: staticCollections(decodeStored(common.CollectionConfigPackage, collectionsBytes, "Collections")),
    collectionsBytes,
  };
}

export function staticCollections(
  collections: common.CollectionConfigPackage.$Properties | null | undefined,
): common.StaticCollectionConfig.$Properties[] {
  return (collections?.config ?? []).flatMap((config) => config.staticCollectionConfig ?? []);
}

export function sequenceFrom(stored: Bytes | undefined): number {
  const data = decodeStored(lifecycle.StateData, stored ?? NO_BYTES, "Sequence");
  if (data.Type === undefined) return 0;
  if (data.Type !== "Int64") throw corrupt("Sequence", "a number");
  return Number(data.Int64);
}

export function stringFrom(stored: Bytes | undefined, field: string): string {
  const data = decodeStored(lifecycle.StateData, stored ?? NO_BYTES, field);
  if (data.Type === undefined) return "";
  if (data.Type !== "String") throw corrupt(field, "a text");
  return data.String ?? "";
}

function bytesField(field: (name: string) => Bytes | undefined, name: string): Bytes {
  const data = decodeStored(lifecycle.StateData, field(name) ?? NO_BYTES, name);
  if (data.Type === undefined) return NO_BYTES;
  if (data.Type !== "Bytes") throw corrupt(name, "bytes");
  return data.Bytes ?? NO_BYTES;
}

export function decodeStored<T>(type: { decode(bytes: Bytes): T }, bytes: Bytes, field: string): T {
  try {
    return type.decode(bytes);
  } catch (cause) {
    throw new LifecycleError("CORRUPT_STATE", `could not unmarshal state for key ${field}`, { cause });
  }
}

function corrupt(field: string, expected: string): LifecycleError {
  return new LifecycleError("CORRUPT_STATE", `expected field ${field} of a chaincode definition to be ${expected}`);
}
