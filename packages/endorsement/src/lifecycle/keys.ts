/**
 * Where the chaincode lifecycle keeps what it knows.
 *
 * Public state of namespace `_lifecycle`:
 *   namespaces/metadata/NAME               StateMetadata{ChaincodeDefinition, field names}
 *   namespaces/fields/NAME/FIELD           StateData, one key a field
 * Private state of the collection `_implicit_org_MSPID` (only hashes are public):
 *   namespaces/metadata/NAME#SEQUENCE      StateMetadata{ChaincodeParameters, field names}
 *   namespaces/fields/NAME#SEQUENCE/FIELD
 *   chaincode-sources/metadata/NAME#SEQUENCE
 *   chaincode-sources/fields/NAME#SEQUENCE/PackageID
 *
 * Source: hyperledger/fabric, core/chaincode/lifecycle/lifecycle.go and serializer.go.
 */

export const LIFECYCLE_NAMESPACE = "_lifecycle";
export const NAMESPACES = "namespaces";
export const CHAINCODE_SOURCES = "chaincode-sources";
const IMPLICIT_COLLECTION_PREFIX = "_implicit_org_";

/** Prefix of all metadata keys of one sub-namespace, for ranges. */
export function metadataPrefix(namespace: string): string {
  return `${namespace}/metadata/`;
}

export function metadataKey(namespace: string, name: string): string {
  return `${namespace}/metadata/${name}`;
}

export function fieldKey(namespace: string, name: string, field: string): string {
  return `${namespace}/fields/${name}/${field}`;
}

/** Name under which an organisation approves one sequence of a chaincode. */
export function approvalName(chaincodeName: string, sequence: number): string {
  return `${chaincodeName}#${sequence}`;
}

export function implicitCollection(mspId: string): string {
  return `${IMPLICIT_COLLECTION_PREFIX}${mspId}`;
}

/** MSP id of an implicit collection, undefined for any other collection. */
export function mspIdOfImplicitCollection(collection: string): string | undefined {
  return collection.startsWith(IMPLICIT_COLLECTION_PREFIX)
    ? collection.slice(IMPLICIT_COLLECTION_PREFIX.length)
    : undefined;
}

const SEQUENCE_KEY = /^namespaces\/fields\/([^/]+)\/Sequence$/;

/** Name of the chaincode whose committed definition a write to this public key of `_lifecycle` changes. */
export function chaincodeOfSequenceKey(key: string): string | undefined {
  return SEQUENCE_KEY.exec(key)?.[1];
}
