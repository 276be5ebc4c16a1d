/**
 * Key metadata: named byte strings beside a key's value. Kept and hashed as a `kvrwset.KVMetadataWrite` with entries
 * only. Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/statemetadata/metadata.go.
 */
import { encode, kvrwset } from "@hansa/wire";
import type { MetadataEntry } from "./rwset.js";
import { FieldReader } from "./scan.js";

export type Metadata = ReadonlyMap<string, Uint8Array>;

/** Name of the entry that holds a key's endorsement policy, a `common.SignaturePolicyEnvelope`. */
export const VALIDATION_PARAMETER = "VALIDATION_PARAMETER";

export function serializeMetadata(entries: readonly MetadataEntry[]): Uint8Array {
  return encode(kvrwset.KVMetadataWrite, { entries: entries as MetadataEntry[] });
}

/** @throws MalformedMessage */
export function parseMetadata(bytes: Uint8Array | undefined): Metadata {
  const metadata = new Map<string, Uint8Array>();
  if (bytes === undefined) return metadata;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field !== 2 || !reader.isLengthDelimited()) {
      reader.skip();
      continue;
    }
    let name = "";
    let value: Uint8Array = Buffer.alloc(0);
    const entry = new FieldReader(reader.bytes());
    while (entry.next()) {
      if (!entry.isLengthDelimited()) entry.skip();
      else if (entry.field === 1) name = entry.string();
      else if (entry.field === 2) value = entry.bytes();
      else entry.skip();
    }
    metadata.set(name, value);
  }
  return metadata;
}
