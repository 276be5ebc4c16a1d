/**
 * Where an export's files stand, as in QLDB's exports to S3, and what its manifests say.
 *
 *     PREFIX/EXPORTID.started.manifest
 *     PREFIX/yyyy/mm/dd/hh/STRANDID.FIRST-LAST.ion      (or .json): blocks, by the hour of the first one
 *     PREFIX/EXPORTID.STRANDID.completed.manifest       the data objects' keys in order
 *     PREFIX/EXPORTID.STRANDID.digest.json              ours: the signed digest, and every file's checksum
 */
import type { Bytes } from "@hansa/primitives";
import type { SignatureParts } from "../verify/receipt-file.js";
import { extensionOf, fileHead, valueReader, writeValue } from "./format.js";
import { BadValue, EXPORT_FORMATS, type ExportFormat, Struct } from "./value.js";

/** Files by key, in a folder or a bucket. */
export interface ExportStore {
  /** For people, e.g. "s3://bucket". */
  readonly name: string;
  put(key: string, bytes: Bytes): Promise<void>;
  /** Undefined when there is none. */
  get(key: string): Promise<Bytes | undefined>;
  /** Keys directly under a prefix that ends in "/" or is empty, folders left out. */
  names(prefix: string): Promise<string[]>;
}

export type ExportManifest = {
  readonly ledgerName: string;
  readonly exportId: string;
  /** Milliseconds since 1970. */
  readonly inclusiveStartTime: number;
  readonly exclusiveEndTime: number;
  readonly bucket: string;
  readonly prefix: string;
  readonly outputFormat: ExportFormat;
};

/** A file of an export with its checksum; data objects say which blocks they hold. */
export type ExportedFile = {
  readonly key: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  readonly firstBlock?: number;
  readonly lastBlock?: number;
};

export type ExportSeal = {
  readonly digest: Bytes;
  readonly signatures: readonly SignatureParts[];
  readonly intermediateCertificates: readonly Bytes[];
  /** The started manifest, the data objects in order, the completed manifest. */
  readonly files: readonly ExportedFile[];
};

/** A prefix that can stand before a name: empty, or ending in one "/". */
export function normalPrefix(prefix: string): string {
  const trimmed = prefix.replace(/^\/+|\/+$/g, "");
  return trimmed === "" ? "" : `${trimmed}/`;
}

export const startedKey = (prefix: string, exportId: string): string => `${prefix}${exportId}.started.manifest`;
export const completedKey = (prefix: string, exportId: string, strandId: string): string =>
  `${prefix}${exportId}.${strandId}.completed.manifest`;
export const sealKey = (prefix: string, exportId: string, strandId: string): string =>
  `${prefix}${exportId}.${strandId}.digest.json`;

export function dataKey(
  prefix: string,
  strandId: string,
  first: { readonly number: number; readonly timestampMs: number },
  last: number,
  format: ExportFormat,
): string {
  const [date = "", time = ""] = new Date(first.timestampMs).toISOString().split("T");
  const hour = [...date.split("-"), time.slice(0, 2)].join("/");
  return `${prefix}${hour}/${strandId}.${first.number}-${last}.${extensionOf(format)}`;
}

export function writeStarted(manifest: ExportManifest): Bytes {
  const { inclusiveStartTime, exclusiveEndTime, outputFormat, ...rest } = manifest;
  const value = {
    ...rest,
    inclusiveStartTime: new Date(inclusiveStartTime),
    exclusiveEndTime: new Date(exclusiveEndTime),
    objectEncryptionType: "NO_ENCRYPTION",
    outputFormat,
  };
  return Buffer.concat([fileHead(outputFormat), writeValue(value, outputFormat)]);
}

/** Whatever format it is in. @throws BadValue */
export function readStarted(bytes: Bytes): ExportManifest {
  const format = formatOf(bytes);
  const struct = new Struct(onlyValue(bytes, format), "the manifest", format === "JSON");
  const manifest = {
    ledgerName: struct.text("ledgerName"),
    exportId: struct.text("exportId"),
    bucket: struct.text("bucket"),
    prefix: struct.text("prefix"),
    inclusiveStartTime: struct.time("inclusiveStartTime"),
    exclusiveEndTime: struct.time("exclusiveEndTime"),
    outputFormat: struct.text("outputFormat") as ExportFormat,
  };
  struct.text("objectEncryptionType");
  struct.end();
  if (!EXPORT_FORMATS.includes(manifest.outputFormat)) throw new BadValue(0, "the manifest names an unknown format");
  return manifest;
}

export function writeCompleted(keys: readonly string[], format: ExportFormat): Bytes {
  return Buffer.concat([fileHead(format), writeValue({ keys }, format)]);
}

/** @throws BadValue */
export function readCompleted(bytes: Bytes, format: ExportFormat): string[] {
  const struct = new Struct(onlyValue(bytes, format), "the manifest", format === "JSON");
  const keys = struct.list("keys");
  struct.end();
  if (!keys.every((key) => typeof key === "string")) throw new BadValue(0, "the manifest's keys are no list of texts");
  return [...(keys as string[])];
}

function onlyValue(bytes: Bytes, format: ExportFormat) {
  const reader = valueReader(bytes, format);
  const value = reader.next();
  if (!reader.done) throw new BadValue(reader.position, "something after the manifest");
  return value;
}

/** By how a manifest begins. */
function formatOf(bytes: Bytes): ExportFormat {
  if (bytes[0] === 0xe0) return "ION_BINARY";
  return bytes[1] === '"'.charCodeAt(0) ? "JSON" : "ION_TEXT";
}
