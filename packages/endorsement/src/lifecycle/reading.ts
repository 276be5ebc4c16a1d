/**
 * Reads chaincode definitions out of a channel's state. Needs two operations only, so that a store, a simulator and a
 * test's map all serve.
 */
import type { Bytes } from "@hansa/primitives";
import { lifecycle } from "@hansa/wire";
import {
  type ApprovedDefinition,
  type ChaincodeDefinition,
  DEFINITION_TYPE,
  decodeStored,
  LOCAL_PACKAGE_TYPE,
  PARAMETERS_TYPE,
  parametersFrom,
  sequenceFrom,
  stringFrom,
} from "./definition.js";
import { LifecycleError } from "./error.js";
import {
  approvalName,
  CHAINCODE_SOURCES,
  fieldKey,
  LIFECYCLE_NAMESPACE,
  metadataKey,
  metadataPrefix,
  NAMESPACES,
} from "./keys.js";

/** The part of the ledger's StateReader that single definitions need. */
export interface StateLookup {
  get(namespace: string, key: string): { readonly value: Bytes } | undefined;
}

/** The part of the ledger's StateReader that listing needs; `endKey` is exclusive. */
export interface StateRange {
  range(
    namespace: string,
    startKey: string,
    endKey: string,
    pageSize?: number,
  ): { next(max: number): Promise<readonly { readonly key: string; readonly value: Bytes }[]> };
}

/** One value of the namespace that is being looked at; undefined when there is none. */
export type ReadKey = (key: string) => Bytes | undefined;

const PAGE = 1_000;
const MAX_DEFINITIONS = 100_000;

/**
 * The committed definition of a chaincode, or undefined when the channel has none.
 * @throws LifecycleError CORRUPT_STATE
 */
export function chaincodeDefinition(state: StateLookup, name: string): ChaincodeDefinition | undefined {
  return readDefinition((key) => state.get(LIFECYCLE_NAMESPACE, key)?.value, name);
}

/** As chaincodeDefinition, over any way to read keys of `_lifecycle`; reads the keys in Fabric's order. */
export function readDefinition(read: ReadKey, name: string): ChaincodeDefinition | undefined {
  const metadata = readMetadata(read, NAMESPACES, name);
  if (metadata === undefined) return undefined;
  if (metadata.datatype !== DEFINITION_TYPE) {
    throw new LifecycleError("CORRUPT_STATE", `not a chaincode type: ${metadata.datatype}`);
  }
  const sequence = readSequence(read, name);
  return { name, sequence, ...parametersFrom((field) => read(fieldKey(NAMESPACES, name, field))) };
}

/** Sequence of the committed definition, 0 when there is none. */
export function readSequence(read: ReadKey, name: string): number {
  return sequenceFrom(read(fieldKey(NAMESPACES, name, "Sequence")));
}

/** All committed definitions of a channel, ordered by name's bytes. */
export async function listDefinitions(state: StateLookup & StateRange): Promise<ChaincodeDefinition[]> {
  const names = await listNames(state.range(LIFECYCLE_NAMESPACE, ...metadataRange(NAMESPACES), PAGE), NAMESPACES);
  return names.flatMap((name) => chaincodeDefinition(state, name) ?? []);
}

/**
 * Start (inclusive) and end (exclusive) of the metadata keys, as Fabric asks for them: the range stands in the read set
 * of a transaction whose contract asked for the definitions, and endorsers must agree on it.
 * Source: hyperledger/fabric, core/chaincode/lifecycle/ledger_shim.go (GetStateRange).
 */
export function metadataRange(namespace: string): [start: string, end: string] {
  const prefix = metadataPrefix(namespace);
  return [prefix, `${prefix}\u007f`];
}

/** Names behind the metadata keys that a cursor yields. */
export async function listNames(
  cursor: { next(max: number): Promise<readonly { readonly key: string }[]> },
  namespace: string,
): Promise<string[]> {
  const prefix = metadataPrefix(namespace);
  const names: string[] = [];
  while (names.length < MAX_DEFINITIONS) {
    const page = await cursor.next(PAGE);
    if (page.length === 0) break;
    for (const { key } of page) if (key.startsWith(prefix)) names.push(key.slice(prefix.length));
  }
  return names;
}

/**
 * What this organisation approved for one sequence, read from its own implicit collection's plaintext.
 * Undefined when it approved nothing there.
 */
export function readApproval(readPrivate: ReadKey, name: string, sequence: number): ApprovedDefinition | undefined {
  const privateName = approvalName(name, sequence);
  const metadata = readMetadata(readPrivate, NAMESPACES, privateName);
  if (metadata === undefined) return undefined;
  if (metadata.datatype !== PARAMETERS_TYPE) {
    throw new LifecycleError("CORRUPT_STATE", `not a chaincode parameters type: ${metadata.datatype}`);
  }
  const parameters = parametersFrom((field) => readPrivate(fieldKey(NAMESPACES, privateName, field)));
  const source = readMetadata(readPrivate, CHAINCODE_SOURCES, privateName);
  if (source === undefined) {
    throw new LifecycleError("CORRUPT_STATE", `could not fetch chaincode-source metadata for ${privateName}`);
  }
  if (source.datatype !== LOCAL_PACKAGE_TYPE) {
    throw new LifecycleError("CORRUPT_STATE", `not a chaincode local package type: ${source.datatype}`);
  }
  const packageId = readPackageId(readPrivate, privateName);
  return { name, sequence, ...parameters, packageId: packageId === "" ? undefined : packageId };
}

export function readPackageId(readPrivate: ReadKey, privateName: string): string {
  return stringFrom(readPrivate(fieldKey(CHAINCODE_SOURCES, privateName, "PackageID")), "PackageID");
}

export function readMetadata(read: ReadKey, namespace: string, name: string): lifecycle.StateMetadata | undefined {
  const key = metadataKey(namespace, name);
  const stored = read(key);
  return stored === undefined ? undefined : decodeStored(lifecycle.StateMetadata, stored, key);
}
