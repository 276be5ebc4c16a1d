/**
 * Writes records in the lifecycle's own way, which touches only the keys that change, and compares records with what
 * an organisation stored when only the hashes of it can be seen.
 *
 * Which keys are read, and in which order, is part of a transaction's results; it follows Fabric so that peers of both
 * kinds endorse the same bytes.
 * Source: hyperledger/fabric, core/chaincode/lifecycle/serializer.go.
 */
import { type Bytes, equalBytes, sha256 } from "@hansa/primitives";
import { metadataBytes, type StoredStructure } from "./definition.js";
import { fieldKey, metadataKey } from "./keys.js";
import { type ReadKey, readMetadata } from "./reading.js";

/** Keys of one namespace, public or of one private collection. */
export interface WritableKeys {
  get(key: string): Bytes | undefined;
  put(key: string, value: Bytes): void;
  delete(key: string): void;
}

/** What every peer can see of an organisation's approvals: SHA-256 of values. */
export type HashedKeys = { readonly mspId: string; hashOf(key: string): Bytes | undefined };

export function writeStructure(namespace: string, name: string, structure: StoredStructure, state: WritableKeys): void {
  const known = readMetadata((key) => state.get(key), namespace, name);
  const left = new Map<string, Bytes | undefined>();
  for (const field of known?.fields ?? []) {
    const key = fieldKey(namespace, name, field);
    left.set(key, state.get(key));
  }
  for (const [field, value] of structure.fields) {
    const key = fieldKey(namespace, name, field);
    const stored = left.get(key);
    if (stored === undefined || !equalBytes(stored, value)) state.put(key, value);
    left.delete(key);
  }
  const isShapeKnown = known?.datatype === structure.datatype && known.fields.length === structure.fields.length;
  if (left.size > 0 || !isShapeKnown) state.put(metadataKey(namespace, name), metadataBytes(structure));
  for (const key of left.keys()) state.delete(key);
}

/** Names of the fields in which the stored record differs; the record's type when there is none or another one. */
export function mismatches(
  namespace: string,
  name: string,
  structure: StoredStructure,
  hashOf: (key: string) => Bytes | undefined,
): string[] {
  const metadataHash = hashOf(metadataKey(namespace, name));
  const hashes = structure.fields.map(([field]) => hashOf(fieldKey(namespace, name, field)));
  if (!isHashOf(metadataHash, metadataBytes(structure))) return [structure.datatype];
  return structure.fields.filter(([, value], i) => !isHashOf(hashes[i], value)).map(([field]) => field);
}

export function isHashOf(hash: Bytes | undefined, value: Bytes): boolean {
  return hash !== undefined && equalBytes(hash, sha256(value));
}

export function reader(state: WritableKeys): ReadKey {
  return (key) => state.get(key);
}
